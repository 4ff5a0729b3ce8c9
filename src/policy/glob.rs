//! Glob patterns as Redis matches them (`KEYS`, ACL key patterns): `*`, `?`, `[a-z]`, `[^x]`, `\`.

/// Whether `pattern` matches all of `text`. Takes at most pattern times text steps; never recurses.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: it swallows one byte more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() || p < pattern.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        if t < text.len()
            && let Some(width) = one(&pattern[p..], text[t])
        {
            (p, t) = (p + width, t + 1);
            continue;
        }
        match star {
            Some((after, from)) if from < text.len() => {
                (p, t) = (after, from + 1);
                star = Some((after, from + 1));
            }
            _ => return false,
        }
    }
    true
}

/// How much of `pattern` stands for one byte, if that byte may be `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', class @ ..] => self::class(class, byte).map(|width| width + 1),
        [plain, ..] => (*plain == byte).then_some(1),
    }
}

/// How long the class is (its `]` included), if it holds `byte`. An unclosed class ends with the pattern.
fn class(class: &[u8], byte: u8) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &class[at.min(class.len())..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => (found, at) = (found || *escaped == byte, at + 2),
            [low, b'-', high, ..] => {
                let (low, high) = (low.min(high), low.max(high));
                (found, at) = (found || (*low..=*high).contains(&byte), at + 3);
            }
            [plain, ..] => (found, at) = (found || *plain == byte, at + 1),
        }
    }
    (found != negated).then_some(at.min(class.len()))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_redis() {
        let yes = [
            ("*", ""),
            ("session:*", "session:1"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[^a]", "b"),
            (r"\*", "*"),
            ("*a*b", "xaxxb"),
            ("[z-a]", "m"),
            ("a*", "a"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        let no = [
            ("session:*", "sess"),
            ("a?c", "ac"),
            ("[a-c]x", "dx"),
            ("[^a]", "a"),
            (r"\*", "x"),
            ("*a*b", "xaxxbc"),
            ("", "a"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_cost_little() {
        let pattern = b"*a".repeat(50);
        assert!(!matches(&pattern, &b"a".repeat(5000).iter().chain(b"b").copied().collect::<Vec<u8>>()));
    }
}
