//! Words as redis-cli quotes them.

/// Words separated by blanks; those in double quotes have escapes.
pub(crate) fn words(line: &[u8]) -> Vec<Vec<u8>> {
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
pub(crate) fn unescaped(text: &[u8]) -> Vec<u8> {
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
