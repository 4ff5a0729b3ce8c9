//! What is wrong now and stays so until somebody mends it, for `INFO`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Lines of the `# Nearside` section, by name. The last word on each counts.
#[derive(Debug, Default)]
pub struct Notices(Mutex<BTreeMap<&'static str, String>>);

impl Notices {
    /// From now on the line `name` says `text`; answers whether it said something else before.
    pub fn set(&self, name: &'static str, text: impl Into<String>) -> bool {
        let text = text.into();
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.insert(name, text.clone()).is_none_or(|before| before != text)
    }

    /// There is no such line from now on.
    pub fn clear(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The lines.
    pub fn section(&self) -> String {
        let notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one_line = |text: &str| text.replace(['\r', '\n'], " ");
        notices.iter().map(|(name, text)| format!("nearside_{name}:{}\r\n", one_line(text))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Notices;

    #[test]
    fn a_notice_is_one_line_and_its_last_word_counts() {
        let notices = Notices::default();
        assert!(notices.set("a", "x\r\ny") && !notices.set("a", "x\r\ny") && notices.set("b", "z"));
        assert_eq!(notices.section(), "nearside_a:x  y\r\nnearside_b:z\r\n");
        notices.clear("a");
        assert_eq!(notices.section(), "nearside_b:z\r\n");
    }
}
