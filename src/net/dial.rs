//! Connecting to the upstream.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use super::Stream;
use super::tls::ClientTls;

/// How long an upstream's host may give no sign of life, whatever replies are waited for
/// (`socket_timeout = 0`). A host that lives acknowledges in milliseconds, however busy its server
/// is; only a server that reads nothing at all for so long, with its buffers full, is taken for dead too.
const DEAD: Duration = Duration::from_secs(300);

/// The share of the time for an attempt that a handshake may take.
const PATIENCE: f64 = 0.9;

/// One place to connect to, names resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket's path.
    Unix(PathBuf),
}

/// Why a connection could not be made. A failure to connect says what to look at.
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
    #[error("cannot connect to {address}: {source}{}", hint(source))]
    Connect {
        /// Where to.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered in time.
    #[error(
        "cannot connect to {address}: no answer within {after:?}; is the address right, and lets a firewall it through?"
    )]
    Timeout {
        /// Where to.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// There is a connection, and no TLS on it.
    #[error("cannot speak TLS with {address}: {reason}")]
    Tls {
        /// With whom.
        address: String,
        /// Why not, and which setting mends it.
        reason: String,
    },
}

/// What to look at.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "; is the server running, does it listen on that address, and are host and port right?"
        }
        io::ErrorKind::NotFound => "; is the server running, and is the path right?",
        io::ErrorKind::PermissionDenied => "; Nearside needs the right to write to that socket",
        _ => "",
    }
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

/// Connects within `limit`, handshake included if it is to be over TLS. Cancelling closes the attempt.
pub async fn dial(address: &Address, tls: Option<&ClientTls>, limit: Duration) -> Result<Stream, DialError> {
    let deadline = Instant::now() + limit;
    let connecting = async {
        match address {
            Address::Tcp(addr) => TcpStream::connect(addr).await.map(Stream::Tcp),
            Address::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        }
    };
    let stream = match timeout_at(deadline, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(DialError::Connect { address: address.to_string(), source }),
        Err(_) => return Err(DialError::Timeout { address: address.to_string(), after: limit }),
    };
    stream.tune_strictly(DEAD);
    let Some(tls) = tls else { return Ok(stream) };
    let failed = |reason| DialError::Tls { address: address.to_string(), reason };
    // Redis waits for the rest of what it takes for a line: whoever waits for as long as `limit` is to hear
    // of that, not of a limit.
    let patience = limit.mul_f64(PATIENCE);
    match timeout_at(deadline.min(Instant::now() + patience), tls.connect(stream)).await {
        Ok(spoken) => spoken.map_err(failed),
        Err(_) => Err(failed(ClientTls::explain_silence(patience))),
    }
}
