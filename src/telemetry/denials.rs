//! How often requests were refused by which rule.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Counted by all workers of one proxy. There are as many rules as the configuration has.
#[derive(Debug, Default)]
pub struct Denials {
    by_rule: Mutex<BTreeMap<String, u64>>,
}

impl Denials {
    /// `rule` has refused a request.
    pub fn count(&self, rule: &str) {
        let mut by_rule = self.by_rule.lock().unwrap_or_else(PoisonError::into_inner);
        match by_rule.get_mut(rule) {
            Some(count) => *count += 1,
            None => drop(by_rule.insert(rule.to_owned(), 1)),
        }
    }

    /// Each rule that has refused anything, and how often.
    pub fn by_rule(&self) -> BTreeMap<String, u64> {
        self.by_rule.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its lines of the `# Nearside` section of `INFO`.
    pub fn section(&self) -> String {
        let by_rule = self.by_rule.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = format!("nearside_denied_total:{}\r\n", by_rule.values().sum::<u64>());
        for (rule, count) in &*by_rule {
            let _ = write!(out, "nearside_denied_{}:{count}\r\n", field(rule));
        }
        out
    }
}

/// A rule's name as part of a field's.
fn field(rule: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    rule.replace(": ", "_").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::Denials;

    #[test]
    fn each_rule_has_its_line() {
        let denials = Denials::default();
        ["rules.block", "rules.deny: No Keys*", "rules.block"].iter().for_each(|rule| denials.count(rule));
        let lines = "nearside_denied_total:3\r\nnearside_denied_rules_block:2\r\nnearside_denied_rules_deny_no_keys_:1\r\n";
        assert_eq!(denials.section(), lines);
    }
}
