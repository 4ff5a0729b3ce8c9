//! A client that says lines and reads replies as text.

use std::time::{Duration, Instant};

use nearside::resp::request::encode;

use crate::common::{PATIENCE, Talk};

/// The bytes of a request: the words of `line`.
pub(crate) fn request(line: &str) -> Vec<u8> {
    encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

/// One connection, through the proxy or straight to a server.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) Talk);

impl Client {
    /// Sends the words of `line`.
    pub(crate) fn say(&mut self, line: &str) {
        self.0.send(&request(line));
    }

    /// Sends commands in one packet.
    pub(crate) fn say_all(&mut self, lines: &[&str]) {
        self.0.send(&lines.iter().flat_map(|line| request(line)).collect::<Vec<_>>());
    }

    /// Sends the words of `line`; the reply.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.reply()
    }

    /// Sends commands in one packet; their replies.
    pub(crate) fn ask_all(&mut self, lines: &[&str]) -> Vec<String> {
        self.say_all(lines);
        lines.iter().map(|_| self.reply()).collect()
    }

    /// Sends commands one by one, so that a transaction is not all there when it begins; their replies.
    pub(crate) fn ask_each(&mut self, lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| self.ask(line)).collect()
    }

    /// The reply as it came.
    pub(crate) fn raw(&mut self, line: &str) -> Vec<u8> {
        self.say(line);
        self.0.reply()
    }

    pub(crate) fn reply(&mut self) -> String {
        text(&self.0.reply())
    }

    /// The next reply if it comes within `limit`.
    pub(crate) fn reply_within(&mut self, limit: Duration) -> Option<String> {
        let end = Instant::now() + limit;
        self.0.set_patience(limit.max(Duration::from_millis(1)));
        let reply = loop {
            match self.0.try_reply() {
                Ok(reply) => break Some(text(&reply)),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => panic!("closed"),
                Err(_) if Instant::now() >= end => break None,
                Err(_) => {}
            }
        };
        self.0.set_patience(PATIENCE);
        reply
    }
}

/// A reply as text: bulk strings and numbers as they are, `nil`, errors with their `-`, aggregates in
/// brackets, a push with a `>` before.
pub(crate) fn text(reply: &[u8]) -> String {
    let mut rest = reply;
    let text = one(&mut rest);
    assert!(rest.is_empty(), "more than a reply: {}", reply.escape_ascii());
    text
}

fn one(rest: &mut &[u8]) -> String {
    let end = rest.windows(2).position(|two| two == b"\r\n").expect("a whole reply");
    let (head, tail) = (&rest[1..end], &rest[end + 2..]);
    let (kind, head) = (rest[0], String::from_utf8_lossy(head).into_owned());
    *rest = tail;
    let mut many = |count: usize, open: &str| {
        let parts: Vec<_> = (0..count).map(|_| one(rest)).collect();
        format!("{open}{}]", parts.join(" "))
    };
    match kind {
        b'_' => "nil".into(),
        b'$' | b'*' if head == "-1" => "nil".into(),
        b'$' | b'=' => {
            let len: usize = head.parse().expect("a length");
            let bulk = String::from_utf8_lossy(&rest[..len]).into_owned();
            *rest = &rest[len + 2..];
            bulk
        }
        b'*' | b'~' => many(head.parse().expect("a count"), "["),
        b'>' => many(head.parse().expect("a count"), ">["),
        b'%' => many(2 * head.parse::<usize>().expect("a count"), "["),
        b'-' => format!("-{head}"),
        _ => head,
    }
}
