//! What `check` prints: every setting with its effective value and origin.

use super::Profile;
use super::load::Loaded;
use super::written::Origin;
use std::fmt::Write;

/// Every key, its effective value with secrets masked and its origin; then what the profile sets,
/// then the warnings.
pub fn render(loaded: &Loaded) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    _ = write_settings(&mut out, loaded);
    _ = write_profile(&mut out, loaded);
    _ = write_warnings(&mut out, loaded);
    out
}

fn write_settings(out: &mut String, loaded: &Loaded) -> std::fmt::Result {
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).min(40);
    let keys = widest(&mut loaded.settings.iter().map(|setting| setting.key.len()));
    let values = widest(&mut loaded.settings.iter().map(|setting| setting.value.chars().count()));
    for setting in &loaded.settings {
        let value = if setting.value.is_empty() { "-" } else { &setting.value };
        // A value may hold what a terminal would obey.
        let value: String = value.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        writeln!(out, "{:keys$}  {value:values$}  {}", setting.key, setting.origin)?;
    }
    Ok(())
}

fn write_profile(out: &mut String, loaded: &Loaded) -> std::fmt::Result {
    let profile = loaded.config.profile;
    if profile.sets().is_empty() {
        return writeln!(out, "\nprofile {profile} sets nothing beyond the defaults");
    }
    writeln!(out, "\nprofile {profile} sets:")?;
    for (key, value) in profile.sets() {
        let kept = is_from_profile(loaded, key, profile);
        writeln!(out, "  {key} = {value}{}", if kept { "" } else { "  (overridden)" })?;
    }
    Ok(())
}

fn is_from_profile(loaded: &Loaded, key: &str, profile: Profile) -> bool {
    let setting = loaded.settings.iter().find(|setting| setting.key == key);
    setting.is_some_and(|setting| setting.origin == Origin::Profile(profile))
}

fn write_warnings(out: &mut String, loaded: &Loaded) -> std::fmt::Result {
    for warning in &loaded.warnings {
        writeln!(out, "\nwarning: {warning}")?;
    }
    Ok(())
}
