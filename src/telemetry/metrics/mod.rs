//! Metrics: the one list of what there is ([`instruments`]), what a scrape gathers ([`Sheet`]) and how it is
//! written ([`render`]).
//!
//! Owns names, units, words and the bounds of labels. Never: counts anything; that is done where things
//! happen, in plain counters, and gathered when somebody asks. A sheet takes nothing that is not on the list,
//! so neither a client nor an upstream can make series more than the configuration allows.

mod format;
mod instrument;
mod list;
mod reference;
mod render;
mod sheet;

pub use format::Format;
pub use instrument::{Instrument, Kind, Label, Unit, Values};
pub use list::instruments;
pub use reference::reference;
pub use render::render;
pub use sheet::{Distribution, Sheet, Value};
