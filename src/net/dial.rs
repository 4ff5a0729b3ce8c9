//! Connecting to the upstream.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use super::Stream;

/// How long an upstream's host may give no sign of life, whatever replies are waited for
/// (`socket_timeout = 0`). A host that lives acknowledges in milliseconds, however busy its server
/// is; only a server that reads nothing at all for so long, with its buffers full, is taken for dead too.
const DEAD: Duration = Duration::from_secs(300);

/// One place to connect to, names resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket's path.
    Unix(PathBuf),
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No address is known.
    #[error("there is no address to connect to")]
    Nowhere,
    /// The name has no address.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The connection was refused or failed.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered in time.
    #[error("cannot connect to {address}: no answer within {after:?}")]
    Timeout {
        /// Where to.
        address: String,
        /// How long was waited.
        after: Duration,
    },
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Every address `host` has now. Asked anew each time: an upstream may move behind its name.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let failed = |source| DialError::Resolve { host: host.to_owned(), source };
    let found: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(failed)?.collect();
    if found.is_empty() {
        return Err(failed(io::Error::other("no address")));
    }
    Ok(found)
}

/// Connects within `limit`. Cancelling closes the attempt.
pub async fn dial(address: &Address, limit: Duration) -> Result<Stream, DialError> {
    let connecting = async {
        match address {
            Address::Tcp(addr) => TcpStream::connect(addr).await.map(Stream::Tcp),
            Address::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        }
    };
    match timeout(limit, connecting).await {
        Ok(Ok(stream)) => {
            stream.tune_strictly(DEAD);
            Ok(stream)
        }
        Ok(Err(source)) => Err(DialError::Connect { address: address.to_string(), source }),
        Err(_) => Err(DialError::Timeout { address: address.to_string(), after: limit }),
    }
}
