//! Our own conversation with the child: a few commands as inline text, each with a short reply.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// No reply that we ask for is longer (`INFO persistence` has about 1 KiB).
const REPLY_MAX: u64 = 64 << 10;
/// How long one ordinary question may take. A server that loads or forks can be deaf for a while.
const PATIENCE: Duration = Duration::from_secs(2);

/// One connection to the child. Kept open while it lives, so that it can be stopped even when its
/// clients have used up its connections or have given it a password since.
#[derive(Debug)]
pub(super) struct Control(BufReader<UnixStream>);

impl Control {
    /// Connects; fails at once when nobody listens.
    pub(super) async fn connect(socket: &Path) -> io::Result<Self> {
        Ok(Self(BufReader::new(UnixStream::connect(socket).await?)))
    }

    /// Sends one line and returns the reply's text: `+` and `-` with their mark, a bulk without.
    pub(super) async fn ask(&mut self, line: &str) -> io::Result<String> {
        match tokio::time::timeout(PATIENCE, self.exchange(line)).await {
            Ok(reply) => reply,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no reply to {line}"))),
        }
    }

    /// As [`ask`](Self::ask), for what may take long: waits until it is answered.
    pub(super) async fn exchange(&mut self, line: &str) -> io::Result<String> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        let head = self.line().await?;
        let Some(length) = head.strip_prefix('$') else { return Ok(head) };
        let length = length.parse::<u64>().ok().filter(|length| *length <= REPLY_MAX);
        let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, head))?;
        let mut bulk = Vec::new();
        (&mut self.0).take(length + 2).read_to_end(&mut bulk).await?;
        Ok(String::from_utf8_lossy(&bulk).into_owned())
    }

    /// Asks the server to save as it is configured to, and to exit. `Ok` once it has closed the
    /// connection, as it does when it exits; an error says why it does not stop.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        match self.exchange("SHUTDOWN").await {
            Ok(refused) => Err(io::Error::other(refused)),
            Err(closed) if gone(closed.kind()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Leaves `SHUTDOWN` in the socket without waiting for anything. Whether it fitted.
    pub(super) fn leave_shutdown(&self) -> bool {
        const LINE: &[u8] = b"SHUTDOWN\r\n";
        self.0.get_ref().try_write(LINE).is_ok_and(|written| written == LINE.len())
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.0).take(REPLY_MAX).read_line(&mut line).await?;
        if !line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn gone(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionReset | UnexpectedEof)
}
