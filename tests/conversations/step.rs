//! One line of a conversation.

use std::collections::HashMap;

use nearside::command::{Cached, all};
use nearside::resp::request::encode;

use crate::words::{unescaped, words};

/// What replies have been kept under which name.
pub(crate) type Kept = HashMap<String, Vec<u8>>;

/// One line of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// As it stands in the file, without its marks.
    pub(crate) line: String,
    /// The connection that says it; the first has no name.
    pub(crate) who: String,
    pub(crate) said: Said,
    pub(crate) brings: Brings,
    /// The name its reply is kept under.
    pub(crate) keeps: Option<String>,
    /// The command whose rules of comparison apply.
    pub(crate) like: String,
}

/// What a line sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    Raw(Vec<u8>),
    Words(Vec<Vec<u8>>),
}

/// What a line brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Brings {
    /// So many replies, in RESP2 and in RESP3.
    Replies(usize, usize),
    /// The end of the connection, after whatever is still owed.
    Close,
    /// Nothing: the client goes away.
    Hangup,
    /// In the end, a reply with this text in it: asked again and again of the server itself.
    Seen(String),
}

impl Step {
    pub(crate) fn read(line: &str) -> Self {
        let (who, rest) = speaker(line);
        let mut step = Self {
            line: String::new(),
            who: who.into(),
            said: Said::Nothing,
            brings: Brings::Replies(1, 1),
            keeps: None,
            like: String::new(),
        };
        let said = rest;
        let mut rest = rest;
        while let Some((mark, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            step.mark(mark, line);
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        step.said = match rest.strip_prefix("> ") {
            Some(raw) => Said::Raw(unescaped(raw.as_bytes())),
            None if rest.is_empty() => Said::Nothing,
            None => Said::Words(words(rest.as_bytes())),
        };
        step.line = if rest.is_empty() { said.into() } else { rest.into() };
        if step.like.is_empty() {
            step.like = rest.into();
        }
        step
    }

    /// `line`, said by `who`.
    pub(crate) fn by(who: &str, line: &str) -> Self {
        Self { who: who.into(), ..Self::read(line) }
    }

    fn mark(&mut self, mark: &str, line: &str) {
        let (word, rest) = mark.split_once(' ').unwrap_or((mark, ""));
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("not a count: {line}"));
        let counts = |text: &str| match text.split_once('/') {
            Some((two, three)) => Brings::Replies(number(two), number(three)),
            None => Brings::Replies(number(text), number(text)),
        };
        match word {
            "close" => self.brings = Brings::Close,
            "hangup" => self.brings = Brings::Hangup,
            "later" => self.brings = Brings::Replies(0, 0),
            "await" => self.brings = counts(if rest.is_empty() { "1" } else { rest }),
            "until" => self.brings = Brings::Seen(rest.into()),
            "like" => self.like = rest.into(),
            _ => match word.strip_prefix('=') {
                Some(name) => self.keeps = Some(name.into()),
                None => self.brings = counts(mark),
            },
        }
    }

    /// What it sends, with `$name` for what was kept under that name.
    pub(crate) fn bytes(&self, kept: &Kept) -> Vec<u8> {
        match &self.said {
            Said::Nothing => Vec::new(),
            Said::Raw(bytes) => bytes.clone(),
            Said::Words(words) => {
                let known = |word: &[u8]| kept.get(std::str::from_utf8(word.strip_prefix(b"$")?).ok()?);
                let words: Vec<&[u8]> =
                    words.iter().map(|word| known(word).map_or(&word[..], Vec::as_slice)).collect();
                encode(&words)
            }
        }
    }

    /// Whether it is a read whose reply Nearside may keep, and one reply is all it brings.
    pub(crate) fn is_kept(&self) -> bool {
        let Said::Words(words) = &self.said else { return false };
        let is_such = |name: &[u8]| {
            all().any(|row| row.cached != Cached::No && row.name.as_bytes().eq_ignore_ascii_case(name))
        };
        self.brings == Brings::Replies(1, 1)
            && self.keeps.is_none()
            && words.first().is_some_and(|name| is_such(name))
    }

    /// Whether it can be said without looking at the replies to others before it.
    pub(crate) fn is_plain(&self) -> bool {
        let seen = matches!(self.brings, Brings::Seen(_));
        self.who.is_empty() && self.keeps.is_none() && !seen && self.said != Said::Nothing
    }
}

/// `b: PING` is said by b.
fn speaker(line: &str) -> (&str, &str) {
    match line.split_once(": ") {
        Some((who, rest)) if who.bytes().all(|byte| byte.is_ascii_alphanumeric()) => (who, rest),
        _ => ("", line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_readme_says() {
        let none = Kept::default();
        let step = Step::read(r#"SET k "a b\r\n\x00\"""#);
        assert_eq!(step.bytes(&none), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$7\r\na b\r\n\0\"\r\n");
        assert_eq!(step.brings, Brings::Replies(1, 1));
        assert_eq!(Step::read("(1/2) PUBLISH c m").brings, Brings::Replies(1, 2));
        assert_eq!(Step::read("(0) > \\r\\n").bytes(&none), b"\r\n");
        assert_eq!(Step::read("(close) QUIT").brings, Brings::Close);
        assert_eq!(words(b"a (1 \"\""), [&b"a"[..], b"(1", b""]);
    }

    #[test]
    fn lines_of_several_connections_are_read_as_the_readme_says() {
        let step = Step::read("b: (later) BLPOP q 0");
        assert_eq!((&*step.who, step.brings, &*step.line), ("b", Brings::Replies(0, 0), "BLPOP q 0"));
        let step = Step::read("b: (await 1/2)");
        assert_eq!((step.said, step.brings), (Said::Nothing, Brings::Replies(1, 2)));
        let step = Step::read("(until blocked_clients:1) INFO clients");
        assert_eq!(step.brings, Brings::Seen("blocked_clients:1".into()));
        let step = Step::read("b: (=id) CLIENT ID");
        assert_eq!((step.keeps.as_deref(), &*step.line), (Some("id"), "CLIENT ID"));
        let kept = Kept::from([("id".into(), b"77".to_vec())]);
        assert_eq!(Step::read("ECHO $id").bytes(&kept), b"*2\r\n$4\r\nECHO\r\n$2\r\n77\r\n");
        assert_eq!(Step::read("ECHO $").bytes(&kept), b"*2\r\n$4\r\nECHO\r\n$1\r\n$\r\n");
        let step = Step::read("(like CLIENT ID) (2) EXEC");
        assert_eq!((&*step.like, &*step.line, step.brings), ("CLIENT ID", "EXEC", Brings::Replies(2, 2)));
    }
}
