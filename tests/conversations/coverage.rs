//! A command without a conversation fails here.

use nearside::command::{all, lookup};

use crate::exempt::EXEMPT;
use crate::script::Script;
use crate::spans;
use crate::step::Said;

/// Every row of the command table is spoken of in one of `files`, or exempt for a reason.
pub(crate) fn check(files: &[&str]) {
    let mut spoken: Vec<&str> = Vec::new();
    for file in files {
        for step in Script::read(file).conversations.iter().flat_map(|conversation| &conversation.steps) {
            let Said::Words(words) = &step.said else { continue };
            let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
            let words: Vec<String> = words.iter().map(text).collect();
            spoken.extend(spans::with(&words, |args| lookup(&args).map(|row| row.name)));
        }
    }
    let exempt = |name: &str| EXEMPT.iter().any(|(exempt, _)| name.split('|').next() == Some(exempt));
    let missing: Vec<&str> =
        all().map(|row| row.name).filter(|name| !spoken.contains(name) && !exempt(name)).collect();
    assert!(missing.is_empty(), "no line of tests/conversations/*.talk says: {missing:#?}");
    for (name, reason) in EXEMPT {
        assert!(
            !reason.is_empty() && all().any(|row| row.name == *name),
            "{name} is no row, or has no reason"
        );
        assert!(!spoken.contains(name), "{name} is spoken of and need not be exempt");
    }
}
