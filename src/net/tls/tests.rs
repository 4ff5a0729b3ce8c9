use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixStream, unix};
use tokio::sync::Semaphore;

use super::*;
use crate::net::{Stream, stream};

fn configs(version: &'static SupportedProtocolVersion) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["nearside.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

fn name() -> ServerName<'static> {
    ServerName::try_from("nearside.test").unwrap()
}

/// Both ends after the handshake.
async fn both_ends(version: &'static SupportedProtocolVersion) -> (Stream, Stream) {
    let (server, client) = configs(version);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let turn = Semaphore::new(1);
    let (ours, theirs) = tokio::join!(
        accept(Stream::Unix(ours), server, &turn),
        connect(Stream::Unix(theirs), client, name())
    );
    (ours.unwrap().stream, theirs.unwrap().stream)
}

fn run(test: impl Future<Output = ()>) {
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    let limit = std::time::Duration::from_secs(20);
    runtime.block_on(async { tokio::time::timeout(limit, test).await.unwrap() });
}

/// Reads until `len` bytes have come, or the end.
async fn hear(read: &mut stream::ReadHalf, len: usize) -> Vec<u8> {
    let mut all = BytesMut::new();
    while all.len() < len {
        if poll_fn(|cx| read.poll_into(cx, &mut all)).await.unwrap() == 0 {
            break;
        }
    }
    all.to_vec()
}

#[test]
fn what_is_said_is_heard_in_both_directions() {
    for version in [&TLS12, &TLS13] {
        run(async {
            let (ours, theirs) = both_ends(version).await;
            let ((mut our_read, our_write), (mut their_read, their_write)) = (ours.split(), theirs.split());
            let words: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
            let (_, heard) = tokio::join!(our_write.write_all(&words), hear(&mut their_read, words.len()));
            assert!(heard == words);
            let (_, heard) = tokio::join!(their_write.write_all(&words), hear(&mut our_read, words.len()));
            assert!(heard == words);
            drop(our_write);
            assert!(hear(&mut their_read, 1).await.is_empty(), "the end");
            their_write.write_all(b"after your end").await.unwrap();
            assert_eq!(hear(&mut our_read, 14).await, b"after your end");
        });
    }
}

#[test]
fn what_the_socket_does_not_take_waits_and_is_bounded() {
    run(async {
        let (ours, theirs) = both_ends(&TLS13).await;
        let ((_our_read, write), (mut read, _their_write)) = (ours.split(), theirs.split());
        let (piece, mut taken) = (vec![7; 100_000], 0);
        while let Ok(n) = write.try_write(&piece) {
            taken += n;
            assert!(write.pending() < 70_000, "{}", write.pending());
        }
        assert!(write.pending() > 0, "it stopped because something waits");
        assert!(!write.flush().unwrap());
        assert!(poll_fn(|cx| Poll::Ready(write.poll_ready(cx).is_pending())).await);
        let (flushed, heard) = tokio::join!(poll_fn(|cx| write.poll_flush(cx)), hear(&mut read, taken));
        flushed.unwrap();
        assert_eq!(heard.len(), taken);
        assert_eq!(write.pending(), 0);
    });
}

#[test]
fn the_end_of_writing_follows_what_still_waits() {
    run(async {
        let (ours, theirs) = both_ends(&TLS13).await;
        let ((_our_read, write), (mut read, _their_write)) = (ours.split(), theirs.split());
        let (piece, mut taken) = (vec![7; 100_000], 0);
        while let Ok(n) = write.try_write(&piece) {
            taken += n;
        }
        write.end();
        let flushing = poll_fn(|cx| write.poll_flush(cx));
        let (flushed, heard) = tokio::join!(flushing, hear(&mut read, usize::MAX));
        flushed.unwrap();
        assert_eq!(heard.len(), taken, "all of it, and then the end");
    });
}

/// Carries ciphertext from one end to the other, in pieces of this size.
async fn carry(from: unix::OwnedReadHalf, mut to: unix::OwnedWriteHalf, size: usize) {
    let mut buf = vec![0; size];
    loop {
        from.readable().await.unwrap();
        match from.try_read(&mut buf) {
            Ok(0) => return,
            Ok(n) => {
                to.write_all(&buf[..n]).await.unwrap();
                tokio::task::yield_now().await;
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn pieces_of_one_byte_make_the_same_stream() {
    for version in [&TLS12, &TLS13] {
        run(async {
            let (server, client) = configs(version);
            let ((ours, a), (b, theirs)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
            let ((a_read, a_write), (b_read, b_write)) = (a.into_split(), b.into_split());
            tokio::task::spawn_local(carry(a_read, b_write, 1));
            tokio::task::spawn_local(carry(b_read, a_write, 1));
            let turn = Semaphore::new(1);
            let (ours, theirs) = tokio::join!(
                accept(Stream::Unix(ours), server, &turn),
                connect(Stream::Unix(theirs), client, name())
            );
            let ((mut read, write), (mut their_read, their_write)) =
                (ours.unwrap().stream.split(), theirs.unwrap().stream.split());
            for i in 0..50_usize {
                let words = vec![b'x'; i * 7 + 1];
                write.write_all(&words).await.unwrap();
                their_write.write_all(&words).await.unwrap();
                assert_eq!(hear(&mut their_read, words.len()).await, words);
                assert_eq!(hear(&mut read, words.len()).await, words);
            }
        });
    }
}

#[test]
fn one_who_has_left_is_known_to_have_and_what_was_said_before_is_kept() {
    run(async {
        let (ours, theirs) = both_ends(&TLS13).await;
        let ((mut read, _write), (_their_read, their_write)) = (ours.split(), theirs.split());
        assert!(!read.has_ended());
        their_write.write_all(b"last words").await.unwrap();
        assert!(!read.has_ended(), "there is something to read");
        their_write.shut_down();
        assert!(!read.has_ended());
        assert_eq!(hear(&mut read, 10).await, b"last words");
        assert!(read.has_ended());
        assert!(hear(&mut read, 1).await.is_empty());
    });
}

#[test]
fn who_speaks_no_tls_is_told_apart() {
    run(async {
        let (server, client) = configs(&TLS13);
        let turn = Semaphore::new(1);
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.try_write(b"*1\r\n$4\r\nPING\r\n").unwrap();
        let refused = accept(Stream::Unix(ours), server, &turn).await.unwrap_err();
        assert!(matches!(refused, HandshakeError::NotTls(b'*')), "{refused}");
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.try_write(b"-ERR Protocol error\r\n").unwrap();
        let refused = connect(Stream::Unix(ours), client, name()).await.unwrap_err();
        assert!(matches!(refused, HandshakeError::NotTls(b'-')), "{refused}");
    });
}

#[test]
fn garbage_after_the_handshake_ends_the_connection_and_only_that() {
    run(async {
        let (server, client) = configs(&TLS13);
        let ((ours, a), (b, theirs)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let ((a_read, a_write), (b_read, b_write)) = (a.into_split(), b.into_split());
        let a_write = Rc::new(a_write);
        tokio::task::spawn_local(carry(a_read, b_write, 4096));
        let garbles = Rc::clone(&a_write);
        tokio::task::spawn_local(async move {
            let mut buf = [0; 4096];
            loop {
                b_read.readable().await.unwrap();
                match b_read.try_read(&mut buf) {
                    Ok(0) => return,
                    Ok(n) => assert_eq!(garbles.try_write(&buf[..n]).unwrap(), n),
                    Err(_) => {}
                }
            }
        });
        let turn = Semaphore::new(1);
        let (ours, theirs) = tokio::join!(
            accept(Stream::Unix(ours), server, &turn),
            connect(Stream::Unix(theirs), client, name())
        );
        let ((mut read, write), (mut their_read, their_write)) =
            (ours.unwrap().stream.split(), theirs.unwrap().stream.split());
        their_write.write_all(b"good").await.unwrap();
        assert_eq!(hear(&mut read, 4).await, b"good");
        a_write.try_write(&[23, 3, 3, 0, 40]).unwrap();
        a_write.try_write(&[0x5a; 40]).unwrap();
        let mut buf = BytesMut::new();
        assert!(poll_fn(|cx| read.poll_into(cx, &mut buf)).await.is_err());
        assert!(buf.is_empty());
        assert!(write.try_write(b"more").is_err(), "and nothing more is said");
        let told = poll_fn(|cx| their_read.poll_into(cx, &mut buf)).await;
        assert!(told.unwrap_err().to_string().contains("alert"), "the other end is told");
    });
}
