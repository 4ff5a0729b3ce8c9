//! Which conversion a command's reply needs, by its options.

use crate::resp::{convert::Conversion, request::Args};

/// How a command's RESP3 reply is put for a RESP2 client; every value but [`Self::Unproven`]
/// has conversations with real servers in `tests/convert.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resp2 {
    /// Nobody has compared: no conversion.
    Unproven,
    /// Always this one.
    As(Conversion),
    /// Generic, but nobody has compared it with this option.
    Unless(&'static str),
    /// `more` when there are more than `than` arguments (the name included), else generic.
    Longer {
        /// The longest form that is generic.
        than: u8,
        /// For the others.
        more: Conversion,
    },
}

impl Resp2 {
    /// The conversion for `args`.
    pub fn conversion(self, args: &Args<'_>) -> Option<Conversion> {
        match self {
            Self::Unproven => None,
            Self::As(how) => Some(how),
            Self::Unless(word) => (1..args.len()).all(|i| !args.is(i, word)).then_some(Conversion::Generic),
            Self::Longer { than, more } if args.len() > usize::from(than) => Some(more),
            Self::Longer { .. } => Some(Conversion::Generic),
        }
    }
}
