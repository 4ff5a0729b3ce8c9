//! The memory for buffers: one budget for all workers (`limits.memory`).
//!
//! Who holds much takes it from here before he does ([`Memory::reserve`]). What clients hold that is not
//! worth an atomic addition each is told here a few times a second ([`Memory::tell`]). A part is left for
//! that: reservations end at seven eighths.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, PoisonError};

/// What all buffers hold, and who holds most.
#[derive(Debug)]
pub struct Memory {
    limit: AtomicUsize,
    reserved: AtomicUsize,
    /// Somebody was refused for whose sake another is to go.
    wanted: AtomicBool,
    told: Mutex<Vec<Told>>,
}

/// What a worker has told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Bytes its clients hold that are not reserved.
    pub loose: usize,
    /// Bytes that one of its clients holds who holds most.
    pub worst: usize,
}

impl Memory {
    pub(super) fn new(limit: u64) -> Self {
        let limit = AtomicUsize::new(usize::try_from(limit).unwrap_or(usize::MAX));
        Self { limit, reserved: AtomicUsize::new(0), wanted: AtomicBool::new(false), told: Mutex::default() }
    }

    /// From now on there is so much. Who holds more gives it back, or goes.
    pub(super) fn set_limit(&self, limit: u64) {
        self.limit.store(usize::try_from(limit).unwrap_or(usize::MAX), Relaxed);
    }

    /// Takes `bytes`; `false` if there is not so much left.
    pub fn reserve(&self, bytes: usize) -> bool {
        let (limit, before) = (self.limit.load(Relaxed), self.reserved.fetch_add(bytes, Relaxed));
        let fits = before.saturating_add(bytes) <= limit - limit / 8;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    /// Gives back what [`Self::reserve`] took.
    pub fn release(&self, bytes: usize) {
        self.reserved.fetch_sub(bytes, Relaxed);
    }

    /// Somebody who holds little was refused: who holds most is to go.
    pub fn want(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// What worker `index` has found among its clients. Answers what must be freed there, now: so many
    /// bytes, 0 for nothing, of clients that hold at least so many. Only the worker that has the worst of all
    /// is asked to, and only for those that are worse than any of the others'.
    pub fn tell(&self, index: usize, told: Told) -> (usize, usize) {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= index {
            all.resize(index + 1, Told::default());
        }
        all[index] = told;
        let is_worst = told.worst > 0
            && all.iter().enumerate().all(|(at, other)| other.worst < told.worst + usize::from(at >= index));
        if !is_worst {
            return (0, 0);
        }
        let others = all.iter().enumerate().filter(|(at, _)| *at != index);
        let down_to = others.map(|(_, other)| other.worst).max().unwrap_or(0).max(1);
        let loose: usize = all.iter().map(|told| told.loose).sum();
        let over = (self.reserved.load(Relaxed) + loose).saturating_sub(self.limit.load(Relaxed));
        let wanted = usize::from(self.wanted.swap(false, Relaxed));
        (over.max(wanted), down_to)
    }

    /// The most that one client holds, as far as has been told.
    pub fn worst(&self) -> usize {
        let all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|told| told.worst).max().unwrap_or(0)
    }

    /// Bytes in buffers, as far as has been told.
    pub fn used(&self) -> usize {
        let all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.reserved.load(Relaxed) + all.iter().map(|told| told.loose).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_with_the_worst_client_frees_what_is_over() {
        let memory = Memory::new(800);
        assert!(memory.reserve(700));
        assert!(!memory.reserve(1));
        assert_eq!(memory.tell(0, Told { loose: 50, worst: 400 }), (0, 1));
        assert_eq!(memory.tell(1, Told { loose: 100, worst: 300 }), (0, 0));
        assert_eq!(memory.tell(0, Told { loose: 50, worst: 400 }), (50, 300));
        assert_eq!((memory.used(), memory.worst()), (850, 400));
        memory.release(700);
        assert_eq!(memory.tell(0, Told { loose: 50, worst: 400 }), (0, 300));
        // Of two that are as bad one is asked.
        assert_eq!(memory.tell(1, Told { loose: 1000, worst: 400 }), (0, 0));
        assert_eq!(memory.tell(0, Told { loose: 50, worst: 400 }), (250, 400));
    }

    #[test]
    fn who_holds_most_goes_for_who_gets_nothing() {
        let memory = Memory::new(800);
        memory.want();
        assert_eq!(memory.tell(0, Told { loose: 10, worst: 10 }), (1, 1));
        assert_eq!(memory.tell(0, Told { loose: 10, worst: 10 }), (0, 1));
    }
}
