//! What one session has to do with the rates.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::gcra::Allowance;
use super::rate::{Kept, Rate};
use super::rates::Rates;
use super::table::Table;
use crate::command::Command;
use crate::config::Per;
use crate::policy::gate::Origin;
use crate::policy::limit::admission::Source;
use crate::resp::request::Args;

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It may go on, if its time has come: [`Meter::not_before`].
    Paid,
    /// It is refused; nothing has been counted for it.
    Refused(Refusal),
}

/// A request over a rate. Displayed it is what the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("RATELIMITED {name}: more than {amount} for {who}; retry in {} ms", .wait.div_ceil(1_000_000))]
pub struct Refusal {
    name: String,
    amount: String,
    who: String,
    /// Nanoseconds until it would pass.
    wait: u64,
    rate: usize,
}

impl Refusal {
    /// The rate's name.
    pub fn rate(&self) -> &str {
        &self.name
    }
}

/// One session's part in the rates that concern it.
#[derive(Debug)]
pub struct Meter {
    rates: Arc<Rates>,
    user: String,
    origin: Origin,
    mine: Vec<Mine>,
    /// By a rate's number: the session's own allowance, for as long as it lasts.
    own: Box<[Allowance]>,
    /// Requests that are paid for and have not gone on yet, the next ones in order.
    paid: usize,
    /// When those may go on.
    not_before: u64,
    /// Allowances that pay for the rest of a request that is passed on in pieces, and what it has paid.
    pieces: Vec<Mine>,
    /// Something worth a line in the log.
    news: Option<String>,
}

/// A rate that concerns a session, and the tag of its allowance.
#[derive(Clone, Copy, Debug)]
struct Mine {
    rate: usize,
    tag: u64,
}

impl Meter {
    /// For a client that has come from `origin` and is `user` so far.
    pub fn new(rates: &Arc<Rates>, user: &str, origin: &Origin) -> Self {
        let mut meter = Self {
            rates: Arc::clone(rates),
            user: String::new(),
            origin: origin.clone(),
            mine: Vec::new(),
            own: rates.rates.iter().map(|_| Allowance::default()).collect(),
            paid: 0,
            not_before: 0,
            pieces: Vec::new(),
            news: None,
        };
        meter.become_user(user);
        meter
    }

    /// From now on these are the rates. What is paid for stays so, and the session keeps its own allowances of
    /// rates that are the same.
    pub fn renew(&mut self, rates: &Arc<Rates>) {
        if Arc::ptr_eq(&self.rates, rates) {
            return;
        }
        let old = std::mem::replace(&mut self.rates, Arc::clone(rates));
        let mut own: Vec<Option<Allowance>> = std::mem::take(&mut self.own).into_iter().map(Some).collect();
        let was = |rate: &Arc<Rate>| old.rates.iter().position(|other| Arc::ptr_eq(other, rate));
        let kept = rates.rates.iter().map(|rate| was(rate).and_then(|at| own.get_mut(at)?.take()));
        self.own = kept.map(Option::unwrap_or_default).collect();
        let is = |rate: &Arc<Rate>| rates.rates.iter().position(|other| Arc::ptr_eq(other, rate));
        let moved = |mine: &Mine| Some(Mine { rate: is(&old.rates[mine.rate])?, ..*mine });
        self.pieces = self.pieces.iter().filter_map(moved).collect();
        let user = std::mem::take(&mut self.user);
        self.become_user(&user);
    }

    /// From now on the client is `user`.
    pub fn become_user(&mut self, user: &str) {
        user.clone_into(&mut self.user);
        let listener = self.rates.listener(self.origin.listener);
        let has = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let concerns =
            |rate: &Rate| has(&rate.settings.users, user) && has(&rate.settings.listeners, listener);
        let rates = self.rates.rates.iter().enumerate().filter(|(_, rate)| concerns(rate));
        self.mine = rates.map(|(i, rate)| Mine { rate: i, tag: tag(rate, user, &self.origin) }).collect();
    }

    /// Whether the `at`th of the requests that have not gone on is paid for.
    #[inline]
    pub fn has_paid(&self, at: usize) -> bool {
        at < self.paid
    }

    /// When the requests that are paid for may go on.
    pub fn not_before(&self) -> u64 {
        self.not_before
    }

    /// So many requests that were paid for have gone on, or have been answered.
    #[inline]
    pub fn settle(&mut self, count: usize) {
        self.paid = self.paid.saturating_sub(count);
    }

    /// What is new and worth a line in the log, once.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// Pays for the next request that is not paid for. `bytes`: what it will take, as far as is known.
    #[inline]
    pub fn pay(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        bytes: usize,
        now: u64,
    ) -> Pass {
        let mut wait = 0;
        for at in 0..self.mine.len() {
            match self.charge(self.mine[at], command, args, bytes, now) {
                Ok(longer) => wait = longer.max(wait),
                Err(over) => {
                    (0..at).for_each(|i| self.refund(self.mine[i], command, args, bytes, now));
                    return Pass::Refused(self.refusal(self.mine[at].rate, over));
                }
            }
        }
        self.paid += 1;
        if wait > 0 {
            self.not_before = self.not_before.max(now + wait);
        }
        Pass::Paid
    }

    /// The client is told of it.
    pub fn refused(&mut self, refusal: &Refusal, now: u64) {
        let rate = &self.rates.rates[refusal.rate];
        rate.refused.fetch_add(1, Relaxed);
        self.tell(refusal.rate, "refused", now);
    }

    /// Pays for a request that is passed on in pieces: `bytes` of it are known to come.
    pub fn pay_in_pieces(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        bytes: usize,
        now: u64,
    ) -> Pass {
        let pass = self.pay(command, args, bytes, now);
        self.pieces.clear();
        if pass == Pass::Paid {
            for mine in &self.mine {
                let rate = &self.rates.rates[mine.rate];
                if rate.is_bytes() && rate.counts(command, args) {
                    self.pieces.extend(tags(rate, *mine, command, args));
                }
            }
        }
        pass
    }

    /// More of that request has come than was known: it cannot be refused any more, but is owed.
    pub fn owe(&self, bytes: usize, now: u64) {
        for piece in &self.pieces {
            let rate = &self.rates.rates[piece.rate];
            self.allowance(rate, *piece, now).owe(rate.cost(bytes), now);
        }
    }

    /// Takes what one rate wants. How long it has to wait, or would have to.
    #[inline]
    fn charge(
        &mut self,
        mine: Mine,
        command: Option<&'static Command>,
        args: &Args<'_>,
        bytes: usize,
        now: u64,
    ) -> Result<u64, u64> {
        let rate = &self.rates.rates[mine.rate];
        if !rate.counts(command, args) {
            return Ok(0);
        }
        let taken = if rate.settings.per == Per::Key {
            self.charge_keys(rate, command, args, bytes, now)
        } else {
            self.allowance(rate, mine, now).take(&rate.pace, rate.cost(bytes), now, rate.patience)
        };
        match taken {
            Ok(0) => Ok(0),
            Err(_) if !rate.settings.enforce => {
                rate.observed.fetch_add(1, Relaxed);
                self.tell(mine.rate, "over (only observed)", now);
                Ok(0)
            }
            // It would have waited.
            Ok(_) if !rate.settings.enforce => Ok(0),
            Ok(wait) => {
                rate.delayed.fetch_add(1, Relaxed);
                self.tell(mine.rate, "held back", now);
                Ok(wait)
            }
            over => over,
        }
    }

    /// Takes from every key's allowance, or from none.
    fn charge_keys(
        &self,
        rate: &Rate,
        command: Option<&'static Command>,
        args: &Args<'_>,
        bytes: usize,
        now: u64,
    ) -> Result<u64, u64> {
        let Kept::Named(table) = &rate.kept else { return Ok(0) };
        let (mut wait, cost) = (0, rate.cost(bytes));
        for (at, tag) in keys(rate, table, command, args).enumerate() {
            match table.of(tag, now).take(&rate.pace, cost, now, rate.patience) {
                Ok(longer) => wait = longer.max(wait),
                Err(over) => {
                    let taken = keys(rate, table, command, args).take(at);
                    taken.for_each(|tag| table.of(tag, now).give_back(cost));
                    return Err(over);
                }
            }
        }
        Ok(wait)
    }

    /// Another rate has refused what this one had let pass.
    fn refund(&self, mine: Mine, command: Option<&'static Command>, args: &Args<'_>, bytes: usize, now: u64) {
        let rate = &self.rates.rates[mine.rate];
        if rate.settings.enforce && rate.counts(command, args) {
            let all = tags(rate, mine, command, args);
            all.into_iter().for_each(|mine| self.allowance(rate, mine, now).give_back(rate.cost(bytes)));
        }
    }

    #[inline]
    fn allowance<'a>(&'a self, rate: &'a Rate, mine: Mine, now: u64) -> &'a Allowance {
        match &rate.kept {
            Kept::One(one) => one,
            Kept::Own => &self.own[mine.rate],
            Kept::Named(table) => table.of(mine.tag, now),
        }
    }

    fn refusal(&self, number: usize, wait: u64) -> Refusal {
        let rate = &self.rates.rates[number];
        let (name, amount, who) = (rate.settings.name.clone(), rate.amount(), self.who(rate.settings.per));
        Refusal { name, amount, who, wait, rate: number }
    }

    fn who(&self, per: Per) -> String {
        match per {
            Per::All => "all clients".into(),
            Per::User => format!("user {}", self.user),
            Per::Address => format!("address {}", Source::of(self.origin.address)),
            Per::Listener => format!("listener {}", self.rates.listener(self.origin.listener)),
            Per::Client => "this client".into(),
            Per::Key => "one key".into(),
        }
    }

    #[cold]
    fn tell(&mut self, number: usize, what: &str, now: u64) {
        let rate = &self.rates.rates[number];
        if rate.is_news(now) {
            let (name, amount, who) = (&rate.settings.name, rate.amount(), self.who(rate.settings.per));
            self.news = Some(format!("{name}: more than {amount} for {who}: {what}"));
        }
    }
}

/// By what a session's allowance is found, where it is not the key that decides.
fn tag(rate: &Rate, user: &str, origin: &Origin) -> u64 {
    let Kept::Named(table) = &rate.kept else { return 0 };
    match rate.settings.per {
        Per::User => table.tag(user),
        Per::Address => table.tag(&Source::of(origin.address)),
        Per::Listener => table.tag(&origin.listener),
        Per::All | Per::Client | Per::Key => 0,
    }
}

/// The tags of the keys that `rate` counts.
fn keys<'a>(
    rate: &'a Rate,
    table: &'a Table,
    command: Option<&'static Command>,
    args: &'a Args<'a>,
) -> impl Iterator<Item = u64> + 'a {
    let keys = command.into_iter().flat_map(|command| command.keys(args));
    keys.filter(|key| rate.is_key(key)).map(|key| table.tag(key))
}

/// Every allowance of `rate` that a request takes from.
fn tags(rate: &Rate, mine: Mine, command: Option<&'static Command>, args: &Args<'_>) -> Vec<Mine> {
    match &rate.kept {
        Kept::Named(table) if rate.settings.per == Per::Key => {
            keys(rate, table, command, args).map(|tag| Mine { rate: mine.rate, tag }).collect()
        }
        _ => vec![mine],
    }
}

#[cfg(test)]
mod tests;
