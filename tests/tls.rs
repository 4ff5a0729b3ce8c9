//! TLS for clients: real certificates, real clients, and clients nobody wants.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

#[path = "tls/abuse.rs"]
mod abuse;
#[path = "tls/certs.rs"]
mod certs;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/identities.rs"]
mod identities;
#[path = "tls/streams.rs"]
mod streams;
#[path = "tls/terms.rs"]
mod terms;

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;

use nearside::Config;
use nearside::config::Listen;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use certs::Certs;
use common::{PATIENCE, Place, Proxy, Server, Stream, Talk, Tls, config};

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// A server, a proxy with a plain listener and one that speaks TLS, and certificates.
struct Scene {
    certs: Certs,
    proxy: Proxy,
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        Self::with(Certs::new(), |_, _| {})
    }

    fn with(certs: Certs, change: impl FnOnce(&mut Config, &Certs)) -> Self {
        let server = Server::start(&[]);
        let mut config = config(&server.place());
        config.tls.listen = vec![Listen::Tcp("127.0.0.1".into(), 0)];
        config.tls.cert_file = Some(certs.path("server.crt"));
        config.tls.key_file = Some(certs.path("server.key"));
        change(&mut config, &certs);
        let proxy = Proxy::start(config);
        Self { certs, proxy, _server: server }
    }

    /// Where TLS is spoken.
    fn port(&self) -> u16 {
        Place::of(&self.proxy.handle().tls_addresses()[0]).port()
    }

    fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn try_tls(&self, config: &Arc<ClientConfig>) -> io::Result<Box<Tls>> {
        let name = "localhost".try_into().unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut stream = Tls::new(connection, self.socket());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Box::new(stream))
    }

    /// A client of this version, which trusts the proxy.
    fn talk_in(&self, version: &'static SupportedProtocolVersion) -> Talk {
        Talk::over(Stream::Tls(self.try_tls(&self.certs.client(&[version], None)).unwrap()))
    }

    fn talk(&self) -> Talk {
        self.talk_in(&TLS13)
    }

    /// What a client with this certificate gets for a PING.
    fn ping_as(&self, own: Option<&str>, version: &'static SupportedProtocolVersion) -> io::Result<Vec<u8>> {
        let stream = self.try_tls(&self.certs.client(&[version], own))?;
        let mut talk = Talk::over(Stream::Tls(stream));
        talk.say_if(&["PING"]);
        talk.try_reply()
    }

    /// A figure of INFO.
    fn figure(&self, name: &str) -> i64 {
        let info = self.proxy.connect().ask_text(&["INFO", "everything"]);
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {info}")).trim().parse().unwrap()
    }
}

/// Whether an error is that of a connection that is over.
fn is_over(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe)
}
