//! Where a command's keys stand.

use crate::resp::request::Args;

/// A command's key rule. Positions count the name as 0; for a subcommand the container is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It names none.
    None,
    /// Every `step`-th argument from `first` to `last`.
    Range {
        /// Position of the first key.
        first: u8,
        /// Position of the last; negative counts from the end, -1 being the last argument.
        last: i8,
        /// Distance between keys.
        step: u8,
    },
    /// As `Range`, but they are channels or patterns.
    Channels {
        /// Position of the first channel.
        first: u8,
        /// Position of the last; negative counts from the end.
        last: i8,
    },
    /// Argument `at` is their number; they follow it, `step` apart.
    Counted {
        /// Position of the number.
        at: u8,
        /// Distance between keys.
        step: u8,
    },
    /// As `Counted`, but the command may touch others too (scripts).
    Declared {
        /// Position of the number.
        at: u8,
    },
    /// A destination at 1, the number of sources at 2, the sources after it.
    StoreCounted,
    /// The first half of what follows the word `STREAMS`.
    Streams,
    /// One at 1, and what follows `STORE`; `BY` and `GET` patterns make it touch others.
    Sort,
    /// One at 1, and what follows `STORE` or `STOREDIST`.
    GeoStore,
    /// Argument 3, or if that is empty all that follows the word `KEYS`.
    Migrate,
}

impl Keys {
    /// Positions of the keys in `args`: each below `args.len()`, none of them 0.
    pub fn positions(self, args: &Args<'_>) -> Positions {
        match self {
            Self::None | Self::Channels { .. } => Positions::default(),
            Self::Range { first, last, step } => Positions::range(args, first, last, step),
            Self::Counted { at, step } => Positions::counted(args, at, step),
            Self::Declared { at } => Positions::counted(args, at, 1),
            Self::StoreCounted => Positions { head: present(args, 1), ..Positions::counted(args, 2, 1) },
            Self::Streams => streams(args),
            Self::Sort => {
                Positions { head: present(args, 1), tail: sort_store(args), ..Positions::default() }
            }
            Self::GeoStore => {
                Positions { head: present(args, 1), tail: geo_store(args), ..Positions::default() }
            }
            Self::Migrate => migrate(args),
        }
    }

    /// Positions of the channels in `args`: each below `args.len()`, none of them 0.
    pub fn channel_positions(self, args: &Args<'_>) -> Positions {
        match self {
            Self::Channels { first, last } => Positions::range(args, first, last, 1),
            _ => Positions::default(),
        }
    }

    /// Whether the positions name every key the command can touch.
    pub fn complete(self, args: &Args<'_>) -> bool {
        match self {
            Self::Declared { .. } => false,
            Self::Sort => !sort_options(args).any(|i| {
                let pattern = args.get(i + 1);
                (args.is(i, "BY") || args.is(i, "GET")) && pattern.contains(&b'*')
            }),
            _ => true,
        }
    }
}

/// Positions of keys among the arguments, in the order they stand.
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

impl Positions {
    fn range(args: &Args<'_>, first: u8, last: i8, step: u8) -> Self {
        let end = match usize::try_from(last) {
            Ok(last) => args.len().min(last + 1),
            Err(_) => (args.len() + 1).saturating_sub(usize::from(last.unsigned_abs())),
        };
        Self { next: usize::from(first), end, step: usize::from(step), ..Self::default() }
    }

    fn counted(args: &Args<'_>, at: u8, step: u8) -> Self {
        let (first, step) = (usize::from(at) + 1, usize::from(step));
        let end = first.saturating_add(count(args.get(usize::from(at))).saturating_mul(step));
        Self { next: first, end: end.min(args.len()), step, ..Self::default() }
    }
}

impl Iterator for Positions {
    type Item = usize;

    #[inline]
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

/// The keys themselves. Borrows the request; copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct KeyIter<'a> {
    args: Args<'a>,
    at: Positions,
}

impl<'a> KeyIter<'a> {
    pub(super) fn new(args: Args<'a>, at: Positions) -> Self {
        Self { args, at }
    }

    /// Where they stand, instead of what they are.
    pub fn positions(self) -> Positions {
        self.at
    }
}

impl<'a> Iterator for KeyIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.at.next().map(|i| self.args.get(i))
    }
}

/// Positions of the option words of `XREAD` and `XREADGROUP`, up to and including `STREAMS`.
pub(super) fn stream_options<'a>(args: &Args<'a>) -> impl Iterator<Item = usize> + use<'a> {
    options(*args, 1, |args, i| {
        if args.is(i, "STREAMS") {
            usize::MAX
        } else if args.is(i, "GROUP") {
            2
        } else {
            usize::from(args.is(i, "COUNT") || args.is(i, "BLOCK") || args.is(i, "CLAIM"))
        }
    })
}

fn streams(args: &Args<'_>) -> Positions {
    let Some(word) = stream_options(args).find(|&i| args.is(i, "STREAMS")) else {
        return Positions::default();
    };
    let first = word + 1;
    Positions { next: first, end: first + (args.len() - first) / 2, step: 1, ..Positions::default() }
}

fn sort_options<'a>(args: &Args<'a>) -> impl Iterator<Item = usize> + use<'a> {
    options(*args, 2, |args, i| {
        if args.is(i, "LIMIT") {
            2
        } else {
            usize::from(args.is(i, "BY") || args.is(i, "GET") || args.is(i, "STORE"))
        }
    })
}

/// The first option by whose pattern a `SORT` reads other keys.
pub(super) fn sort_patterns(args: &Args<'_>) -> Option<&'static str> {
    sort_options(args).filter(|i| i + 1 < args.len()).find_map(|i| match () {
        () if args.is(i, "BY") && args.get(i + 1).contains(&b'*') => Some("BY"),
        () if args.is(i, "GET") => Some("GET"),
        () => None,
    })
}

/// Redis takes the last of several.
fn sort_store(args: &Args<'_>) -> usize {
    sort_options(args).filter(|&i| args.is(i, "STORE")).last().map_or(0, |i| present(args, i + 1))
}

fn geo_store(args: &Args<'_>) -> usize {
    let is_store = |i: usize| args.is(i, "STORE") || args.is(i, "STOREDIST");
    options(*args, 5, move |args, i| usize::from(args.is(i, "STORE") || args.is(i, "STOREDIST")))
        .filter(|&i| is_store(i))
        .last()
        .map_or(0, |i| present(args, i + 1))
}

fn migrate(args: &Args<'_>) -> Positions {
    let word = args.get(3).is_empty().then(|| {
        options(*args, 6, |args, i| if args.is(i, "AUTH2") { 2 } else { usize::from(args.is(i, "AUTH")) })
            .find(|&i| args.is(i, "KEYS"))
    });
    match word.flatten() {
        Some(word) => Positions { next: word + 1, end: args.len(), step: 1, ..Positions::default() },
        None => Positions { head: present(args, 3), ..Positions::default() },
    }
}

/// Positions of option words from `from` on; `operands` says how many arguments belong to the one at `i`.
fn options<'a>(
    args: Args<'a>,
    from: usize,
    operands: impl Fn(&Args<'a>, usize) -> usize,
) -> impl Iterator<Item = usize> {
    let mut next = from;
    std::iter::from_fn(move || {
        let at = (next < args.len()).then_some(next)?;
        next = at.saturating_add(1).saturating_add(operands(&args, at));
        Some(at)
    })
}

/// `i` if there is such an argument, else 0.
fn present(args: &Args<'_>, i: usize) -> usize {
    if i < args.len() { i } else { 0 }
}

/// A number of keys as written; 0 for what is none (the upstream refuses it).
fn count(text: &[u8]) -> usize {
    if text.len() > 9 {
        return 0;
    }
    text.iter()
        .try_fold(0usize, |n, b| b.is_ascii_digit().then(|| n * 10 + usize::from(b - b'0')))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
