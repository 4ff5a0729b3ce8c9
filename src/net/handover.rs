//! How one process hands sockets to another: lines over a Unix socket, with descriptors beside them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg, sockopt,
};
use socket2::{Domain, SockRef, Type};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

/// Longest line that is listened to.
const LONGEST: usize = 4096;
/// Most descriptors that wait to be taken.
const MOST: usize = 256;
/// Descriptors that one read takes.
const AT_ONCE: usize = 16;
/// How long to wait when nobody can be let in for want of files.
const NO_FILES: Duration = Duration::from_millis(100);

/// A conversation between two processes of one user.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    heard: Vec<u8>,
    sockets: VecDeque<OwnedFd>,
}

impl Channel {
    fn new(stream: UnixStream) -> Self {
        Self { stream, heard: Vec::new(), sockets: VecDeque::new() }
    }

    /// Connects to whoever listens at `path`; `None`: nobody does.
    pub async fn connect(path: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Some(Self::new(stream))),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the other end was opened by a process of our own user.
    pub fn is_ours(&self) -> bool {
        sockopt::socket_peercred(&self.stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
    }

    /// Says one line, with a descriptor if there is one.
    pub async fn say(&self, line: &str, socket: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let line = format!("{line}\n");
        let (mut at, mut sockets) = (0, socket.into_iter().collect::<Vec<_>>());
        while at < line.len() {
            let send = || send(&self.stream, &line.as_bytes()[at..], &sockets);
            at += self.stream.async_io(Interest::WRITABLE, send).await?;
            sockets.clear();
        }
        Ok(())
    }

    /// The next line; `None` at the end of the conversation.
    ///
    /// # Errors
    /// The line is too long, or no text; or more descriptors came than anybody could want.
    pub async fn hear(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let text = std::str::from_utf8(&line[..end]).map_err(io::Error::other)?;
                return Ok(Some(text.to_owned()));
            }
            if self.heard.len() >= LONGEST || self.sockets.len() > MOST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut bytes = [0; 1024];
            let (heard, sockets) = (&mut self.heard, &mut self.sockets);
            let receive = || receive(&self.stream, &mut bytes, sockets);
            match self.stream.async_io(Interest::READABLE, receive).await? {
                0 => return Ok(None),
                n => heard.extend_from_slice(&bytes[..n]),
            }
        }
    }

    /// The descriptor that came with the line heard last, or one before it.
    pub fn take_socket(&mut self) -> Option<OwnedFd> {
        self.sockets.pop_front()
    }

    /// Waits until the other end has gone; what it still says is nobody's.
    pub async fn until_closed(&mut self) {
        while let Ok(Some(_)) = self.hear().await {
            self.sockets.clear();
        }
    }
}

fn send(stream: &UnixStream, bytes: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

fn receive(stream: &UnixStream, bytes: &mut [u8], sockets: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(stream, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received);
        }
    }
    Ok(got.bytes)
}

/// Where the next process asks for the sockets. Dropping it removes its file, unless another one is there
/// by then.
#[derive(Debug)]
pub struct Post {
    listener: UnixListener,
    path: PathBuf,
    /// Where its file is now.
    at: PathBuf,
    /// Device and number of its file.
    file: (u64, u64),
}

impl Post {
    /// One that will listen at `path`, and that nobody finds yet. Nobody but our own user may connect.
    pub fn prepare(path: &Path) -> io::Result<Self> {
        if std::fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        let mut at = path.as_os_str().to_owned();
        at.push(format!(".{}", std::process::id()));
        let at = PathBuf::from(at);
        let _ = std::fs::remove_file(&at);
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&socket2::SockAddr::unix(&at)?)?;
        let file = std::fs::symlink_metadata(&at)?;
        let listener = UnixListener::from_std(socket.into())?;
        let post = Self { listener, path: path.to_owned(), at, file: (file.dev(), file.ino()) };
        // Before it listens nobody can connect, whatever the mode is.
        std::fs::set_permissions(&post.at, std::fs::Permissions::from_mode(0o600))?;
        SockRef::from(&post.listener).listen(8)?;
        Ok(post)
    }

    /// From now on who connects to its path finds it, and no longer whoever was there before.
    pub fn publish(&mut self) -> io::Result<()> {
        std::fs::rename(&self.at, &self.path)?;
        self.at.clone_from(&self.path);
        Ok(())
    }

    /// The next process of our own user that connects. Cancel safe.
    pub async fn next(&self) -> Channel {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let channel = Channel::new(stream);
                    if channel.is_ours() {
                        return channel;
                    }
                    tracing::warn!(path = %self.path.display(), "a process of another user asked to take over: refused");
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the takeover socket for the moment");
                    sleep(NO_FILES).await;
                }
            }
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let now = std::fs::symlink_metadata(&self.at).map(|file| (file.dev(), file.ino()));
        if now.is_ok_and(|file| file == self.file) {
            let _ = std::fs::remove_file(&self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("nearside-{}-{name}", std::process::id()))
    }

    fn open(path: &Path) -> Post {
        let mut post = Post::prepare(path).unwrap();
        post.publish().unwrap();
        post
    }

    #[tokio::test]
    async fn lines_and_sockets_arrive_in_order() {
        let path = path("lines");
        let post = open(&path);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let one = Channel::connect(&path).await.unwrap().unwrap();
        let mut two = post.next().await;
        assert!(one.is_ours() && two.is_ours());
        let (mut here, there) = std::os::unix::net::UnixStream::pair().unwrap();
        one.say("first", None).await.unwrap();
        one.say("second", Some(there.as_fd())).await.unwrap();
        drop((one, there));
        assert_eq!(two.hear().await.unwrap().as_deref(), Some("first"));
        assert_eq!(two.hear().await.unwrap().as_deref(), Some("second"));
        assert_eq!(two.hear().await.unwrap(), None);
        let got = std::os::unix::net::UnixStream::from(two.take_socket().unwrap());
        (&got).write_all(b"x").unwrap();
        let mut byte = [0];
        here.read_exact(&mut byte).unwrap();
        assert!(two.take_socket().is_none());
    }

    #[tokio::test]
    async fn endless_lines_are_refused() {
        let path = path("endless");
        let post = open(&path);
        let one = Channel::connect(&path).await.unwrap().unwrap();
        let mut two = post.next().await;
        let long = "x".repeat(3 * LONGEST);
        let (said, heard) = tokio::join!(one.say(&long, None), two.hear());
        said.unwrap();
        assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_later_one_takes_the_place_and_the_file_goes_with_the_last() {
        let path = path("place");
        assert!(Channel::connect(&path).await.unwrap().is_none());
        let first = open(&path);
        let second = open(&path);
        drop(first);
        let _one = Channel::connect(&path).await.unwrap().unwrap();
        second.next().await;
        drop(second);
        assert!(!path.exists());
        std::fs::write(&path, "text").unwrap();
        assert!(Post::prepare(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
