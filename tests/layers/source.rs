//! Just enough of Rust's grammar to find paths in it.

/// The room a file belongs to: its directory below `src/`, or its own name.
pub(crate) fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The rooms of the library.
pub(crate) fn rooms<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut rooms: Vec<String> = paths
        .map(room_of)
        .filter(|room| !["lib", "main", "wait", "backup", "signals", "systemd", "watched"].contains(room))
        .map(String::from)
        .collect();
    rooms.dedup();
    rooms
}

/// A source without comments and literals, cut into words with the line each is on.
pub(crate) struct Blanked<'a> {
    tokens: Vec<(usize, &'a str)>,
}

impl<'a> Blanked<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut tokens = Vec::new();
        let (mut at, mut line) = (0, 1);
        while at < text.len() {
            let rest = &text[at..];
            let (len, is_token) = next(rest);
            if is_token {
                tokens.push((line, &rest[..len]));
            }
            line += rest[..len].matches('\n').count();
            at += len;
        }
        Self { tokens }
    }

    /// The line of the first occurrence of `words`, a path or several words.
    pub(crate) fn line_of(&self, words: &str) -> Option<usize> {
        let wanted = Blanked::new(words);
        let found = self.tokens.windows(wanted.tokens.len()).find(|window| {
            window.iter().zip(&wanted.tokens).all(|((_, token), (_, wanted))| token == wanted)
        });
        found.map(|window| window[0].0)
    }

    /// Every path that starts at the crate's root, without `crate::`, groups taken apart. `path`: the
    /// file's own, to know where `super` leads.
    pub(crate) fn paths(&self, path: &str) -> Vec<(usize, String)> {
        let depth = path
            .trim_end_matches(".rs")
            .split('/')
            .filter(|part| !["mod", "lib", "main"].contains(part))
            .count();
        let mut found = Vec::new();
        let mut inline: Vec<usize> = Vec::new(); // brace depths at which `mod x {` was opened
        let mut braces = 0;
        let mut at = 0;
        while at < self.tokens.len() {
            match self.tokens[at].1 {
                "{" => braces += 1,
                "}" => {
                    braces -= 1;
                    inline.retain(|opened| *opened < braces + 1);
                }
                "mod" if self.word(at + 2) == "{" => inline.push(braces + 1),
                "crate" if self.word(at + 1) == "::" => {
                    self.branches(at + 2, "", &mut found);
                }
                "super" if at == 0 || self.word(at - 1) != "::" => {
                    let mut supers = 1;
                    while self.word(at + 2 * supers) == "super" {
                        supers += 1;
                    }
                    if supers == depth + inline.len() {
                        self.branches(at + 2 * supers, "", &mut found);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |(_, token)| *token)
    }

    /// The paths that go on at token `at`; answers where they end.
    fn branches(&self, mut at: usize, before: &str, found: &mut Vec<(usize, String)>) -> usize {
        if self.word(at) != "{" {
            let line = self.tokens.get(at).map_or(0, |(line, _)| *line);
            let mut path = format!("{before}{}", self.word(at));
            at += 1;
            while self.word(at) == "::" {
                if self.word(at + 1) == "{" {
                    return self.branches(at + 1, &format!("{path}::"), found);
                }
                path = format!("{path}::{}", self.word(at + 1));
                at += 2;
            }
            found.push((line, path));
            return at;
        }
        at += 1;
        while !matches!(self.word(at), "}" | "") {
            at = self.branches(at, before, found);
            while !matches!(self.word(at), "," | "}" | "") {
                at += 1; // `as name`
            }
            at += usize::from(self.word(at) == ",");
        }
        at + 1
    }
}

/// How long the next piece is, and whether it is one to keep.
fn next(rest: &str) -> (usize, bool) {
    let first = rest.chars().next().unwrap_or(' ');
    let after = |mark: &str| rest.find(mark).map_or(rest.len(), |at| at + mark.len());
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (comment(rest), false);
    }
    if rest.starts_with("r#")
        || rest.starts_with("r\"")
        || rest.starts_with("br#")
        || rest.starts_with("br\"")
    {
        let hashes = rest.chars().skip_while(|c| *c == 'b' || *c == 'r').take_while(|c| *c == '#').count();
        let open = rest.find('"').unwrap_or(0);
        if rest[..open].chars().all(|c| matches!(c, 'b' | 'r' | '#')) && open > 0 {
            let close = format!("\"{}", "#".repeat(hashes));
            return (
                rest[open + 1..].find(&close).map_or(rest.len(), |at| open + 1 + at + close.len()),
                false,
            );
        }
    }
    match first {
        '"' => (quoted(rest, b'"'), false),
        '\'' if is_char(rest) => (quoted(rest, b'\''), false),
        c if c.is_alphanumeric() || c == '_' => {
            let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            // The `b` of `b"..."`: the quotes come next.
            (len, true)
        }
        ':' if rest.starts_with("::") => (after("::"), true),
        c if c.is_whitespace() => (c.len_utf8(), false),
        c => (c.len_utf8(), true),
    }
}

/// Comments nest.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a literal, quotes included.
fn quoted(rest: &str, quote: u8) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// A character, not a lifetime.
fn is_char(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}
