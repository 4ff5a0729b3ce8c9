//! One thing that a session says.

use nearside::command::{Cached, all};
use nearside::resp::request::encode;

use crate::phrases::LIKE;

/// One thing that is said on one of a session's connections.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    /// Which connection says it, from 0.
    pub(crate) who: usize,
    pub(crate) said: Said,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// A request; `$id0` and `$id1` stand for the ids of the connections.
    Words(Vec<Vec<u8>>),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

impl Say {
    pub(crate) fn words(who: usize, words: &[&str]) -> Self {
        Self { who, said: Said::Words(words.iter().map(|word| word.as_bytes().to_vec()).collect()) }
    }

    /// What goes over the wire when the connections have these ids.
    pub(crate) fn bytes(&self, ids: &[Vec<u8>]) -> Vec<u8> {
        let Said::Words(words) = &self.said else {
            let Said::Raw(bytes) = &self.said else { return Vec::new() };
            return bytes.clone();
        };
        let known = |word: &[u8]| match word {
            b"$id0" => ids.first(),
            b"$id1" => ids.get(1),
            _ => None,
        };
        let words: Vec<&[u8]> =
            words.iter().map(|word| known(word).map_or(&word[..], Vec::as_slice)).collect();
        encode(&words)
    }

    /// The first words, as rules of comparison name commands.
    pub(crate) fn like(&self) -> String {
        let text = match &self.said {
            Said::Words(words) => {
                let words: Vec<_> = words.iter().take(4).map(|word| String::from_utf8_lossy(word)).collect();
                words.join(" ")
            }
            Said::Raw(bytes) => String::from_utf8_lossy(bytes).trim().to_owned(),
        };
        // Their replies, or what they bring later, have a client's id in them.
        if ["TRACKINGINFO", "GETREDIR", "REDIRECT"].iter().any(|word| self.has(word)) {
            return "CLIENT ID".into();
        }
        let first = text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let other = LIKE.iter().find(|(name, _)| *name == first);
        other.map_or(text, |(_, like)| (*like).to_owned())
    }

    /// Its first word, in upper case.
    pub(crate) fn name(&self) -> String {
        match &self.said {
            Said::Words(words) => words
                .first()
                .map(|word| String::from_utf8_lossy(word).to_ascii_uppercase())
                .unwrap_or_default(),
            Said::Raw(_) => String::new(),
        }
    }

    /// Whether it is a read whose reply may be kept.
    pub(crate) fn is_kept(&self) -> bool {
        all().any(|row| row.cached != Cached::No && row.name == self.name())
    }

    /// Whether one of its words is `word`, in any case.
    pub(crate) fn has(&self, word: &str) -> bool {
        matches!(&self.said, Said::Words(words) if words.iter().any(|it| it.eq_ignore_ascii_case(word.as_bytes())))
    }

    /// Whether it is a line that begins with `word`.
    pub(crate) fn is_raw(&self, word: &str) -> bool {
        matches!(&self.said, Said::Raw(bytes) if bytes.starts_with(word.as_bytes()))
    }

    /// As a line of `conversations/*.talk`.
    pub(crate) fn line(&self) -> String {
        let who = if self.who == 0 { "" } else { "b: " };
        let said = match &self.said {
            Said::Words(words) => words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" "),
            Said::Raw(bytes) => format!("> {}", bytes.escape_ascii()),
        };
        format!("{who}{said}")
    }
}

fn shown(word: &[u8]) -> String {
    let plain =
        !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(byte));
    let text = if plain {
        String::from_utf8_lossy(word).into_owned()
    } else {
        format!("\"{}\"", word.escape_ascii())
    };
    if text.len() > 120 { format!("{}...({} bytes)", &text[..60], word.len()) } else { text }
}
