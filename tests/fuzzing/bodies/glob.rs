//! Glob patterns, beside a table of which ends of the pattern fit which ends of the text.

use nearside::policy::matches;

use crate::choices::Choices;

/// The first byte says how long the pattern is; the text follows it.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let pattern = choices.some(40);
    let rest = choices.rest();
    let text = &rest[..rest.len().min(200)];
    assert_eq!(
        matches(pattern, text),
        fits(pattern, text),
        "{} {}",
        pattern.escape_ascii(),
        text.escape_ascii()
    );
    assert!(matches(b"*", text));
    let literal: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
    assert!(matches(&literal, text), "every byte may be escaped");
}

fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let mut table = vec![vec![false; text.len() + 1]; pattern.len() + 1];
    for p in (0..=pattern.len()).rev() {
        for t in (0..=text.len()).rev() {
            table[p][t] = match pattern[p..].first() {
                None => t == text.len(),
                Some(b'*') => table[p + 1][t] || (t < text.len() && table[p][t + 1]),
                Some(_) => text.get(t).is_some_and(|byte| {
                    let (width, fits) = single(&pattern[p..], *byte);
                    fits && table[p + width][t + 1]
                }),
            };
        }
    }
    table[0][0]
}

/// How long the part of the pattern for one byte is, and whether it may be `byte`.
fn single(pattern: &[u8], byte: u8) -> (usize, bool) {
    match pattern[0] {
        b'?' => (1, true),
        b'\\' if pattern.len() > 1 => (2, pattern[1] == byte),
        b'[' => {
            let mut at = 1;
            let negated = pattern.get(at) == Some(&b'^');
            at += usize::from(negated);
            let mut found = false;
            while at < pattern.len() && pattern[at] != b']' {
                let left = pattern.len() - at;
                if pattern[at] == b'\\' && left >= 2 {
                    found |= pattern[at + 1] == byte;
                    at += 2;
                } else if left >= 3 && pattern[at + 1] == b'-' {
                    let (low, high) = (pattern[at], pattern[at + 2]);
                    found |= (low.min(high)..=low.max(high)).contains(&byte);
                    at += 3;
                } else {
                    found |= pattern[at] == byte;
                    at += 1;
                }
            }
            ((at + 1).min(pattern.len()), found != negated)
        }
        plain => (1, plain == byte),
    }
}
