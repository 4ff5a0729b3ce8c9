//! The handshake, on either side.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use tokio::sync::Semaphore;

use super::engine::{Engine, Side};
use super::halves::{self, ReadHalf, WriteHalf};
use super::{TlsStream, names};
use crate::net::Stream;

/// What a record starts with during a handshake: its own type, or that of an alert.
const STARTS: [u8; 2] = [22, 21];
/// Room for a read.
const READ: usize = 16 * 1024;

/// Why there is no connection over TLS.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// What came first is no TLS.
    #[error("the other end does not speak TLS (it began with {0:#04x})")]
    NotTls(u8),
    /// The peer hung up.
    #[error("the other end closed the connection during the handshake")]
    Ended,
    /// The connection below failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The two do not come to terms.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// A handshake that is done.
#[derive(Debug)]
pub struct Shaken {
    /// The connection.
    pub stream: Stream,
    /// It took up an earlier session of the same peer.
    pub resumed: bool,
    /// The certificate the peer has shown, now or when the session began.
    pub shown: Option<CertificateDer<'static>>,
}

/// Speaks TLS as the server on `stream`. Cancelling closes it.
///
/// Whoever holds the permit of `turn` works, for one turn of the loop: what a handshake costs, milliseconds
/// with some keys, is not to be paid many times over between two looks at other connections.
pub async fn accept(
    stream: Stream,
    config: Arc<ServerConfig>,
    turn: &Semaphore,
) -> Result<Shaken, HandshakeError> {
    shake(stream, Side::Server(UnbufferedServerConnection::new(config)?), Some(turn)).await
}

/// Speaks TLS as a client of the server that goes by `name` on `stream`. Cancelling closes it.
pub async fn connect(
    stream: Stream,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<Shaken, HandshakeError> {
    shake(stream, Side::Client(UnbufferedClientConnection::new(config, name)?), None).await
}

async fn shake(stream: Stream, side: Side, turn: Option<&Semaphore>) -> Result<Shaken, HandshakeError> {
    let (mut read, write) = halves::pair(Engine::new(side), stream.split());
    read.both().engine.borrow_mut().begin()?;
    let mut heard = false;
    while read.both().engine.borrow().is_handshaking() {
        poll_fn(|cx| write.poll_flush(cx)).await?;
        let bytes = poll_fn(|cx| read.poll_socket(cx, READ)).await?.ok_or(HandshakeError::Ended)?;
        if !std::mem::replace(&mut heard, true) && !STARTS.contains(&bytes[0]) {
            return Err(HandshakeError::NotTls(bytes[0]));
        }
        let working = match turn {
            Some(turn) => turn.acquire().await.ok(),
            None => None,
        };
        take(&read, &write, bytes)?;
        if working.is_some() {
            tokio::task::yield_now().await;
        }
    }
    poll_fn(|cx| write.poll_flush(cx)).await?;
    Ok(done(read, write))
}

/// Goes on with what has come. What the peer is to hear of a failure goes out if it can.
fn take(read: &ReadHalf, write: &WriteHalf, bytes: BytesMut) -> Result<(), HandshakeError> {
    let mut engine = read.both().engine.borrow_mut();
    let mut plain = BytesMut::new();
    let taken = engine.take(bytes, &mut plain);
    engine.plain.unsplit(plain);
    // It may have said all it had to say together with the last of the handshake.
    let left = engine.closed && engine.is_handshaking();
    drop(engine);
    if taken.is_err() {
        let _ = write.flush();
    }
    taken?;
    if left { Err(HandshakeError::Ended) } else { Ok(()) }
}

fn done(read: ReadHalf, write: WriteHalf) -> Shaken {
    let engine = read.both().engine.borrow();
    let known = engine.common();
    let resumed = known.handshake_kind() == Some(HandshakeKind::Resumed);
    let shown = known.peer_certificates().and_then(|chain| chain.first());
    let shown = shown.cloned();
    let peer_names = shown.as_ref().map(names::names).unwrap_or_default();
    drop(engine);
    Shaken { stream: Stream::Tls(Box::new(TlsStream { read, write, peer_names })), resumed, shown }
}
