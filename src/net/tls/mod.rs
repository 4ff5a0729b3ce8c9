//! TLS, on both sides: the handshake, and then connections in the shape of any other.
//!
//! Owns: certificates, handshakes, records. Never: decides who may connect, or what a name in a certificate
//! is good for.

mod engine;
mod halves;
mod handshake;
mod names;

pub use halves::{ReadHalf, WriteHalf};
pub use handshake::{HandshakeError, Shaken, accept, connect};

use crate::net::stream;

/// A connection over TLS whose handshake is done.
#[derive(Debug)]
pub struct TlsStream {
    read: ReadHalf,
    write: WriteHalf,
    peer_names: Vec<String>,
}

impl TlsStream {
    /// The two halves.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }

    /// See [`stream::Stream::peer_certificate_names`].
    pub fn peer_names(&self) -> &[String] {
        &self.peer_names
    }

    /// The socket below.
    pub(super) fn socket(&self) -> &stream::ReadHalf {
        self.read.socket()
    }
}

#[cfg(test)]
mod tests;
