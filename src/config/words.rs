//! Settings that are one of a few words.

use super::field::Place;
use super::{AuthClients, CacheMode, Config, LogFormat, OnLoss, Per, RateUnit, TlsVersion};

/// A type whose every value has a name in settings.
pub(super) trait Word: Copy + 'static {
    /// Every value, in the order of its documentation; the first is the default.
    const ALL: &'static [Self];

    /// Its name.
    fn name(self) -> &'static str;

    /// The value of that name, in any case.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name().eq_ignore_ascii_case(name))
    }
}

/// A setting that holds such a value.
pub(super) trait Words: Sync {
    /// Reads `text` into its place; `None` if it is none of the words.
    fn set(&self, config: &mut Config, text: &str) -> Option<()>;
    /// The word in force.
    fn show(&self, config: &mut Config) -> &'static str;
    /// Every word.
    fn all(&self) -> Vec<&'static str>;
}

/// The place of a value that is one of a few words.
pub(super) struct OneOf<T>(pub(super) Place<T>);

impl<T: Word> Words for OneOf<T> {
    fn set(&self, config: &mut Config, text: &str) -> Option<()> {
        *(self.0)(config) = T::named(text)?;
        Some(())
    }

    fn show(&self, config: &mut Config) -> &'static str {
        (self.0)(config).name()
    }

    fn all(&self) -> Vec<&'static str> {
        T::ALL.iter().map(|word| word.name()).collect()
    }
}

/// The place of a truth value that is written in other words: those for false and for true.
pub(super) struct Switch(pub(super) Place<bool>, pub(super) [&'static str; 2]);

impl Words for Switch {
    fn set(&self, config: &mut Config, text: &str) -> Option<()> {
        let at = self.1.iter().position(|word| word.eq_ignore_ascii_case(text))?;
        *(self.0)(config) = at == 1;
        Some(())
    }

    fn show(&self, config: &mut Config) -> &'static str {
        self.1[usize::from(*(self.0)(config))]
    }

    fn all(&self) -> Vec<&'static str> {
        self.1.to_vec()
    }
}

/// `a, b or c`.
pub(super) fn either(words: &[&str]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => words.concat(),
    }
}

impl Word for AuthClients {
    const ALL: &'static [Self] = &[Self::No, Self::Optional, Self::Yes];

    fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Optional => "optional",
            Self::Yes => "yes",
        }
    }
}

impl Word for TlsVersion {
    const ALL: &'static [Self] = &[Self::V12, Self::V13];

    fn name(self) -> &'static str {
        match self {
            Self::V12 => "1.2",
            Self::V13 => "1.3",
        }
    }
}

impl Word for Per {
    const ALL: &'static [Self] =
        &[Self::All, Self::User, Self::Address, Self::Listener, Self::Client, Self::Key];

    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::User => "user",
            Self::Address => "address",
            Self::Listener => "listener",
            Self::Client => "client",
            Self::Key => "key",
        }
    }
}

impl Word for RateUnit {
    const ALL: &'static [Self] = &[Self::Commands, Self::Bytes];

    fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Bytes => "bytes",
        }
    }
}

impl Word for CacheMode {
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

impl Word for LogFormat {
    const ALL: &'static [Self] = &[Self::Text, Self::Json];

    fn name(self) -> &'static str {
        self.name()
    }
}

impl LogFormat {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Word for OnLoss {
    const ALL: &'static [Self] = &[Self::Close, Self::Resubscribe];

    fn name(self) -> &'static str {
        self.name()
    }
}

impl OnLoss {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Resubscribe => "resubscribe",
        }
    }
}
