//! Where Nearside may answer otherwise than the server itself, and why. Only data.

/// One permitted difference.
pub(crate) struct Permitted {
    /// The command's first words.
    pub(crate) command: &'static str,
    /// Why it cannot, or must not, be the same.
    #[allow(dead_code)] // for whoever reads the table
    pub(crate) reason: &'static str,
    /// What is left out of the comparison.
    pub(crate) blur: Blur,
}

/// What of a reply is not compared.
#[derive(Clone, Copy)]
pub(crate) enum Blur {
    /// The number.
    Number,
    /// The number after this bulk string.
    NumberAfter(&'static str),
}

/// All of them.
pub(crate) const PERMITTED: &[Permitted] = &[
    Permitted { command: "CLIENT ID", reason: "each counts its own clients", blur: Blur::Number },
    Permitted { command: "HELLO", reason: "each counts its own clients", blur: Blur::NumberAfter("id") },
];

/// `reply` to the command that starts with `words`, without what may differ.
pub(crate) fn blurred(words: &str, reply: &[u8]) -> Vec<u8> {
    let words = words.to_ascii_uppercase();
    let rule = PERMITTED.iter().find(|rule| {
        words.strip_prefix(rule.command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    match rule.map(|rule| rule.blur) {
        Some(Blur::Number) if reply.starts_with(b":") => b":(a number)".to_vec(),
        Some(Blur::NumberAfter(name)) => blur_after(name, reply),
        _ => reply.to_vec(),
    }
}

fn blur_after(name: &str, reply: &[u8]) -> Vec<u8> {
    let mark = format!("${}\r\n{name}\r\n:", name.len()).into_bytes();
    let Some(at) = reply.windows(mark.len()).position(|window| window == mark) else { return reply.to_vec() };
    let digits = at + mark.len();
    let end = digits + reply[digits..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    [&reply[..digits], b"(a number)", &reply[end..]].concat()
}
