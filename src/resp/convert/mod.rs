//! RESP3 replies for RESP2 clients.
//!
//! Redis shapes some replies differently for the two protocols, and no rule that looks at the
//! RESP3 bytes alone gives the RESP2 ones: the command's row names the [`Conversion`], and
//! `tests/convert.rs` compares each with what real servers answer.

mod token;

#[cfg(test)]
mod tests;

use token::{Token, next_token};

/// How a command's RESP3 reply differs from its RESP2 one.
///
/// The types themselves are always converted as in [`Self::Generic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// Type by type: null is a null bulk, a map a flat array, a set or push an array, a double or
    /// big number a bulk of the same digits, a boolean an integer, verbatim text a bulk, a blob
    /// error a line; attributes are dropped.
    Generic,
    /// A null reply is a null array.
    NullArray,
    /// Every null is a null array, at any depth.
    NullArrays,
    /// An array of pairs is one flat array (`ZRANGE .. WITHSCORES`).
    Pairs,
    /// A map is an array of pairs; every null is a null array (`XREAD`).
    Streams,
    /// The null at the end of an empty summary is a null array (`XPENDING`).
    Pending,
}

/// Appends to `out` the RESP2 form of `frame`, one complete RESP3 reply.
///
/// One pass, no recursion, no allocation but `out`'s. From bytes that are no such frame on, the
/// rest is copied as it stands; nothing panics.
pub fn convert(how: Conversion, frame: &[u8], out: &mut Vec<u8>) {
    if let Some(b'$' | b'+' | b':' | b'-') = frame.first() {
        out.extend_from_slice(frame);
        return;
    }
    let mark = out.len();
    if !Walk::new(how, frame, out).run() {
        // Not the shape the row promised. An array of the wrong length would shift every later
        // reply of that client, so it gets the type-by-type form.
        out.truncate(mark);
        Walk::new(Conversion::Generic, frame, out).run();
    }
}

/// The state of one pass.
struct Walk<'a> {
    how: Conversion,
    frame: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Everything before this is in `out`; what follows up to the current token goes as it stands.
    copied: usize,
    /// How many elements at depth 1 have begun; 0 at the top.
    index: u64,
    /// Elements still to come inside the current one of depth 1.
    inside: u64,
    /// `Pairs`: the reply is an array of pairs.
    pairs: bool,
}

/// Where an element stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the reply.
    Top,
    /// It is the reply's element of this index.
    Element(u64),
    /// It is inside an element.
    Deep,
}

impl<'a> Walk<'a> {
    fn new(how: Conversion, frame: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        Self { how, frame, out, copied: 0, index: 0, inside: 0, pairs: false }
    }

    /// Converts the frame. `false`: it is not of the shape `how` is for.
    fn run(mut self) -> bool {
        let mut at = 0;
        let mut top = true;
        while let Some(token) = next_token(self.frame, at) {
            let end = token.end();
            if let Token::Attribute { children, .. } = token {
                self.flush(at);
                at = skip(self.frame, end, children);
                self.copied = at;
                continue;
            }
            let place = if std::mem::take(&mut top) { Place::Top } else { self.place(token.children()) };
            if !self.element(at, token, place) {
                return false;
            }
            at = end;
        }
        self.flush(self.frame.len());
        true
    }

    /// Where the next element stands, it having so many children.
    fn place(&mut self, children: u64) -> Place {
        if self.inside > 0 {
            self.inside = (self.inside - 1).saturating_add(children);
            return Place::Deep;
        }
        self.inside = children;
        let index = self.index;
        self.index += 1;
        Place::Element(index)
    }

    /// Copies what stands unconverted before `at`.
    fn flush(&mut self, at: usize) {
        self.out.extend_from_slice(&self.frame[self.copied..at]);
        self.copied = at;
    }

    /// Puts one element, or leaves it to the next [`Self::flush`] when it stays as it is.
    fn element(&mut self, at: usize, token: Token<'a>, place: Place) -> bool {
        if self.how == Conversion::Streams && matches!(place, Place::Element(i) if i % 2 == 0) {
            self.flush(at);
            if self.pairs {
                self.out.extend_from_slice(b"*2\r\n");
            }
        }
        if self.pairs && self.how == Conversion::Pairs && matches!(place, Place::Element(_)) {
            // The pair's header goes; its two elements are elements of the reply.
            self.flush(at);
            self.copied = token.end();
            return matches!(token, Token::Array { children: 2, .. });
        }
        let end = token.end();
        match token {
            Token::Plain { .. } | Token::Attribute { .. } => return true,
            Token::Array { children, kind, .. } => return self.array(at, end, place, children, kind),
            Token::Map { children, .. } => {
                self.flush(at);
                self.pairs |= place == Place::Top && self.how == Conversion::Streams;
                let as_pairs = place == Place::Top && self.pairs;
                self.header(b'*', if as_pairs { children / 2 } else { children });
            }
            Token::Null { .. } => {
                self.flush(at);
                self.out.extend_from_slice(if self.null_is_array(place) { b"*-1\r\n" } else { b"$-1\r\n" });
            }
            Token::Boolean { value, .. } => {
                self.flush(at);
                self.out.extend_from_slice(if value { b":1\r\n" } else { b":0\r\n" });
            }
            Token::Bulk { body, .. } => {
                self.flush(at);
                self.header(b'$', body.len() as u64);
                self.out.extend_from_slice(body);
                self.out.extend_from_slice(b"\r\n");
            }
            Token::Error { text, .. } => {
                self.flush(at);
                self.out.push(b'-');
                self.out.extend(text.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
                self.out.extend_from_slice(b"\r\n");
            }
        }
        self.copied = end;
        true
    }

    /// Puts the header of an array, set or push.
    fn array(&mut self, at: usize, end: usize, place: Place, children: u64, kind: u8) -> bool {
        if self.how == Conversion::Pairs && place == Place::Top && kind == b'*' {
            self.pairs = matches!(next_token(self.frame, end), Some(Token::Array { children: 2, .. }));
            if self.pairs {
                self.flush(at);
                self.header(b'*', children.saturating_mul(2));
                self.copied = end;
            }
        } else if kind != b'*' {
            self.flush(at);
            self.out.push(b'*');
            self.copied = at + 1; // the number and its line end stay
        }
        true
    }

    fn null_is_array(&self, place: Place) -> bool {
        match self.how {
            Conversion::Generic | Conversion::Pairs => false,
            Conversion::NullArray => place == Place::Top,
            Conversion::NullArrays | Conversion::Streams => true,
            Conversion::Pending => place == Place::Element(3),
        }
    }

    /// A header line: type and number.
    fn header(&mut self, kind: u8, mut number: u64) {
        let mut digits = [0u8; 20];
        let mut from = digits.len();
        loop {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.push(kind);
        self.out.extend_from_slice(&digits[from..]);
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The offset behind `count` elements from `at`.
fn skip(frame: &[u8], mut at: usize, mut count: u64) -> usize {
    while count > 0 {
        let Some(token) = next_token(frame, at) else { return frame.len() };
        at = token.end();
        count = match token {
            Token::Attribute { children, .. } => count.saturating_add(children),
            _ => (count - 1).saturating_add(token.children()),
        };
    }
    at
}
