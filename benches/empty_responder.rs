//! The floor of the side-by-side benchmark: a RESP server that does nothing.
//!
//! It finds where each command ends and answers every one of them with the same 64-byte bulk
//! string. One thread, one tokio `LocalRuntime`, one task per connection, one read and one write
//! per turn: what a plain tokio program pays for being on the path at all. Cleverness here would
//! move the floor that Nearside is measured against, so there is none.
//!
//! Usage: `empty_responder [--listen 127.0.0.1:6390]`. It runs until it is killed.

use std::error::Error;
use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

/// Read buffer of one connection: enough for pipelines of hundreds of small commands.
const READ_BYTES: usize = 16 * 1024;
/// Replies laid out back to back, so that a pipeline is answered by one write of a slice.
const REPLIES_READY: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let listen = listen_argument(std::env::args().skip(1))?;
    let runtime = Builder::new_current_thread().enable_io().build_local(LocalOptions::default())?;
    runtime.block_on(accept_loop(&listen))?;
    Ok(())
}

fn listen_argument(mut args: impl Iterator<Item = String>) -> Result<String, String> {
    let mut listen = "127.0.0.1:6390".to_owned();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--listen" => listen = args.next().ok_or("--listen needs host:port")?,
            other => return Err(format!("unknown argument {other:?}; usage: --listen host:port")),
        }
    }
    Ok(listen)
}

async fn accept_loop(listen: &str) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let reply = format!("$64\r\n{}\r\n", "x".repeat(64));
    let replies = Rc::new(Replies { one: reply.len(), bytes: reply.repeat(REPLIES_READY).into_bytes() });
    loop {
        let (stream, _) = listener.accept().await?;
        let replies = Rc::clone(&replies);
        // A connection that fails ends alone: the client sees its socket close.
        tokio::task::spawn_local(async move { serve(stream, &replies).await });
    }
}

/// The same reply many times over, and the length of one.
struct Replies {
    bytes: Vec<u8>,
    one: usize,
}

async fn serve(mut stream: TcpStream, replies: &Replies) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut boundaries = Boundaries::default();
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let mut due = boundaries.completed_in(&buffer[..read]).ok_or(io::ErrorKind::InvalidData)?;
        while due > 0 {
            let now = due.min(REPLIES_READY);
            stream.write_all(&replies.bytes[..now * replies.one]).await?;
            due -= now;
        }
    }
}

/// Where commands end in a stream of RESP arrays of bulk strings, cut anywhere by reads.
#[derive(Default)]
struct Boundaries {
    /// Bulk strings still missing from the command at hand; 0: the next line is an array header.
    arguments_left: u64,
    /// Bytes of the current bulk string, its CRLF included, still to be passed over.
    skip: u64,
    /// The header line read so far: its type byte once seen, and its digits.
    line_type: Option<u8>,
    number: u64,
}

impl Boundaries {
    /// How many commands end within `bytes`; `None` when this is not RESP.
    fn completed_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut completed = 0;
        let mut at = 0;
        while at < bytes.len() {
            if self.skip > 0 {
                let passed = self.skip.min((bytes.len() - at) as u64);
                self.skip -= passed;
                at += passed as usize;
                if self.skip == 0 {
                    self.arguments_left -= 1;
                    completed += usize::from(self.arguments_left == 0);
                }
                continue;
            }
            self.header_byte(bytes[at])?;
            at += 1;
        }
        Some(completed)
    }

    fn header_byte(&mut self, byte: u8) -> Option<()> {
        let expected = if self.arguments_left == 0 { b'*' } else { b'$' };
        match (self.line_type, byte) {
            (None, first) if first == expected => self.line_type = Some(first),
            (Some(_), b'0'..=b'9') if self.number < 1 << 32 => {
                self.number = self.number * 10 + u64::from(byte - b'0');
            }
            (Some(_), b'\r') => {}
            (Some(b'*'), b'\n') => self.end_line(|state, number| state.arguments_left = number),
            (Some(b'$'), b'\n') => self.end_line(|state, number| state.skip = number + 2),
            _ => return None,
        }
        Some(())
    }

    fn end_line(&mut self, store: impl FnOnce(&mut Self, u64)) {
        let number = self.number;
        self.line_type = None;
        self.number = 0;
        store(self, number);
    }
}
