//! Reading the files of conversations.

use nearside::resp::request::encode;

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) server: Vec<String>,
    /// User and password for Nearside.
    pub(crate) proxy: Option<(Option<String>, String)>,
    pub(crate) direct: Vec<String>,
    pub(crate) reset: Vec<String>,
    pub(crate) no_reset: bool,
    pub(crate) as_is: bool,
    pub(crate) stepwise: bool,
    pub(crate) conversations: Vec<Conversation>,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One line of it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// As it stands in the file.
    pub(crate) line: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) brings: Brings,
}

/// What a line brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brings {
    /// So many replies, in RESP2 and in RESP3.
    Replies(usize, usize),
    /// The end of the connection, after whatever is still owed.
    Close,
}

impl Script {
    pub(crate) fn read(text: &str) -> Self {
        let mut script = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix("== ") {
                script.conversations.push(Conversation { name: name.into(), steps: Vec::new() });
            } else if let Some(setting) = line.strip_prefix('@') {
                script.setting(setting);
            } else {
                let conversation = script.conversations.last_mut().expect("a line before the first name");
                conversation.steps.push(Step::read(line));
            }
        }
        script
    }

    fn setting(&mut self, setting: &str) {
        let words: Vec<String> = words(setting.as_bytes())
            .into_iter()
            .map(|word| String::from_utf8(word).expect("text"))
            .collect();
        let (name, rest) = words.split_first().expect("a setting has a name");
        match (name.as_str(), rest) {
            ("server", _) => self.server = rest.to_vec(),
            ("proxy", [user, password]) => {
                self.proxy = Some((Some(user.clone()).filter(|user| user != "-"), password.clone()));
            }
            ("direct", _) => self.direct = rest.to_vec(),
            ("reset", _) => self.reset = rest.to_vec(),
            ("no-reset", []) => self.no_reset = true,
            ("as-is", []) => self.as_is = true,
            ("stepwise", []) => self.stepwise = true,
            _ => panic!("no such setting: @{setting}"),
        }
    }
}

impl Step {
    fn read(line: &str) -> Self {
        let (brings, said) = brings(line);
        let bytes = match said.strip_prefix("> ") {
            Some(raw) => unescaped(raw.as_bytes()),
            None => {
                let words = words(said.as_bytes());
                encode(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
            }
        };
        Self { line: said.into(), bytes, brings }
    }

    /// A command.
    pub(crate) fn command(line: &str) -> Self {
        Self::read(line)
    }
}

fn brings(line: &str) -> (Brings, &str) {
    let marked = line.strip_prefix('(').and_then(|rest| rest.split_once(") "));
    let Some((mark, said)) = marked else { return (Brings::Replies(1, 1), line) };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("not a count: {line}"));
    let brings = match mark.split_once('/') {
        _ if mark == "close" => Brings::Close,
        Some((two, three)) => Brings::Replies(number(two), number(three)),
        None => Brings::Replies(number(mark), number(mark)),
    };
    (brings, said)
}

/// Words separated by blanks; those in double quotes have escapes.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return found,
            [b'"', quoted @ ..] => {
                let mut end = 0;
                while quoted[end] != b'"' {
                    end += if quoted[end] == b'\\' { 2 } else { 1 };
                }
                found.push(unescaped(&quoted[..end]));
                rest = &quoted[end + 1..];
            }
            _ => {
                let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
                found.push(rest[..end].to_vec());
                rest = &rest[end..];
            }
        }
    }
}

/// `\r`, `\n`, `\t`, `\\`, `\"` and `\x41`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let (byte, taken) = match text[at + 1] {
            b'r' => (b'\r', 2),
            b'n' => (b'\n', 2),
            b't' => (b'\t', 2),
            b'x' => {
                let digits = std::str::from_utf8(&text[at + 2..at + 4]).expect("two digits");
                (u8::from_str_radix(digits, 16).expect("two digits"), 4)
            }
            other => (other, 2),
        };
        out.push(byte);
        at += taken;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_readme_says() {
        let step = Step::read(r#"SET k "a b\r\n\x00\"""#);
        assert_eq!(step.bytes, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$7\r\na b\r\n\0\"\r\n");
        assert_eq!(step.brings, Brings::Replies(1, 1));
        assert_eq!(Step::read("(1/2) PUBLISH c m").brings, Brings::Replies(1, 2));
        assert_eq!(Step::read("(0) > \\r\\n").bytes, b"\r\n");
        assert_eq!(Step::read("(close) QUIT").brings, Brings::Close);
        assert_eq!(words(b"a (1 \"\""), [&b"a"[..], b"(1", b""]);
    }
}
