//! When the bytes of requests were written, remembered per write, not per request.

use std::collections::VecDeque;

/// Writes that are remembered. What is written beyond them counts as written with the last of them.
const MOST: usize = 1024;

/// See the module. Positions count the bytes of this connection.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Where each write ended, and when it was.
    writes: VecDeque<(u64, u64)>,
    /// Bytes written.
    written: u64,
    /// Bytes of requests that are answered.
    answered: u64,
}

impl Times {
    /// `n` more bytes were written at `now`.
    #[inline]
    pub(super) fn wrote(&mut self, n: usize, now: u64) {
        self.written += n as u64;
        let (end, full) = (self.written, self.writes.len() >= MOST);
        match self.writes.back_mut() {
            Some(last) if last.1 == now || full => last.0 = end,
            _ => self.writes.push_back((end, now)),
        }
    }

    /// When the last of the next `len` bytes was written; 0: it was not.
    #[inline]
    pub(super) fn when(&self, len: usize) -> u64 {
        let end = self.answered + len as u64;
        self.writes.iter().find(|(upto, _)| *upto >= end).map_or(0, |(_, at)| *at)
    }

    /// The same; those bytes are answered, and forgotten.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> u64 {
        self.answered += len as u64;
        while let Some((upto, at)) = self.writes.front().copied() {
            if upto > self.answered {
                return at;
            }
            self.writes.pop_front();
            if upto == self.answered {
                return at;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Times};

    #[test]
    fn each_request_has_the_time_of_its_last_byte() {
        let mut times = Times::default();
        times.wrote(10, 1);
        times.wrote(5, 1);
        times.wrote(7, 2);
        // Three of five in the first write, one that began there, one after it.
        assert_eq!((times.take(6), times.take(9), times.when(3), times.take(3)), (1, 1, 2, 2));
        assert_eq!((times.when(5), times.take(4)), (0, 2));
        assert_eq!(times.take(1), 0);
        assert!(times.writes.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut times = Times::default();
        (1..=2 * MOST as u64).for_each(|now| times.wrote(1, now));
        assert_eq!(times.writes.len(), MOST);
        let last = (0..2 * MOST).map(|_| times.take(1)).last();
        assert_eq!(last, Some(MOST as u64));
    }
}
