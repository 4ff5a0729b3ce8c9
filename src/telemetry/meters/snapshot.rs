//! What all workers have counted, at a moment.

use serde::Serialize;

use super::{By, Cause, Class, Latency, Meters};

/// The meters of all workers together. Workers go on counting while it is taken: its figures are each right
/// and may differ from one another by what happened meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Requests taken, by class ([`Class::ALL`]).
    pub commands: [u64; Class::COUNT],
    /// Requests answered, by what answered them ([`By::ALL`]).
    pub answered: [u64; By::COUNT],
    /// Errors clients got, by cause ([`Cause::ALL`]).
    pub errors: [u64; Cause::COUNT],
    /// Bytes read from clients. Here as below: inside TLS, where it is spoken.
    pub client_in: u64,
    /// Bytes written to clients.
    pub client_out: u64,
    /// Bytes read from the upstream, without greetings.
    pub upstream_in: u64,
    /// Bytes written to the upstream, without greetings.
    pub upstream_out: u64,
    /// From when a request was read to when its reply was put for the client, by class. Blocking commands
    /// and subscriptions are not in it.
    pub total: [Latency; Class::COUNT],
    /// The upstream's part of it, for those that went there: from when the request was written to when its
    /// reply was read. [`Self::total`] less this is what Nearside took itself.
    pub upstream: [Latency; Class::COUNT],
}

impl Snapshot {
    /// What `all` have counted so far.
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a Meters>) -> Self {
        let mut sum = Self::default();
        all.for_each(|meters| meters.add_to(&mut sum));
        sum
    }

    /// What has been counted since `older` was taken.
    pub fn since(&self, older: &Self) -> Self {
        fn less<const N: usize>(now: &mut [u64; N], then: &[u64; N]) {
            now.iter_mut().zip(then).for_each(|(now, then)| *now = now.saturating_sub(*then));
        }
        let mut new = self.clone();
        less(&mut new.commands, &older.commands);
        less(&mut new.answered, &older.answered);
        less(&mut new.errors, &older.errors);
        for (now, then) in [
            (&mut new.client_in, older.client_in),
            (&mut new.client_out, older.client_out),
            (&mut new.upstream_in, older.upstream_in),
            (&mut new.upstream_out, older.upstream_out),
        ] {
            *now = now.saturating_sub(then);
        }
        new.total.iter_mut().zip(&older.total).for_each(|(now, then)| *now = now.since(then));
        new.upstream.iter_mut().zip(&older.upstream).for_each(|(now, then)| *now = now.since(then));
        new
    }

    /// All requests taken.
    pub fn commands_total(&self) -> u64 {
        self.commands.iter().sum()
    }

    /// All errors clients got, whosever fault they are.
    pub fn errors_total(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Errors for this cause.
    pub fn errors_of(&self, cause: Cause) -> u64 {
        self.errors[cause.index()]
    }

    /// Requests answered by `by`.
    pub fn answered_by(&self, by: By) -> u64 {
        self.answered[by.index()]
    }

    /// How long requests took, of all classes together.
    pub fn latency(&self) -> Latency {
        together(&self.total)
    }

    /// The upstream's part, of all classes together.
    pub fn upstream_latency(&self) -> Latency {
        together(&self.upstream)
    }

    /// What Nearside took itself per request, on average, nanoseconds; `None`: there was none.
    pub fn own_share_ns(&self) -> Option<u64> {
        let (all, upstream) = (self.latency(), self.upstream_latency());
        all.sum_ns.saturating_sub(upstream.sum_ns).checked_div(all.count())
    }
}

fn together(all: &[Latency; Class::COUNT]) -> Latency {
    all.iter().fold(Latency::default(), |mut sum, one| {
        sum.plus(one);
        sum
    })
}
