//! Inline requests: one line of words, quoted as Redis's `sdssplitargs` understands quotes.

/// The words of `line` (without its line end); `None` when its quotes do not balance.
pub(super) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    // To Redis the line is a C string: a NUL ends it.
    let mut rest = line.split(|&b| b == 0).next().unwrap_or_default();
    loop {
        while let Some((byte, after)) = rest.split_first()
            && is_space(*byte)
        {
            rest = after;
        }
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// One word. Quotes may open anywhere in it, but what closes them must end it.
fn word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => break,
            b'"' => return closed(double_quoted(after, &mut word)?, word),
            b'\'' => return closed(single_quoted(after, &mut word)?, word),
            other => {
                word.push(other);
                after
            }
        };
    }
    Some((word, rest))
}

fn closed(rest: &[u8], word: Vec<u8>) -> Option<(Vec<u8>, &[u8])> {
    rest.first().is_none_or(|b| is_space(*b)).then_some((word, rest))
}

/// C's `isspace`, which counts the vertical tab too.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::split;

    fn words(line: &str) -> Option<Vec<String>> {
        split(line.as_bytes())
            .map(|w| w.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect())
    }

    #[test]
    fn quotes_and_escapes_are_those_of_redis_cli() {
        assert_eq!(words("  SET k  v "), Some(vec!["SET".into(), "k".into(), "v".into()]));
        assert_eq!(words(r#"SET k "a b\n\x41\"""#), Some(vec!["SET".into(), "k".into(), "a b\nA\"".into()]));
        assert_eq!(words(r"SET k 'it\'s'"), Some(vec!["SET".into(), "k".into(), "it's".into()]));
        assert_eq!(words(r#"SET k """#), Some(vec!["SET".into(), "k".into(), String::new()]));
        assert_eq!(words("   "), Some(vec![]));
        assert_eq!(words("GET\u{b}x k\0 rest"), Some(vec!["GET\u{b}x".into(), "k".into()]));
        for bad in [r#"SET k "open"#, r#"SET "k"v"#, "'x", r#""a"b"#] {
            assert_eq!(words(bad), None, "{bad}");
        }
    }
}
