//! What is said to the servers. Each talk begins with empty databases and is held once in each protocol.
//!
//! A line is a command; `'..'` quotes a word, and `¶` ends a line in it; What is not the same twice is
//! compared leniently: after `~` with numbers masked (times, sizes, ids), after `^` with lines
//! sorted (hash order), after `&` by its first two lines (long reports). Misses, wrong types, empty and partial replies are as important as hits.

pub(crate) const TALKS: &[&str] = &[
    include_str!("talks/values.txt"),
    include_str!("talks/zsets.txt"),
    include_str!("talks/streams.txt"),
    include_str!("talks/server.txt"),
    include_str!("talks/newer.txt"),
    include_str!("talks/scripts.txt"),
];

/// The talk a cluster node is asked.
pub(crate) const CLUSTER: &str = include_str!("talks/cluster.txt");

/// How exactly two replies must agree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exactness {
    /// Byte by byte.
    Whole,
    /// Numbers masked.
    Masked,
    /// As bags of lines.
    Unordered,
    /// The first two lines, masked.
    Head,
}

/// The commands of a talk.
pub(crate) fn lines(talk: &'static str) -> impl Iterator<Item = (Exactness, Vec<String>)> {
    talk.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let exactness = match line.as_bytes()[0] {
            b'~' => Exactness::Masked,
            b'^' => Exactness::Unordered,
            b'&' => Exactness::Head,
            _ => Exactness::Whole,
        };
        (exactness, words(line.trim_start_matches(['~', '^', '&'])))
    })
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                word.push(if c == '¶' { '\n' } else { c });
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}
