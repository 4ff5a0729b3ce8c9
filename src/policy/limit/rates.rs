//! All rates.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::rate::{Rate, RateError};
use crate::config::{self, Config};

/// Every rate there is, for all workers.
#[derive(Debug)]
pub struct Rates {
    pub(super) rates: Box<[Arc<Rate>]>,
    listeners: Vec<String>,
}

impl Rates {
    /// The rates that `config` asks for; `None` if it asks for none, or they are switched off
    /// (`features.rate_limiting`). Each that tells users, addresses or keys apart takes a megabyte.
    ///
    /// # Errors
    /// The first rate that names no command.
    pub fn new(config: &Config) -> Result<Option<Arc<Self>>, RateError> {
        Self::renewed(config, None)
    }

    /// The same in place of `old`. A rate that is the same in both goes on as it is: with its allowances and
    /// with what it has counted.
    ///
    /// # Errors
    /// The first rate that names no command.
    pub fn renewed(config: &Config, old: Option<&Self>) -> Result<Option<Arc<Self>>, RateError> {
        if config.rates.is_empty() || !config.features.rate_limiting {
            return Ok(None);
        }
        let kept = |settings: &config::Rate| {
            old?.rates.iter().find(|rate| rate.settings == *settings).map(Arc::clone)
        };
        let rate =
            |settings: &config::Rate| kept(settings).map_or_else(|| Rate::new(settings).map(Arc::new), Ok);
        let rates = config.rates.iter().map(rate).collect::<Result<_, _>>()?;
        let plain = config.listen.iter().map(ToString::to_string);
        let tls = config.tls.listen.iter().map(ToString::to_string);
        Ok(Some(Arc::new(Self { rates, listeners: plain.chain(tls).collect() })))
    }

    /// What each has done: its name, and how many requests it has refused, held back, and let pass although
    /// they were over.
    pub fn decisions(&self) -> impl Iterator<Item = (&str, [u64; 3])> {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        self.rates.iter().map(move |rate| {
            (&*rate.settings.name, [&rate.refused, &rate.delayed, &rate.observed].map(count))
        })
    }

    /// The same as lines of `INFO`.
    pub fn section(&self) -> String {
        let mut out = String::new();
        for (name, [refused, delayed, observed]) in self.decisions() {
            let _ = write!(
                out,
                "nearside_rate_{name}:refused={refused},delayed={delayed},observed={observed}\r\n"
            );
        }
        out
    }

    /// What a listener is called in the configuration.
    pub(super) fn listener(&self, number: usize) -> &str {
        self.listeners.get(number).map_or("", |name| name)
    }
}
