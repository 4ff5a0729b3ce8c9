//! The known name nearest to one that is not known.

/// Whether a name can have been meant as that of a setting. Another one is not repeated in messages: a
/// text that has lost its place may be a password.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 80 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// What to write in place of a directive of `redis.conf` that people copy, with `-` or `_`.
pub(super) fn directive(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("rules.").unwrap_or(name).replace('_', "-").to_ascii_lowercase();
    Some(match name.as_str() {
        "rename-command" => {
            "write [rules.rename] and below it CONFIG = \"CONFIG_9a8b7c6d\" (\"\" disables the command); names \
             the upstream itself was given go below [upstream.rename]"
        }
        "user" => "write [[users]] and below it name = \"app\" and acl = \"on >password ~app:* +@read\"",
        "requirepass" => {
            "write [[users]] and below it name = \"default\" and acl = \"on >password ~* &* +@all\"; the \
             password of the upstream is upstream.password"
        }
        "bind" | "port" => "write listen = [\"host:port\"]",
        "tls-port" => "write tls.listen = [\"host:port\"]",
        _ => return None,
    })
}

/// The candidate a writer most likely meant, if any is close: few edits away, or the same last
/// part in another section (`max_connections` for `upstream.max_connections`).
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if name.len() > 80 {
        return None;
    }
    if let Some(found) = switch(name, known.clone()) {
        return Some(found);
    }
    let name = name.to_string();
    let close = (name.chars().count() / 3).clamp(1, 3);
    let best = known.clone().map(|k| (edits(&name, k), k)).min_by_key(|(distance, _)| *distance);
    if let Some((distance, found)) = best
        && distance <= close
    {
        return Some(found);
    }
    let last = last_part(&name);
    known
        .map(|k| (edits(last, last_part(k)), k))
        .filter(|(d, _)| *d <= 1)
        .min_by_key(|(d, _)| *d)
        .map(|f| f.1)
}

/// What turns a feature on or off, for a name such as `cache.enabled` or `NEARSIDE_CACHE_ENABLED`: the
/// setting called `enabled` turns off far more.
fn switch<'a>(name: &str, mut known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let of = name.strip_suffix(".enabled").or_else(|| name.strip_suffix("_ENABLED"))?;
    let feature = of.rsplit(['.', '_']).next()?;
    known.find(|k| k.strip_suffix(feature).is_some_and(|head| head.ends_with(['.', '_'])))
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two names.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = row[j] + usize::from(x != y);
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_intended_name_is_found() {
        let known = ["maxclients", "timeout", "upstream.max_connections", "log.level", "listen"];
        let find = |name| nearest(name, known.iter().copied());
        assert_eq!(find("maxclient"), Some("maxclients"));
        assert_eq!(find("lisetn"), Some("listen"));
        assert_eq!(find("max_connections"), Some("upstream.max_connections"));
        assert_eq!(find("upstream.max_conections"), Some("upstream.max_connections"));
        let switch =
            |name| nearest(name, ["enabled", "features.cache", "NEARSIDE_FEATURES_CACHE"].into_iter());
        assert_eq!(switch("cache.enabled"), Some("features.cache"));
        assert_eq!(switch("upstream.enabled"), Some("enabled"));
        assert_eq!(find("cookies"), None);
        assert_eq!(find(""), None);
    }
}
