//! A set of commands: one bit for each row of the table.

use crate::command::{COUNT, Command, number};

const WORDS: usize = COUNT.div_ceil(64);

/// Asking costs a shift and a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows([u64; WORDS]);

impl Rows {
    pub(super) const NONE: Self = Self([0; WORDS]);
    pub(super) const ALL: Self = Self([u64::MAX; WORDS]);

    #[inline]
    pub(super) fn has(&self, command: &'static Command) -> bool {
        let row = usize::from(number(command));
        self.0[row / 64] >> (row % 64) & 1 != 0
    }

    pub(super) fn set(&mut self, command: &'static Command, allow: bool) {
        let row = usize::from(number(command));
        let bit = 1 << (row % 64);
        if allow {
            self.0[row / 64] |= bit;
        } else {
            self.0[row / 64] &= !bit;
        }
    }
}
