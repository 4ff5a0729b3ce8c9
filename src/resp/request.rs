//! One request: its bytes as received plus where its arguments are.

/// A half-open range of bytes within a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset one past the last byte.
    pub end: usize,
}

/// The arguments of one whole request, the command's name first. Borrows; copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Arguments at `spans` of `bytes`. The spans must lie inside `bytes` (the scanner's do).
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        debug_assert!(spans.iter().all(|s| s.start <= s.end && s.end <= bytes.len()));
        Self { bytes, spans }
    }

    /// The request as it goes on the wire.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many arguments, the command's name included.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `i`, the name being 0; empty beyond the last.
    pub fn get(&self, i: usize) -> &'a [u8] {
        self.spans.get(i).map_or(&[], |s| &self.bytes[s.start..s.end])
    }

    /// Everything behind argument `i`, the line end that closes it included.
    pub fn after(&self, i: usize) -> &'a [u8] {
        self.spans.get(i).map_or(&[], |span| &self.bytes[span.end..])
    }

    /// Argument `i` as it stands on the wire, from the line end before its length to its own.
    pub fn piece(&self, i: usize) -> &'a [u8] {
        let before = i.checked_sub(1).and_then(|before| self.spans.get(before));
        let (Some(before), Some(span)) = (before, self.spans.get(i)) else { return &[] };
        self.bytes.get(before.end..span.end + 2).unwrap_or_default()
    }

    /// Whether it came as an array of bulk strings, not as a line of words.
    pub fn is_array(&self) -> bool {
        self.bytes.first() == Some(&b'*')
    }

    /// The arguments in order, the name first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + '_ {
        self.spans.iter().map(|s| &self.bytes[s.start..s.end])
    }

    /// Whether argument `i` is `word`, ASCII case ignored.
    pub fn is(&self, i: usize, word: &str) -> bool {
        self.get(i).eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Arguments encoded as a RESP array of bulk strings, as clients send them.
pub fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + args.iter().map(|a| a.len() + 16).sum::<usize>());
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}
