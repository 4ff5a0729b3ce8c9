//! May this client do this? Pure: commands in, a permit or a denial out.
//!
//! Owns: the rules and the only way to make a [`Permit`]. Never: talks, waits, or looks at a clock.

pub mod acl;
mod common;
mod denied;
mod gate;
mod glob;
mod inside;
pub mod limit;
mod rights;
mod rules;
mod suppose;

pub use denied::Denied;
pub use gate::{Gate, Login, Origin, Proof, UserError};
pub use glob::matches;
pub use inside::{Hold, Inside};
pub use rights::{Rights, Who};
pub use rules::{Seen, unknown_command};

/// Proof that a command was permitted; only [`Rights::check`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Permit(());
