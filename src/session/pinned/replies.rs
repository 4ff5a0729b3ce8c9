//! Replies on a session's own connection, followed as they pass: where each ends, whether it answers
//! a request, and what becomes of its bytes.

use std::sync::Arc;

use crate::resp::Proto;
use crate::resp::scan::reply::{Fed, ReplyScanner};
use crate::session::Client;
use crate::session::state::{Expect, Fate, HEAD, Message, last_integer, message};
use crate::upstream::{Failure, Shared};

/// How much of a frame's end is kept to read the number it ends with.
const TAIL: usize = 24;
/// A piece of a reply from this size on is not copied if the client takes it at once.
const WEIGHTY: usize = 16 * 1024;

/// A frame that has ended.
#[derive(Debug)]
pub(super) enum Frame {
    /// It answers the request whose turn it is.
    Reply(Reply),
    /// It answers none.
    Message(Message, Option<u32>),
}

/// A reply that has ended.
#[derive(Debug)]
pub(super) struct Reply {
    /// Its first bytes.
    pub(super) head: [u8; HEAD],
    /// All of it, if it was gathered.
    pub(super) gathered: Vec<u8>,
    /// It is longer than the client may have, and none of it was passed on.
    pub(super) withheld: Option<Failure>,
}

impl Reply {
    pub(super) fn is_error(&self) -> bool {
        self.head[0] == b'-'
    }

    /// Whether it says that there is nothing.
    pub(super) fn is_null(&self) -> bool {
        self.head[0] == b'_' || self.head.starts_with(b"*-1") || self.head.starts_with(b"$-1")
    }
}

/// What the frame that is passing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// Too little of it has come to tell.
    #[default]
    Unknown,
    Reply(Fate),
    Message(Message),
    /// A reply the client may not have.
    Withheld,
}

/// How the next frame is to be understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// The connection's protocol.
    pub(super) proto: Proto,
    /// Frames may come that answer no request.
    pub(super) listens: bool,
    /// What the next reply answers.
    pub(super) front: Option<&'a Expect>,
}

/// Follows the frames as they pass.
#[derive(Debug)]
pub(super) struct Replies {
    scanner: ReplyScanner,
    kind: Kind,
    head: [u8; HEAD],
    seen: usize,
    tail: [u8; TAIL],
    /// What is not passed on yet, or not as it is.
    gathered: Vec<u8>,
    /// Bytes of the frame so far.
    size: usize,
    /// Some of them are with the client.
    passed: bool,
    /// It must not have the rest.
    broken: bool,
    withheld: Option<Failure>,
    shared: Arc<Shared>,
}

impl Replies {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            size: 0,
            passed: false,
            broken: false,
            withheld: None,
            scanner: ReplyScanner::default(),
            kind: Kind::Unknown,
            head: [0; HEAD],
            seen: 0,
            tail: [0; TAIL],
            gathered: Vec::new(),
        }
    }

    /// Whether no frame is half through.
    pub(super) fn at_start(&self) -> bool {
        self.scanner.at_start()
    }

    /// Whether part of a frame is on its way to the client already.
    pub(super) fn is_passing(&self) -> bool {
        let kept =
            matches!(self.kind, Kind::Unknown | Kind::Withheld | Kind::Reply(Fate::Gather | Fate::Drop));
        self.broken || (!self.at_start() && !kept)
    }

    /// Takes the next piece; answers how much of it belongs to the current frame, and the frame if that
    /// ends it.
    pub(super) fn feed(
        &mut self,
        piece: &[u8],
        reading: Reading<'_>,
        client: &Client,
    ) -> Result<(usize, Option<Frame>), String> {
        if self.at_start() {
            (self.kind, self.head, self.seen) = (Kind::Unknown, [0; HEAD], 0);
            (self.size, self.passed) = (0, false);
        }
        let fed = self.scanner.feed(piece).map_err(|error| error.to_string())?;
        let n = if let Fed::Whole(n) = fed { n } else { piece.len() };
        let whole = matches!(fed, Fed::Whole(_));
        let piece = &piece[..n];
        self.note(piece);
        if self.kind == Kind::Unknown {
            self.kind = self.judge(whole, reading);
        }
        self.size = self.size.saturating_add(n);
        self.measure()?;
        match self.kind {
            // It is short, and goes on in other words.
            Kind::Message(Message::RedirectBroken) => self.gathered.clear(),
            Kind::Unknown | Kind::Reply(Fate::Gather) => self.gathered.extend_from_slice(piece),
            Kind::Reply(Fate::Drop) | Kind::Withheld => self.gathered.clear(),
            Kind::Reply(Fate::Pass) | Kind::Message(_) => {
                let first = std::mem::take(&mut self.gathered);
                self.passed = true;
                // What a blocked client gets waits for a look whether it is still there.
                let blocked = matches!(reading.front, Some(Expect::Blocking { .. }));
                if first.is_empty() && piece.len() >= WEIGHTY && !blocked {
                    client.pass(piece);
                } else {
                    client.append(|out| {
                        out.extend_from_slice(&first);
                        out.extend_from_slice(piece);
                    });
                }
            }
        }
        Ok((n, whole.then(|| self.ended())))
    }

    /// A reply that is, or will be, longer than the client may have is kept from it. One of which it has
    /// the beginning cannot be taken back: that ends the connection.
    fn measure(&mut self) -> Result<(), String> {
        let owed = usize::try_from(self.scanner.still_needs()).unwrap_or(usize::MAX);
        let size = self.size.saturating_add(owed);
        if self.kind != Kind::Reply(Fate::Pass) || !self.shared.is_too_long(self.head.first(), size) {
            return Ok(());
        }
        let failure = self.shared.too_long();
        if self.passed {
            self.broken = true;
            return Err(failure.to_string());
        }
        (self.kind, self.withheld) = (Kind::Withheld, Some(failure));
        Ok(())
    }

    /// Keeps the frame's first and last bytes.
    fn note(&mut self, piece: &[u8]) {
        let room = HEAD.saturating_sub(self.seen).min(piece.len());
        self.head[self.seen..self.seen + room].copy_from_slice(&piece[..room]);
        self.seen += room;
        if piece.len() >= TAIL {
            self.tail.copy_from_slice(&piece[piece.len() - TAIL..]);
        } else {
            self.tail.copy_within(piece.len().., 0);
            self.tail[TAIL - piece.len()..].copy_from_slice(piece);
        }
    }

    fn judge(&self, whole: bool, reading: Reading<'_>) -> Kind {
        let fate = reading.front.map_or(Fate::Pass, Expect::fate);
        let head = &self.head[..self.seen];
        let confirms = matches!(reading.front, Some(Expect::Subscription { .. }));
        let may_be_message = match reading.proto {
            Proto::Resp3 => head[0] == b'>',
            Proto::Resp2 => (reading.listens || confirms) && head[0] == b'*',
        };
        if !may_be_message {
            return Kind::Reply(fate);
        }
        if !whole && self.seen < HEAD {
            return Kind::Unknown;
        }
        message(head).map_or(Kind::Reply(fate), Kind::Message)
    }

    fn ended(&mut self) -> Frame {
        match self.kind {
            Kind::Message(what) => Frame::Message(what, last_integer(&self.tail)),
            Kind::Unknown | Kind::Reply(_) | Kind::Withheld => Frame::Reply(Reply {
                head: self.head,
                gathered: std::mem::take(&mut self.gathered),
                withheld: self.withheld.take(),
            }),
        }
    }
}
