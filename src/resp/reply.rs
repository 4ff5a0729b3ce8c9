//! Replies of our own: errors whose text is safe on the wire, and small encoders.

use super::Proto;

/// Appends an error reply. Line ends in `text` become blanks: a message, wherever it comes from,
/// cannot end its reply early and pass for another one.
pub fn error(text: impl AsRef<[u8]>, out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend(text.as_ref().iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

/// Appends a bulk string.
pub fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends text that a person reads: verbatim in RESP3, a bulk string in RESP2.
pub fn text(proto: Proto, text: &str, out: &mut Vec<u8>) {
    match proto {
        Proto::Resp2 => bulk(text.as_bytes(), out),
        Proto::Resp3 => {
            out.extend_from_slice(format!("={}\r\ntxt:", text.len() + 4).as_bytes());
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Nothing: `_` in RESP3, a null bulk in RESP2.
pub fn null(proto: Proto) -> &'static [u8] {
    match proto {
        Proto::Resp2 => b"$-1\r\n",
        Proto::Resp3 => b"_\r\n",
    }
}

/// A bulk or verbatim reply with `section` added at its end; any other reply as it is.
pub fn with_section(frame: &[u8], section: &str) -> Vec<u8> {
    let header = frame.iter().position(|&b| b == b'\n').map_or(0, |i| i + 1);
    let body = frame.get(header..frame.len().saturating_sub(2)).unwrap_or_default();
    let kind = match frame.first() {
        Some(kind @ (b'$' | b'=')) if frame.get(1) != Some(&b'-') => *kind,
        _ => return frame.to_vec(),
    };
    let mut longer = format!("{}{}\r\n", char::from(kind), body.len() + section.len()).into_bytes();
    longer.extend_from_slice(body);
    longer.extend_from_slice(section.as_bytes());
    longer.extend_from_slice(b"\r\n");
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_its_text() {
        let mut out = Vec::new();
        error("ERR a\r\n+OK\r\n", &mut out);
        assert_eq!(out, b"-ERR a  +OK  \r\n");
    }

    #[test]
    fn a_section_is_added_inside_the_reply() {
        assert_eq!(with_section(b"$3\r\nabc\r\n", "de"), b"$5\r\nabcde\r\n");
        assert_eq!(with_section(b"=7\r\ntxt:abc\r\n", "d"), b"=8\r\ntxt:abcd\r\n");
        for other in [&b"-ERR x\r\n"[..], b"$-1\r\n", b"_\r\n", b""] {
            assert_eq!(with_section(other, "x"), other);
        }
    }
}
