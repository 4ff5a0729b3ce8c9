//! How the log is written, and which lines of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Subscriber;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::{Log, LogFormat};

/// Why the log cannot be set up as asked.
#[derive(Debug, thiserror::Error)]
#[error("log.level: {0}")]
pub struct LevelError(#[from] tracing_subscriber::filter::ParseError);

/// Which lines a log shows, ready to use.
#[derive(Debug)]
pub struct Filter {
    text: String,
    filter: EnvFilter,
}

impl Filter {
    /// As `log.level` says it.
    ///
    /// # Errors
    /// What `tracing` finds wrong with it.
    pub fn parse(text: &str) -> Result<Self, LevelError> {
        Ok(Self { text: text.to_owned(), filter: EnvFilter::builder().parse(text)? })
    }
}

/// Says and changes which lines a log shows, from any thread. A clone is for the same log.
#[derive(Clone)]
pub struct Levels {
    handle: reload::Handle<EnvFilter, Registry>,
    text: Arc<Mutex<String>>,
}

impl Levels {
    /// What is shown now, in the words of `log.level`.
    pub fn get(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows from now on what `text` asks for, in the words of `log.level`.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn set(&self, text: &str) -> Result<(), LevelError> {
        Filter::parse(text).map(|filter| self.apply(filter))
    }

    /// Shows from now on what `filter` lets through.
    pub fn apply(&self, Filter { text, filter }: Filter) {
        // The log may be gone by now.
        if self.handle.reload(filter).is_ok() {
            *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
    }
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Levels({:?})", self.get())
    }
}

/// A subscriber that writes to standard error in the given form, and what changes which lines. The caller
/// installs it.
///
/// # Errors
/// `log.level` means nothing.
pub fn subscriber(log: &Log) -> Result<(Box<dyn Subscriber + Send + Sync>, Levels), LevelError> {
    let Filter { text, filter } = Filter::parse(&log.level)?;
    let (filter, handle) = reload::Layer::new(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(BoxMakeWriter::new(std::io::stderr));
    let registry = tracing_subscriber::registry().with(filter);
    let subscriber: Box<dyn Subscriber + Send + Sync> = match log.format {
        LogFormat::Text => Box::new(registry.with(layer.with_target(false).with_ansi(false))),
        LogFormat::Json => Box::new(registry.with(layer.json().flatten_event(true))),
    };
    Ok((subscriber, Levels { handle, text: Arc::new(Mutex::new(text)) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_changed_and_a_mistake_changes_nothing() {
        let log = Log { format: LogFormat::Text, level: "warn".into(), access_sample: 0.0 };
        let (subscriber, levels) = subscriber(&log).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let shows = || (tracing::enabled!(tracing::Level::WARN), tracing::enabled!(tracing::Level::INFO));
            assert_eq!(shows(), (true, false));
            levels.set("info,nearside::upstream=debug").unwrap();
            assert_eq!(shows(), (true, true));
            assert!(levels.set("info,=nonsense=").is_err());
            assert_eq!(levels.get(), "info,nearside::upstream=debug");
            levels.set("off").unwrap();
            assert_eq!(shows(), (false, false));
        });
        assert!(levels.set("info").is_ok() && levels.get() == "off", "the log is gone");
    }
}
