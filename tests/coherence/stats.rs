//! What the server says it has done.

use std::collections::HashMap;

use crate::client::Client;

/// How often the server has run each command, by its name in lower case.
pub(crate) fn calls(direct: &mut Client) -> HashMap<String, u64> {
    let info = direct.ask("INFO commandstats");
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    info.lines().filter_map(line).collect()
}

/// A figure of `INFO section`.
pub(crate) fn figure(direct: &mut Client, section: &str, name: &str) -> u64 {
    let info = direct.ask(&format!("INFO {section}"));
    let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
}
