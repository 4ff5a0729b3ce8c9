//! How the log is written.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::{Log, LogFormat};

/// Why the log cannot be set up as asked.
#[derive(Debug, thiserror::Error)]
#[error("log.level: {0}")]
pub struct LevelError(#[from] tracing_subscriber::filter::ParseError);

/// A subscriber that writes to standard error in the given form. The caller installs it.
pub fn subscriber(log: &Log) -> Result<Box<dyn Subscriber + Send + Sync>, LevelError> {
    let filter = EnvFilter::builder().parse(&log.level)?;
    let layer = tracing_subscriber::fmt::layer().with_writer(BoxMakeWriter::new(std::io::stderr));
    let registry = tracing_subscriber::registry().with(filter);
    Ok(match log.format {
        LogFormat::Text => Box::new(registry.with(layer.with_target(false).with_ansi(false))),
        LogFormat::Json => Box::new(registry.with(layer.json().flatten_event(true))),
    })
}
