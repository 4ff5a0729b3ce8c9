//! Where a command's keys stand.

use crate::resp::request::Args;

/// A command's key rule. Positions count the name as 0; for a subcommand the container is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It names none.
    None,
    /// Every `step`-th argument from `first` to `last`; negative `last` counts from the end, -1 being the last.
    Range {
        /// Position of the first key.
        first: u8,
        /// Position of the last, or how far from the end.
        last: i8,
        /// Distance between keys.
        step: u8,
    },
    /// As `Range`, but they are channels or patterns.
    Channels {
        /// Position of the first channel.
        first: u8,
        /// Position of the last, or how far from the end.
        last: i8,
    },
    /// Argument `at` is their number; they follow it, `step` apart.
    Counted {
        /// Position of the number.
        at: u8,
        /// Distance between keys.
        step: u8,
    },
    /// A destination at 1, their number at 2, the keys after it.
    StoreCounted,
    /// The first half of what follows the word `STREAMS`.
    Streams,
    /// One at 1, and the one after the last `STORE` (`BY` and `GET` patterns name more: incomplete).
    Sort,
    /// One at 1, and the one after the last `STORE` or `STOREDIST` from argument `from` on.
    GeoStore {
        /// Where the options begin.
        from: u8,
    },
    /// `MIGRATE`: argument 3, or if that is empty everything after `KEYS`.
    Migrate,
}

/// Positions of keys among the arguments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Positions {
    /// One before the range; 0 is none.
    head: usize,
    next: usize,
    end: usize,
    step: usize,
    /// One after the range; 0 is none.
    tail: usize,
}

impl Iterator for Positions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.head != 0 {
            return Some(std::mem::take(&mut self.head));
        }
        if self.next < self.end {
            let at = self.next;
            self.next = at.saturating_add(self.step.max(1));
            return Some(at);
        }
        (self.tail != 0).then(|| std::mem::take(&mut self.tail))
    }
}

/// The keys themselves, in the order they stand. Borrows the request; copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct KeyIter<'a> {
    args: Args<'a>,
    at: Positions,
}

impl<'a> KeyIter<'a> {
    pub(super) fn new(args: Args<'a>, at: Positions) -> Self {
        Self { args, at }
    }

    /// Where they stand instead of what they are.
    pub fn positions(self) -> Positions {
        self.at
    }
}

impl<'a> Iterator for KeyIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.at.next().map(|i| self.args.get(i))
    }
}

impl Keys {
    /// Positions of the keys in `args`, every one below `args.len()`.
    pub fn positions(self, _args: &Args<'_>) -> Positions {
        Positions::default()
    }

    /// Positions of the channels in `args`, every one below `args.len()`.
    pub fn channel_positions(self, _args: &Args<'_>) -> Positions {
        Positions::default()
    }

    /// Whether the positions name every key the command can touch.
    pub fn complete(self, _args: &Args<'_>) -> bool {
        true
    }
}
