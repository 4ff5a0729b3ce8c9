//! Sockets. The only place that names one: listening, dialling, and both halves of a connection.
//!
//! Owns: socket options, name resolution, Unix socket files, sockets that come from or go to other processes.
//! Never: knows what the bytes mean.

mod bound;
mod dial;
mod duplex;
mod handover;
mod inherit;
mod listen;
mod stream;
pub mod tls;
mod turn;

pub use dial::{Address, DialError, dial, resolve};
pub use duplex::Duplex;
pub use handover::{Channel, Post};
pub use inherit::{Inherited, Offer};
pub use listen::{Accepted, BindError, Door, Listener};
pub use stream::{Peer, ReadHalf, Stream, WriteHalf};
pub use turn::give_way;
