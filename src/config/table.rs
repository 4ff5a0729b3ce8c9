//! Every setting, one row each. Reading, `check`, the flags and the reference derive from it.

use super::rows::{
    ADMIN, ADMISSION, ALERTS, AUDIT, CACHE, EMBEDDED, FEATURES, GATE, GENERAL, HEALTH, LIMITS, LOG, OTLP,
    RELOAD, RULES, SLOWLOG, TLS, UPSTREAM, UPSTREAM_RENAME,
};
use super::setting::Setting;

/// Every setting, in the order of the reference: top level first, then section by section.
pub fn settings() -> impl Iterator<Item = &'static Setting> + Clone {
    let gate = [TLS, RULES, ADMISSION, AUDIT];
    let before = [GENERAL, GATE, UPSTREAM, UPSTREAM_RENAME, EMBEDDED, LIMITS, CACHE];
    before
        .into_iter()
        .chain(gate)
        .chain([ADMIN, HEALTH, ALERTS, RELOAD, SLOWLOG, LOG, OTLP, FEATURES])
        .flatten()
}

/// The setting called `key`.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_settings_share_a_name() {
        let mut seen = BTreeSet::new();
        for setting in settings() {
            assert!(seen.insert(setting.key.to_string()), "{}", setting.key);
            for name in setting.env_names() {
                assert!(seen.insert(name.clone()), "{name}");
            }
            assert!(setting.flag.is_none_or(|flag| seen.insert(flag.into())), "{}", setting.key);
        }
        assert!(!seen.contains("NEARSIDE_CONFIG"), "names the file itself");
    }

    #[test]
    fn every_row_says_what_it_means() {
        for setting in settings() {
            assert!(setting.doc.ends_with('.'), "{}", setting.key);
            assert!(setting.key.split('.').count() <= 2, "{}", setting.key);
        }
    }
}
