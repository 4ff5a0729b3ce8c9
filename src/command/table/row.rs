//! The words the rows are written in.

pub(super) use super::super::{
    Cached, Channels, Command,
    Effect::*,
    Family, Keys, Local, Pin, Resp2,
    Resp2::{As, Longer, Unless, Unproven},
    Route,
    Route::*,
    When::*,
};
pub(super) use crate::resp::convert::Conversion;

/// Type by type.
pub(super) const GENERIC: Resp2 = As(Conversion::Generic);
/// Pairs become flat.
pub(super) const PAIRS: Resp2 = As(Conversion::Pairs);
/// A null reply is a null array.
pub(super) const NULL_ARRAY: Resp2 = As(Conversion::NullArray);
/// All nulls are null arrays.
pub(super) const NULL_ARRAYS: Resp2 = As(Conversion::NullArrays);
/// Streams with their entries.
pub(super) const STREAMS: Resp2 = As(Conversion::Streams);

/// No keys.
pub(super) const NO_KEYS: Keys = Keys::None;
/// The argument after the name.
pub(super) const KEY: Keys = range(1, 1, 1);
/// All arguments.
pub(super) const KEYS: Keys = range(1, -1, 1);
/// The two arguments after the name.
pub(super) const TWO_KEYS: Keys = range(1, 2, 1);
/// The argument after the subcommand, or after another word.
pub(super) const KEY_AT_2: Keys = range(2, 2, 1);

/// Keys from `first` to `last`.
pub(super) const fn range(first: u8, last: i8, step: u8) -> Keys {
    Keys::Range { first, last, step }
}

/// Channels from `first` to `last`.
pub(super) const fn channels(first: u8, last: i8) -> Keys {
    Keys::Channels { first, last }
}

/// As many keys as argument `at` says, after it.
pub(super) const fn counted(at: u8) -> Keys {
    Keys::Counted { at, step: 1 }
}

/// A row; its family comes from [`of`].
pub(super) const fn row(
    name: &'static str,
    arity: i16,
    keys: Keys,
    route: Route,
    effect: super::super::Effect,
    resp2: Resp2,
) -> Command {
    Command { name, arity, family: Family::Generic, keys, route, effect, resp2, cached: Cached::of(name) }
}

/// Rows of one family.
pub(super) const fn of<const N: usize>(family: Family, mut rows: [Command; N]) -> [Command; N] {
    let mut i = 0;
    while i < N {
        rows[i].family = family;
        i += 1;
    }
    rows
}
