//! What the replies on a session's own connection mean for the session.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::resp::scan::reply::{Fed, NotResp, ReplyScanner};
use crate::session::path::Path;
use crate::session::state::{Expect, Held};
use crate::session::{Client, hello};
use crate::upstream::{Lease, ServerInfo};

/// How much of a reply is kept to see what it is.
const HEAD: usize = 16;

/// A reply that has ended, by its first bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    head: [u8; HEAD],
}

impl Answer {
    fn is_error(self) -> bool {
        self.head[0] == b'-'
    }

    fn is_push(self) -> bool {
        self.head[0] == b'>'
    }
}

/// Follows the replies as they pass.
#[derive(Debug, Default)]
pub(super) struct Replies {
    scanner: ReplyScanner,
    head: [u8; HEAD],
    seen: usize,
    /// A reply that is not passed on as it is, gathered whole.
    held_back: Vec<u8>,
    /// A `RESET` is on its way on a sticky connection.
    reset: bool,
}

impl Replies {
    /// Whether no reply is half through.
    pub(super) fn at_start(&self) -> bool {
        self.scanner.at_start()
    }

    /// From now on a `+RESET` ends the connection's stickiness.
    pub(super) fn await_reset(&mut self) {
        self.reset = true;
    }

    /// Looks at the next piece; answers how much of it belongs to the current reply, and the reply if
    /// that ends it.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(usize, Option<Answer>), NotResp> {
        if self.scanner.at_start() {
            (self.head, self.seen) = ([0; HEAD], 0);
        }
        let fed = self.scanner.feed(piece)?;
        let n = if let Fed::Whole(n) = fed { n } else { piece.len() };
        let room = HEAD.saturating_sub(self.seen).min(n);
        self.head[self.seen..self.seen + room].copy_from_slice(&piece[..room]);
        self.seen += room;
        Ok((n, matches!(fed, Fed::Whole(_)).then_some(Answer { head: self.head })))
    }

    /// Passes a piece of the current reply on, unless the client gets another in its place.
    pub(super) fn pass(&mut self, piece: &[u8], client: &Client, expect: Option<&Expect>) {
        match expect.filter(|_| self.head[0] != b'>') {
            Some(Expect::Instead(_)) => {}
            Some(Expect::Hello(_)) => self.held_back.extend_from_slice(piece),
            _ => client.append(|out| out.extend_from_slice(piece)),
        }
    }

    /// A reply has ended: what it changes. Answers whether the session must leave now.
    pub(super) fn answered(
        &mut self,
        answer: Answer,
        held: &mut Held,
        expect: &mut VecDeque<Expect>,
        path: &mut Path,
        lease: Option<&mut Lease>,
    ) -> bool {
        if held.sticky {
            let reset = self.reset && answer.head.starts_with(b"+RESET\r\n");
            if reset {
                *held = Held::default();
                path.reset();
            }
            return reset;
        }
        if answer.is_push() {
            return false;
        }
        let Some(expected) = expect.pop_front() else { return false };
        let reset = matches!(expected, Expect::Reset);
        if answer.is_error() {
            held.refused(&expected);
        }
        self.apply(expected, answer.is_error(), path, lease);
        reset
    }

    fn apply(&mut self, expected: Expect, error: bool, path: &mut Path, mut lease: Option<&mut Lease>) {
        match expected {
            Expect::Instead(words) => path.client.append(|out| out.extend_from_slice(&words)),
            Expect::Hello(options) => self.hello(*options, error, path, &mut lease),
            _ if error => return,
            Expect::Select(db) => path.select(db),
            Expect::Auth(credential) => path.become_user(*credential),
            Expect::Reset => {
                path.reset();
                // Its credential is reset too, to the server's idea of one.
                if let Some(lease) = &mut lease {
                    lease.tainted = true;
                }
            }
            _ => return,
        }
        if let Some(lease) = lease {
            lease.state = path.wanted();
        }
    }

    /// The server's answer to `HELLO`, with the client's own id in it.
    fn hello(&mut self, options: hello::Hello, error: bool, path: &mut Path, lease: &mut Option<&mut Lease>) {
        let reply = Bytes::from(std::mem::take(&mut self.held_back));
        if error {
            return path.client.append(|out| out.extend_from_slice(&reply));
        }
        if let Some(lease) = lease {
            lease.tainted |= options.name.is_some();
        }
        hello::apply(path, options);
        let words = hello::compose(path, &ServerInfo::fields(&reply));
        path.client.append(|out| out.extend_from_slice(&words));
    }
}
