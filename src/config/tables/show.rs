//! Tables in TOML's inline form, as `check` prints them and any source can have them.

/// The options of one table, in the order of its documentation.
#[derive(Default)]
pub(in crate::config) struct Shown(Vec<String>);

impl Shown {
    /// One option with a text.
    pub(in crate::config) fn text(&mut self, name: &str, text: &str) {
        self.plain(name, &toml_text(text));
    }

    /// One option with a number.
    pub(in crate::config) fn plain(&mut self, name: &str, value: &str) {
        self.0.push(format!("{name} = {value}"));
    }

    /// One option with a list; nothing for an empty one.
    pub(in crate::config) fn list(&mut self, name: &str, items: &[String]) {
        let texts: Vec<String> = items.iter().map(|item| toml_text(item)).collect();
        if !texts.is_empty() {
            self.plain(name, &format!("[{}]", texts.join(", ")));
        }
    }

    pub(in crate::config) fn inline(&self) -> String {
        format!("{{{}}}", self.0.join(", "))
    }
}

/// `text` in TOML's quotes.
pub(in crate::config) fn toml_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
