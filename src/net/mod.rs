//! Sockets. The only place that names one: listening, dialling, and both halves of a connection.
//!
//! Owns: socket options, name resolution, Unix socket files. Never: knows what the bytes mean.

mod dial;
mod duplex;
mod listen;
mod stream;
pub mod tls;
mod turn;

pub use dial::{Address, DialError, dial, resolve};
pub use duplex::Duplex;
pub use listen::{Accepted, BindError, Door, Listener};
pub use stream::{Peer, ReadHalf, Stream, WriteHalf};
pub use turn::give_way;
