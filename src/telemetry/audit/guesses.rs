//! Addresses from which authentication has failed lately. Pure: time is handed in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long failures are remembered.
const LATELY: Duration = Duration::from_secs(15 * 60);
/// Most addresses that are.
const MOST: usize = 4096;

/// How often it has failed since it last did not, and when it last did.
#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<Option<IpAddr>, (u32, Instant)>);

impl Guesses {
    pub(super) fn wrong(&mut self, address: Option<IpAddr>, now: Instant) {
        let address = address.map(|address| address.to_canonical());
        if !self.0.contains_key(&address) && self.0.len() >= MOST {
            self.forget_old(now);
            if self.0.len() >= MOST {
                return;
            }
        }
        let (failures, last) = self.0.entry(address).or_insert((0, now));
        (*failures, *last) = (failures.saturating_add(1), now);
    }

    pub(super) fn right(&mut self, address: Option<IpAddr>, now: Instant) -> Option<u32> {
        self.forget_old(now);
        Some(self.0.remove(&address.map(|address| address.to_canonical()))?.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, (_, last)| now.duration_since(*last) < LATELY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_until_it_works_or_is_long_ago() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let (one, mapped) = ("10.0.0.1".parse().ok(), "::ffff:10.0.0.1".parse().ok());
        guesses.wrong(one, now);
        guesses.wrong(mapped, now);
        guesses.wrong(None, now);
        assert_eq!(guesses.right(one, now), Some(2));
        assert_eq!(guesses.right(one, now), None);
        assert_eq!(guesses.right(None, now + LATELY), None);
        assert!(guesses.is_empty());
    }

    #[test]
    fn the_table_is_bounded() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for i in 0..10_000_u32 {
            guesses.wrong(Some(IpAddr::V4(i.into())), now);
        }
        assert_eq!(guesses.0.len(), MOST);
        guesses.wrong(None, now + LATELY);
        assert_eq!(guesses.0.len(), 1);
    }
}
