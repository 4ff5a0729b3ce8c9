//! Columns of the table that stand beside it: data that requests rarely look at, so that the rows they
//! do look at stay small.

use super::{Command, lookup, table::COUNT};

/// One value per row, by the row's number.
pub(super) struct Column<T: 'static>([T; COUNT]);

impl<T: Copy> Column<T> {
    /// Each value for the commands named with it (upper case, a space between two), `otherwise` for the
    /// rest. Built when this is compiled: a name that is wrong or there twice is an error then.
    pub(super) const fn of(otherwise: T, groups: &[(T, &str)]) -> Self {
        let (mut all, mut named) = ([otherwise; COUNT], [false; COUNT]);
        let mut group = 0;
        while group < groups.len() {
            let (value, names) = groups[group];
            let mut names = names.as_bytes();
            while let Some((name, rest)) = word(names) {
                let Some(row) = lookup::number_of(name) else { panic!("no such command") };
                assert!(!named[row], "a command is there twice");
                (all[row], named[row], names) = (value, true, rest);
            }
            group += 1;
        }
        Self(all)
    }

    /// The value for `command`.
    #[inline]
    pub(super) fn get(&self, command: &'static Command) -> T {
        self.0[usize::from(lookup::number(command))]
    }
}

/// The first word of `text`, and what follows it.
const fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = 0;
    while end < text.len() && text[end] != b' ' {
        end += 1;
    }
    match text.split_at(end) {
        ([], _) => None,
        (word, []) => Some((word, &[])),
        (word, [_, rest @ ..]) => Some((word, rest)),
    }
}
