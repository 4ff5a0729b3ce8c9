//! Rates and admission, as a session meets them. What is decided is `policy::limit`'s.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};

use super::path::Path;
use super::traced::Outcome;
use super::verdict::Verdict;
use crate::command::Command;
use crate::config::Config;
use crate::policy::limit::{Admission, Meter, Pass, Rates, Refusal, Seat, TurnedAway, locked_out_text};
use crate::policy::{Origin, Permit, Rights};
use crate::resp::reply;
use crate::resp::request::Args;
use crate::telemetry::Stats;
use crate::telemetry::meters::Cause;

/// What a request may be early by: the timer's own step, so that small waits do not add up.
const EARLY: u64 = 1_000_000;

/// Limits that all workers share.
#[derive(Clone, Debug)]
pub struct Limiting {
    /// Who may connect and log in.
    pub admission: Arc<Admission>,
    /// Where it is counted, and since when time is.
    pub stats: Arc<Stats>,
}

impl Limiting {
    /// What `config` asks for.
    pub fn new(config: &Config) -> Self {
        Self { admission: Admission::new(&config.admission), stats: Arc::new(Stats::new(config)) }
    }

    /// A moment as limits count time.
    #[inline]
    pub fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.stats.since).as_nanos()).unwrap_or(u64::MAX / 8)
    }
}

/// One session's part in the limits.
#[derive(Debug, Default)]
pub(super) struct Limited {
    meter: Option<Box<Meter>>,
    /// The request at the front waits for its turn.
    pause: Option<Pin<Box<Sleep>>>,
    /// Bytes of a request passed on in pieces that are paid for and have not come yet.
    prepaid: usize,
    /// Its place among the clients of its user.
    seat: Option<(String, Seat)>,
}

impl Limited {
    pub(super) fn new(rates: Option<&Arc<Rates>>, user: &str, origin: &Origin) -> Self {
        let meter = rates.map(|rates| Box::new(Meter::new(rates, user, origin)));
        Self { meter, ..Self::default() }
    }

    /// From now on these are the rates.
    pub(super) fn renew(&mut self, rates: Option<&Arc<Rates>>, user: &str, origin: &Origin) {
        match (&mut self.meter, rates) {
            (Some(meter), Some(rates)) => meter.renew(rates),
            (None, None) => {}
            (_, rates) => self.meter = rates.map(|rates| Box::new(Meter::new(rates, user, origin))),
        }
    }

    /// Whether there are rates at all.
    #[inline]
    pub(super) fn is_metered(&self) -> bool {
        self.meter.is_some()
    }

    /// So many requests have gone on, or have been answered.
    #[inline]
    pub(super) fn settle(&mut self, count: usize) {
        if let Some(meter) = &mut self.meter {
            meter.settle(count);
        }
    }

    pub(super) fn become_user(&mut self, user: &str) {
        if let Some(meter) = &mut self.meter {
            meter.become_user(user);
        }
    }
}

impl Path {
    /// Like [`Self::route`], where there are rates.
    pub(super) fn route_metered(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        permit: Permit,
    ) -> Verdict {
        match self.pays(0, command, args) {
            Err(refusal) => {
                let verdict = self.here_for(Some(Cause::RateLimited), |_, out| {
                    reply::error(refusal.to_string(), out);
                });
                if verdict.consumed() {
                    self.outcome = Some(Outcome::Denied);
                    self.was_refused(&refusal);
                }
                return verdict;
            }
            Ok(()) if self.is_early().is_some() => return Verdict::Paced,
            Ok(()) => {}
        }
        let verdict = if self.member.is_some() {
            self.route_member(command, args, permit)
        } else {
            self.route_any(command, args, permit)
        };
        if verdict.consumed() {
            self.limited.settle(1);
        }
        verdict
    }

    /// Has the `at`th request that has not gone on pay, if it has not yet.
    #[inline]
    pub(super) fn pays(
        &mut self,
        at: usize,
        command: Option<&'static Command>,
        args: &Args<'_>,
    ) -> Result<(), Refusal> {
        let Some(meter) = &mut self.limited.meter else { return Ok(()) };
        if meter.has_paid(at) {
            return Ok(());
        }
        let now = self.worker.limiting.nanos(self.arrived);
        let pass = meter.pay(command, args, args.bytes().len(), now);
        report(meter);
        settled(pass)
    }

    /// The same for one that is passed on in pieces, of which `bytes` are known to come.
    pub(super) fn pays_in_pieces(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        bytes: usize,
    ) -> Result<(), Refusal> {
        let Some(meter) = &mut self.limited.meter else { return Ok(()) };
        if meter.has_paid(0) {
            return Ok(());
        }
        let now = self.worker.limiting.nanos(self.arrived);
        self.limited.prepaid = bytes;
        let pass = meter.pay_in_pieces(command, args, bytes, now);
        report(meter);
        settled(pass)
    }

    /// So many bytes of it have passed.
    pub(super) fn passed(&mut self, bytes: usize) {
        let Some(meter) = &self.limited.meter else { return };
        let more = bytes.saturating_sub(self.limited.prepaid);
        self.limited.prepaid = self.limited.prepaid.saturating_sub(bytes);
        if more > 0 {
            meter.owe(more, self.worker.limiting.nanos(self.arrived));
        }
    }

    /// How long the requests that have paid must still wait.
    pub(super) fn is_early(&self) -> Option<Duration> {
        let meter = self.limited.meter.as_ref()?;
        let early = meter.not_before().saturating_sub(self.worker.limiting.nanos(self.arrived));
        (early >= EARLY).then(|| Duration::from_nanos(early))
    }

    /// The client has been told of it.
    pub(super) fn was_refused(&mut self, refusal: &Refusal) {
        self.note_rate(refusal);
        if let Some(meter) = &mut self.limited.meter {
            meter.refused(refusal, self.worker.limiting.nanos(self.arrived));
            report(meter);
        }
    }

    /// Waits until the request at the front has its turn.
    pub(super) fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.arrived = Instant::now();
        let Some(wait) = self.is_early() else { return Poll::Ready(()) };
        let pause = self.limited.pause.get_or_insert_with(|| Box::pin(sleep(wait)));
        std::task::ready!(pause.as_mut().poll(cx));
        self.limited.pause = None;
        self.arrived = Instant::now();
        Poll::Ready(())
    }

    /// The same as [`Self::take_seat`] for who has not logged in: only our own users are somebody by then
    /// (by a certificate, or the open default one), the upstream's may still say who they are.
    pub(super) fn take_seat_unasked(&mut self, rights: &Rights) -> Result<(), TurnedAway> {
        if self.has_own_users() {
            return self.take_seat(rights);
        }
        self.limited.seat = None;
        Ok(())
    }

    /// A place among the clients of whoever `rights` are for, if there is one. Nobody in particular needs none.
    pub(super) fn take_seat(&mut self, rights: &Rights) -> Result<(), TurnedAway> {
        if rights.must_authenticate() {
            self.limited.seat = None;
            return Ok(());
        }
        let user = rights.user();
        if self.limited.seat.as_ref().is_some_and(|(has, _)| has == user) {
            return Ok(());
        }
        let limiting = &self.worker.limiting;
        let seat = limiting.admission.seat(user).inspect_err(|_| {
            limiting.stats.turned_away.fetch_add(1, Relaxed);
            self.note_no_seat(user);
        })?;
        self.limited.seat = Some((user.to_owned(), seat));
        Ok(())
    }

    /// What an `AUTH` is answered untried, because too many have failed.
    pub(super) fn locked_out(&self, user: &[u8]) -> Option<String> {
        let limiting = &self.worker.limiting;
        let wait = limiting.admission.locked_out(&self.origin, user, limiting.nanos(Instant::now()))?;
        limiting.stats.auth_locked_out.fetch_add(1, Relaxed);
        self.note_locked_out();
        Some(locked_out_text(wait))
    }

    /// The client has given a name or a password that is wrong.
    pub(super) fn failed_to_log_in(&self, user: &[u8]) {
        let limiting = &self.worker.limiting;
        limiting.stats.auth_failures.fetch_add(1, Relaxed);
        limiting.admission.failed(&self.origin, user, limiting.nanos(Instant::now()));
    }
}

fn settled(pass: Pass) -> Result<(), Refusal> {
    match pass {
        Pass::Paid => Ok(()),
        Pass::Refused(refusal) => Err(refusal),
    }
}

#[inline]
fn report(meter: &mut Meter) {
    if let Some(news) = meter.news() {
        tracing::warn!("rate limit {news}");
    }
}
