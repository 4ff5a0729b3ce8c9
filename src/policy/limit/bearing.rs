//! Which rates count a request, for those who ask.

use std::sync::atomic::Ordering::Relaxed;

use super::rates::Rates;
use crate::command::Command;
use crate::config::Per;
use crate::policy::gate::Origin;
use crate::resp::request::Args;

/// A rate that counts a request, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearing {
    /// Its name.
    pub name: String,
    /// How much it lets pass: `100 commands/s`.
    pub amount: String,
    /// Who has that much to himself: `user`.
    pub per: &'static str,
    /// What happens beyond it: `refuse`, `delay` or `observe`.
    pub beyond: &'static str,
    /// Requests it has refused so far.
    pub refused: u64,
}

impl Rates {
    /// The rates that count `args` of a client from `origin` that is `user`.
    pub fn bearing(
        &self,
        user: &str,
        origin: &Origin,
        command: Option<&'static Command>,
        args: &Args<'_>,
    ) -> Vec<Bearing> {
        let listener = self.listener(origin.listener);
        let has = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let counts = self.rates.iter().filter(|rate| {
            let settings = &rate.settings;
            has(&settings.users, user)
                && has(&settings.listeners, listener)
                && rate.counts(command, args)
                // Keys are counted one by one.
                && (settings.per != Per::Key
                    || command.is_some_and(|command| command.keys(args).any(|key| rate.is_key(key))))
        });
        counts
            .map(|rate| Bearing {
                name: rate.settings.name.clone(),
                amount: rate.amount(),
                per: per(rate.settings.per),
                beyond: match (rate.settings.enforce, rate.settings.delay) {
                    (false, _) => "observe",
                    (true, Some(_)) => "delay",
                    (true, None) => "refuse",
                },
                refused: rate.refused.load(Relaxed),
            })
            .collect()
    }
}

fn per(per: Per) -> &'static str {
    match per {
        Per::All => "all",
        Per::User => "user",
        Per::Address => "address",
        Per::Listener => "listener",
        Per::Client => "client",
        Per::Key => "key",
    }
}
