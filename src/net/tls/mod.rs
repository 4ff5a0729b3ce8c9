//! TLS, on both sides: the handshake, and then connections in the shape of any other.
//!
//! Owns: certificates, handshakes, records. Never: decides who may connect, or what a name in a certificate
//! is good for.

mod admission;
mod cert;
mod certificates;
mod client;
mod engine;
mod explain;
mod files;
mod halves;
mod handshake;
mod names;
mod server;
mod verify;
mod watch;

pub use admission::Admission;
pub use cert::Validity;
pub use certificates::Certificates;
pub use client::{ClientTls, ClientTlsError};
pub use files::{Authorities, Fault, FileError, Identity, PemFile};
pub use halves::{ReadHalf, WriteHalf};
pub use handshake::{HandshakeError, Shaken, accept, connect};
pub use server::{ServerSetup, ServerTls, ServerTlsError};
pub use watch::{Look, Mark, Renewable, Renewals, watch};

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
