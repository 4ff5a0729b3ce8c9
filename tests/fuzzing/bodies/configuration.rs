//! Configuration texts: a configuration or problems, and no password in what either prints.

use std::path::PathBuf;

use nearside::config::cli::FlagValue;
use nearside::config::{Sources, Value, load, render, settings};
use nearside::policy::Gate;

use crate::choices::Choices;

/// A password that must never be seen again.
const SECRET: &str = "Xq7vSecretJz";

/// Lines that hold it where it belongs, each whole by itself; `^` stands for it.
const LINES: [&str; 10] = [
    "upstream.password = \"^\"",
    "upstream.uri = \"redis://app:^@db:6379/0\"",
    "upstream = \"redis://:^@db\"",
    "[upstream]\npassword = '^'",
    "[upstream]\nuri = \"rediss://:^@db:1/2?ssl_cert_reqs=none\"",
    "[[users]]\nname = \"app\"\nacl = \"on >^ ~* +@all\"",
    "users = [{name = \"app\", acl = \"on >^ +gett\"}]",
    "upstream.pasword = \"^\"",
    "requirepass ^",
    "password = \"^\"",
];

/// Variables and settings that may hold it, and what around it a text of theirs has.
const VALUES: [(&str, &str, &str); 8] = [
    ("REDIS_PASSWORD", "upstream.password", "^"),
    ("NEARSIDE_UPSTREAM_PASSWORD", "upstream.password", "^"),
    ("REDIS_URI", "upstream.uri", "redis://app:^@db:6379/1"),
    ("NEARSIDE_UPSTREAM", "upstream.uri", "redis://:^@db"),
    ("REDIS_URL", "upstream.uri", "unix://app:^@/tmp/s?db=1"),
    ("NEARSIDE_UPSTREAM_URI", "upstream.uri", "redis://db?password=^"),
    ("NEARSIDE_USERS", "users", "[{name = \"app\", acl = \"on >^ ~* +@all\"}]"),
    ("REDIS_HOST", "upstream.host", "redis://:^@db"),
];

/// The first byte chooses what is random: a file, variables, or flags.
pub(crate) fn check(data: &[u8]) {
    // What finds out the password may put it where it is none.
    if data.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
        return;
    }
    let mut choices = Choices::new(data);
    let (how, seed) = (choices.byte(), choices.byte());
    let mut sources = Sources { cores: Some(4), memory: Some(1 << 30), ..Sources::default() };
    match how % 3 {
        0 => {
            let text = String::from_utf8_lossy(choices.rest()).into_owned();
            sources.file = Some((PathBuf::from("n.toml"), planted(&text, how / 3, seed)));
        }
        1 => variables(&mut choices, &mut sources),
        _ => flags(&mut choices, &mut sources),
    }
    judged(&sources);
}

/// `text` with a password on lines of its own somewhere between its lines.
fn planted(text: &str, how: u8, seed: u8) -> String {
    // Within a text of several lines it would be a part of that text, and no password.
    if text.contains("\"\"\"") || text.contains("'''") {
        return text.to_owned();
    }
    let secret = LINES[usize::from(how) % LINES.len()].replace('^', SECRET);
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.insert(usize::from(seed) % (lines.len() + 1), &secret);
    lines.join("\n")
}

fn variables(choices: &mut Choices<'_>, sources: &mut Sources) {
    let keys: Vec<_> = settings().collect();
    for _ in 0..1 + choices.below(6) {
        let key = keys[choices.below(keys.len())].key;
        let name = format!("NEARSIDE_{}", key.replace('.', "_").to_uppercase());
        sources.env.insert(name, text(choices));
    }
    let (name, _, pattern) = VALUES[choices.below(VALUES.len())];
    sources.env.insert(name.into(), secret_in(pattern, choices));
}

fn flags(choices: &mut Choices<'_>, sources: &mut Sources) {
    let keys: Vec<_> = settings().collect();
    let flag = |key: &str, text: String| FlagValue {
        flag: format!("--set {key}"),
        key: key.into(),
        value: Value::One(text),
    };
    for _ in 0..1 + choices.below(6) {
        let key = keys[choices.below(keys.len())].key;
        sources.flags.push(flag(key, text(choices)));
    }
    let (_, key, pattern) = VALUES[choices.below(VALUES.len())];
    sources.flags.push(flag(key, secret_in(pattern, choices)));
}

fn text(choices: &mut Choices<'_>) -> String {
    const TEXTS: [&str; 20] = [
        "0",
        "1",
        "-1",
        "true",
        "none",
        "5s",
        "250ms",
        "64MiB",
        "2",
        "99999999999999999999",
        "0.5",
        "a,b",
        "*",
        "127.0.0.1:7000",
        "unix:/tmp/a",
        "off",
        "1.3",
        "normal 0 0 0",
        "CONFIG|SET,@dangerous",
        "[{name = \"n\", rate = \"5/s\"}]",
    ];
    match choices.below(2) {
        0 => TEXTS[choices.below(TEXTS.len())].to_owned(),
        _ => String::from_utf8_lossy(choices.some(40)).into_owned(),
    }
}

/// The pattern with the password, which has something before and behind it.
fn secret_in(pattern: &str, choices: &mut Choices<'_>) -> String {
    let [before, behind] = [8, 8].map(|most| String::from_utf8_lossy(choices.some(most)).into_owned());
    // Behind a blank in the rules of a user it may be another rule (`-...`), which is shown.
    let before = before.replace(|c: char| c.is_ascii_whitespace() && pattern.contains("acl"), "");
    pattern.replace('^', &format!("{before}{SECRET}{behind}"))
}

fn judged(sources: &Sources) {
    match load(sources) {
        Ok(loaded) => {
            assert!(loaded.config.workers > 0 && !loaded.config.listen.is_empty());
            hidden(&format!("{loaded:?}"));
            hidden(&render(&loaded));
            hidden(&loaded.warnings.join("\n"));
            loaded.settings.iter().for_each(|setting| hidden(&setting.value));
            match Gate::new(&loaded.config) {
                Ok(gate) => hidden(&format!("{gate:?}")),
                Err(error) => hidden(&format!("{error} {error:?}")),
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().for_each(|problem| hidden(&format!("{problem} {problem:?}")));
        }
    }
}

fn hidden(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
}
