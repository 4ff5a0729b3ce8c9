//! One way of one connection of a [`Relay`](super::Relay).

use std::io::{Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// So much of what has passed is remembered.
const MEMORY: usize = 32 << 20;

/// What has arrived one way, how much of it may pass, and how much has.
///
/// Positions count bytes from the opening of the connection. A hold takes effect before the call
/// returns: nothing passes after it.
#[derive(Debug, Default)]
pub struct Flow {
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What has arrived, from position `base` on.
    bytes: Vec<u8>,
    base: usize,
    passed: usize,
    /// Nothing from here on passes.
    limit: Option<usize>,
    /// A limit is set where these bytes begin, or end.
    snare: Option<(Vec<u8>, bool)>,
    /// When bytes arrived, up to a position; kept while there is a delay.
    arrivals: Vec<(usize, Instant)>,
    delay: Duration,
    swallow: bool,
    /// Byte by byte.
    drip: bool,
    /// The next of the first is to be the second.
    changed: Option<(Vec<u8>, Vec<u8>)>,
    /// No more will arrive.
    ended: bool,
    /// No more will pass.
    stopped: bool,
}

impl State {
    fn end(&self) -> usize {
        self.base + self.bytes.len()
    }

    fn find(&self, from: usize, what: &[u8]) -> Option<usize> {
        let from = from.max(self.base);
        let rest = self.bytes.get(from - self.base..)?;
        rest.windows(what.len()).position(|part| part == what).map(|at| from + at)
    }

    /// Replaces what is to be another thing in what came at position `from`.
    fn change(&mut self, from: usize) {
        if let Some((what, with)) = &self.changed
            && let Some(at) = self.find(from, what)
        {
            let at = at - self.base;
            let with = with.clone();
            self.bytes.splice(at..at + what.len(), with);
            self.changed = None;
        }
    }

    /// Sets the limit where the snare closes; a part of it at the end waits for the rest.
    fn snap(&mut self) {
        let Some((what, behind)) = &self.snare else { return };
        if let Some(at) = self.find(self.passed, what) {
            self.limit = Some(if *behind { at + what.len() } else { at });
            self.snare = None;
            return;
        }
        let unread = &self.bytes[self.passed.max(self.base) - self.base..];
        let part = (1..what.len()).rev().find(|&n| unread.ends_with(&what[..n])).unwrap_or(0);
        self.limit = (part > 0).then(|| self.end() - part);
    }

    /// Up to where bytes may pass now, and when more may if time alone decides.
    fn open(&self, now: Instant) -> (usize, Option<Instant>) {
        let limit = self.limit.unwrap_or(usize::MAX).min(self.end());
        if self.delay.is_zero() {
            return (limit, None);
        }
        let mut due = self.passed;
        for &(end, arrived) in &self.arrivals {
            if arrived + self.delay > now {
                return (limit.min(due), Some(arrived + self.delay));
            }
            due = due.max(end);
        }
        (limit, None)
    }
}

impl Flow {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.turn.notify_all();
    }

    /// Nothing passes any more.
    pub fn hold(&self) {
        self.change(|state| (state.limit, state.snare) = (Some(state.passed), None));
    }

    /// Everything passes up to the next `what` that has not passed, which stays.
    pub fn hold_before(&self, what: &[u8]) {
        self.set(what, false);
    }

    /// Everything passes up to the next `what` that has not passed, and that too.
    pub fn hold_after(&self, what: &[u8]) {
        self.set(what, true);
    }

    fn set(&self, what: &[u8], behind: bool) {
        self.change(|state| {
            (state.limit, state.snare) = (None, Some((what.to_vec(), behind)));
            state.snap();
        });
    }

    /// Of what is held, or comes, `bytes` more pass.
    pub fn let_through(&self, bytes: usize) {
        self.change(|state| state.limit = Some(state.passed + bytes));
    }

    /// Everything passes again, what was held first.
    pub fn release(&self) {
        self.change(|state| {
            (state.limit, state.snare, state.swallow) = (None, None, false);
            (state.delay, state.arrivals) = (Duration::ZERO, Vec::new());
        });
    }

    /// Everything that comes from now on takes so much longer.
    pub fn delay(&self, by: Duration) {
        self.change(|state| state.delay = by);
    }

    /// What has not passed, and what comes, is lost.
    pub fn swallow(&self) {
        self.change(|state| {
            (state.swallow, state.limit, state.snare) = (true, None, None);
        });
    }

    /// Puts `bytes` behind what has arrived, as if they had come too.
    pub fn inject(&self, bytes: &[u8]) {
        self.change(|state| state.bytes.extend_from_slice(bytes));
    }

    /// The next `what` that arrives in one piece passes as `with`.
    pub fn replace(&self, what: &[u8], with: &[u8]) {
        self.change(|state| state.changed = Some((what.to_vec(), with.to_vec())));
    }

    /// From now on every byte goes on by itself; or no more.
    pub fn drip(&self, on: bool) {
        self.change(|state| state.drip = on);
    }

    /// How much has arrived: a position to look from.
    pub fn arrived(&self) -> usize {
        self.state().end()
    }

    /// How much has passed.
    pub fn passed(&self) -> usize {
        self.state().passed
    }

    /// Whether `what` has arrived at position `from` or later, passed or not.
    pub fn has(&self, from: usize, what: &[u8]) -> bool {
        self.state().find(from, what).is_some()
    }

    /// How often.
    pub fn count(&self, from: usize, what: &[u8]) -> usize {
        let state = self.state();
        std::iter::successors(state.find(from, what), |at| state.find(at + what.len(), what)).count()
    }

    /// Everything that has arrived from position `from` on.
    pub fn since(&self, from: usize) -> Vec<u8> {
        let state = self.state();
        state.bytes[from.max(state.base) - state.base..].to_vec()
    }

    /// Waits until `what` has arrived at position `from` or later; where it ends.
    pub fn wait_arrived(&self, from: usize, what: &[u8]) -> usize {
        self.wait(&format!("{} arrives", what.escape_ascii()), |state| {
            state.find(from, what).map(|at| at + what.len())
        })
    }

    /// Waits until `what` has passed that had arrived at position `from` or later.
    pub fn wait_passed(&self, from: usize, what: &[u8]) -> usize {
        self.wait(&format!("{} passes", what.escape_ascii()), |state| {
            state.find(from, what).map(|at| at + what.len()).filter(|&end| end <= state.passed)
        })
    }

    fn wait<T>(&self, why: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(found) = look(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never: {why}");
            state = self.turn.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// It is over: nothing passes, whoever waits to carry leaves.
    pub(super) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }
}

/// Takes in what arrives, until it ends.
pub(super) fn collect(flow: &Flow, mut from: impl Read) {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut chunk);
        let mut state = flow.state();
        let Ok(n @ 1..) = read else {
            state.ended = true;
            flow.turn.notify_all();
            return;
        };
        if state.bytes.len() > MEMORY && state.passed == state.end() {
            state.base = state.end();
            state.bytes.clear();
        }
        let came = state.end();
        state.bytes.extend_from_slice(&chunk[..n]);
        state.change(came);
        if !state.delay.is_zero() {
            let arrival = (state.end(), Instant::now());
            state.arrivals.push(arrival);
        }
        state.snap();
        flow.turn.notify_all();
    }
}

/// Passes on what may pass, until it is over.
pub(super) fn carry(flow: &Flow, mut to: impl Write) {
    let mut state = flow.state();
    loop {
        let (open, later) = state.open(Instant::now());
        if state.stopped || (state.ended && state.passed == state.end()) {
            return;
        }
        if state.passed < open {
            // Under the lock, so that a hold is a hold.
            let open = if state.drip { state.passed + 1 } else { open };
            let (from, to_end) = (state.passed - state.base, open - state.base);
            if !state.swallow && to.write_all(&state.bytes[from..to_end]).is_err() {
                return;
            }
            state.passed = open;
            flow.turn.notify_all();
            continue;
        }
        state = match later {
            None => flow.turn.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(when) => {
                let left = when.saturating_duration_since(Instant::now());
                flow.turn.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
