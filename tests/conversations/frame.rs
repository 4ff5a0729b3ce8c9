//! Replies taken apart.

/// One reply, or one element of one.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A text, number, null or error, with its type's character.
    Leaf { kind: u8, text: Vec<u8> },
    /// A list, set, map (names and values in turn), push or attribute.
    Many { kind: u8, items: Vec<Self> },
    /// What is no reply.
    Other(Vec<u8>),
}

impl Frame {
    /// All of `bytes`; what is no reply comes last.
    pub(crate) fn read_all(mut bytes: &[u8]) -> Vec<Self> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            match Self::read(bytes) {
                Some((frame, rest)) => {
                    found.push(frame);
                    bytes = rest;
                }
                None => {
                    found.push(Self::Other(bytes.to_vec()));
                    break;
                }
            }
        }
        found
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let (kind, line, rest) = (bytes[0], &bytes[1..end], &bytes[end + 2..]);
        let count = || std::str::from_utf8(line).ok()?.parse::<usize>().ok();
        match (kind, count()) {
            (b'$' | b'=' | b'!', Some(length)) => {
                let text = rest.get(..length)?.to_vec();
                Some((Self::Leaf { kind, text }, rest.get(length + 2..)?))
            }
            (b'*' | b'~' | b'>' | b'%' | b'|', Some(length)) => {
                let (mut items, mut rest) = (Vec::new(), rest);
                for _ in 0..if matches!(kind, b'%' | b'|') { length * 2 } else { length } {
                    let (item, after) = Self::read(rest)?;
                    items.push(item);
                    rest = after;
                }
                Some((Self::Many { kind, items }, rest))
            }
            (b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' | b'$' | b'*', _) => {
                Some((Self::Leaf { kind, text: line.to_vec() }, rest))
            }
            _ => None,
        }
    }

    /// Its type's character; `?` for what is no reply.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Leaf { kind, .. } | Self::Many { kind, .. } => *kind,
            Self::Other(_) => b'?',
        }
    }

    /// The text of one that has no elements.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Leaf { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self.kind(), b'-' | b'!')
    }

    /// In one line, with its elements as `leaf` shows them (it is told the text before each in its
    /// list); in full where it does not.
    pub(crate) fn show(&self, leaf: &dyn Fn(Option<&str>, &Self) -> Option<String>) -> String {
        self.show_after(None, leaf)
    }

    fn show_after(
        &self,
        before: Option<&str>,
        leaf: &dyn Fn(Option<&str>, &Self) -> Option<String>,
    ) -> String {
        if let Some(shown) = leaf(before, self) {
            return shown;
        }
        match self {
            Self::Other(bytes) => format!("?{} ", bytes.escape_ascii()),
            Self::Leaf { kind, text } => format!("{}{} ", char::from(*kind), text.escape_ascii()),
            Self::Many { kind, items } => {
                let mut out = format!("{}{} ", char::from(*kind), items.len());
                let mut before = None;
                for item in items {
                    out.push_str(&item.show_after(before, leaf));
                    before = item.text().and_then(|text| std::str::from_utf8(text).ok());
                }
                out
            }
        }
    }
}
