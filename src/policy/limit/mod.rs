//! How much, how often, how many: allowances that refill, counted for all workers together.
//!
//! One mechanism throughout, the generic cell rate algorithm ([`gcra`]): an allowance is one number, the
//! time at which it will be full again, changed by one compare-and-swap. Who has an allowance of its own
//! by name (users, addresses, keys) finds it in a table of fixed size ([`table`]): a flood of names
//! cannot make it grow. Time is handed in, as nanoseconds since any fixed moment.

mod admission;
mod bearing;
mod gcra;
mod meter;
mod rate;
mod rates;
mod table;

pub use admission::{Admission, Place, Seat, TurnedAway, locked_out_text};
pub use bearing::Bearing;
pub use meter::{Meter, Pass, Refusal};
pub use rate::RateError;
pub use rates::Rates;
