//! Names of commands in settings: whether there is such a command, and how its name is written.

use super::nearest::nearest;
use super::written::quoted;
use crate::command::{self, Category};

/// A command, a subcommand (`config|set`, `config set`) or a category (`@write`), as it is kept:
/// `CONFIG|SET`, `@write`. The error says what was likely meant.
pub(super) fn selector(text: &str) -> Result<String, String> {
    let Some(category) = text.trim().strip_prefix('@') else { return command(text) };
    let category = category.to_ascii_lowercase();
    // Every command: Redis has it as a category without commands of its own.
    if category == "all" || Category::named(&category).is_some() {
        return Ok(format!("@{category}"));
    }
    let names = Category::ALL.map(Category::name);
    Err(match nearest(&category, names.into_iter()) {
        Some(near) => format!("has a category there is not, did you mean @{near}?"),
        None => format!("has a category that is none of @{}", names.join(" @")),
    })
}

/// A command or a subcommand, as it is kept.
pub(super) fn command(text: &str) -> Result<String, String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join("|").to_ascii_uppercase();
    if is_known(&name) || is_module(&name) {
        return Ok(name);
    }
    let names: Vec<&str> = command::all().map(|command| command.name).collect();
    Err(match nearest(&name, names.iter().copied()) {
        Some(near) => format!("names a command there is not: {}, did you mean {near}?", quoted(text)),
        None => format!("names a command there is not: {}", quoted(text)),
    })
}

/// A command as a whole, as it is kept: a subcommand has no name that could be changed.
pub(super) fn whole(text: &str) -> Result<String, String> {
    let name = command(text)?;
    match name.split_once('|') {
        Some((whole, _)) => Err(format!("takes whole commands: write {whole}, or a rule in rules.deny")),
        None => Ok(name),
    }
}

/// Whether a command has this name.
pub(super) fn is_known(name: &str) -> bool {
    command::named(name).is_some()
}

/// Names of modules' commands, which nobody lists here, have a dot.
fn is_module(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|".contains(&b))
    };
    name.len() <= 64
        && name.split_once('.').is_some_and(|(module, rest)| part(module) && rest.split('.').all(part))
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;

    #[test]
    fn a_name_is_kept_as_the_table_has_it() {
        for (text, kept) in [
            ("flushall", "FLUSHALL"),
            (" Config  set ", "CONFIG|SET"),
            ("config|SET", "CONFIG|SET"),
            ("config", "CONFIG"),
            ("@Write", "@write"),
            ("@all", "@all"),
            ("json.set", "JSON.SET"),
        ] {
            assert_eq!(selector(text).as_deref(), Ok(kept));
        }
        for text in Rules::BLOCKED {
            assert_eq!(selector(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_name_there_is_not_leads_to_the_one_meant() {
        for (text, why) in [
            ("flushal", "names a command there is not: \"flushal\", did you mean FLUSHALL?"),
            ("config|sets", "names a command there is not: \"config|sets\", did you mean CONFIG|SET?"),
            ("nonsense", "names a command there is not: \"nonsense\""),
            ("@dangerus", "has a category there is not, did you mean @dangerous?"),
            ("get.", "names a command there is not: \"get.\", did you mean GET?"),
        ] {
            assert_eq!(selector(text), Err(why.into()));
        }
        assert!(
            selector("@hunter2").unwrap_err().starts_with("has a category that is none of @keyspace @read")
        );
        assert!(!selector("on >hunter2 ~*").unwrap_err().contains("hunter2"));
        assert_eq!(
            whole("config|set").unwrap_err(),
            "takes whole commands: write CONFIG, or a rule in rules.deny"
        );
    }
}
