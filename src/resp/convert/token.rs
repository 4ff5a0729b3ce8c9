//! One element's own bytes: a scalar, or an aggregate's header.

/// What stands at one offset. `end` is the offset behind it, its children not included.
#[derive(Clone, Copy)]
pub(super) enum Token<'a> {
    /// The same in RESP2 (or not understood, and left alone).
    Plain { end: usize },
    /// An array, set or push; `kind` is its first byte.
    Array { children: u64, kind: u8, end: usize },
    /// A map; keys and values are counted as children.
    Map { children: u64, end: usize },
    /// Something about the next element; keys and values are counted as children.
    Attribute { children: u64, end: usize },
    /// Null.
    Null { end: usize },
    /// A boolean.
    Boolean { value: bool, end: usize },
    /// What RESP2 has as a bulk string: double, big number, verbatim text.
    Bulk { body: &'a [u8], end: usize },
    /// A blob error.
    Error { text: &'a [u8], end: usize },
}

impl Token<'_> {
    /// The offset behind it.
    pub(super) fn end(&self) -> usize {
        match *self {
            Self::Plain { end }
            | Self::Array { end, .. }
            | Self::Map { end, .. }
            | Self::Attribute { end, .. }
            | Self::Null { end }
            | Self::Boolean { end, .. }
            | Self::Bulk { end, .. }
            | Self::Error { end, .. } => end,
        }
    }

    /// How many elements it contains directly.
    pub(super) fn children(&self) -> u64 {
        match *self {
            Self::Array { children, .. } | Self::Map { children, .. } => children,
            _ => 0,
        }
    }
}

/// The element at `at`; `None` at the end and where the bytes break off.
pub(super) fn next_token(frame: &[u8], at: usize) -> Option<Token<'_>> {
    let rest = frame.get(at..)?;
    let (&kind, rest) = rest.split_first()?;
    // As where the reply ends: a line may hold a LF of its own (a module's status), and no CR.
    let text = &rest[..rest.iter().position(|&b| b == b'\r')?];
    let after = at + 1 + text.len() + 2;
    if rest.get(text.len() + 1) != Some(&b'\n') {
        return None;
    }
    Some(match kind {
        b'$' | b'=' | b'!' => return blob(frame, kind, text, after),
        b'*' | b'~' | b'>' => match number(text) {
            Some(children) => Token::Array { children, kind, end: after },
            None => Token::Plain { end: after },
        },
        b'%' | b'|' => match number(text).and_then(|n| n.checked_mul(2)) {
            Some(children) if kind == b'%' => Token::Map { children, end: after },
            Some(children) => Token::Attribute { children, end: after },
            None => Token::Plain { end: after },
        },
        b'_' => Token::Null { end: after },
        b'#' => Token::Boolean { value: text == b"t", end: after },
        b',' | b'(' => Token::Bulk { body: text, end: after },
        _ => Token::Plain { end: after },
    })
}

/// A length-prefixed element whose body begins at `from`.
fn blob<'a>(frame: &'a [u8], kind: u8, length: &[u8], from: usize) -> Option<Token<'a>> {
    let Some(length) = number(length) else { return Some(Token::Plain { end: from }) };
    let to = from.checked_add(usize::try_from(length).ok()?)?;
    let end = to.checked_add(2)?;
    let body = frame.get(from..end).map(|b| &b[..b.len() - 2])?;
    Some(match kind {
        b'=' => Token::Bulk { body: body.get(4..).unwrap_or(&[]), end },
        b'!' => Token::Error { text: body, end },
        _ => Token::Plain { end },
    })
}

/// Decimal digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}
