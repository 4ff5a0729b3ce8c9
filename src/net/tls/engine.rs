//! One connection's TLS, without a socket: ciphertext in, plaintext out, and the other way round.
//!
//! Over rustls's unbuffered interface: records are decrypted where they were read, and encrypted into
//! one buffer that goes out with one system call. An idle connection holds no buffer.

use bytes::{Buf, BytesMut};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{CommonState, Error};

/// Most ciphertext that is kept because it is not whole: the largest message of a handshake that rustls
/// takes, and a record.
const MOST_KEPT: usize = 64 * 1024 + 18 * 1024;
/// What encryption adds to each record, at most.
const OVERHEAD: usize = 64;
/// Most plaintext in one record.
const RECORD: usize = 16 * 1024;

/// Which side of the connection this is.
pub(super) enum Side {
    /// We are the client.
    Client(UnbufferedClientConnection),
    /// We are the server.
    Server(UnbufferedServerConnection),
}

/// See the module.
pub(super) struct Engine {
    side: Side,
    /// Ciphertext that is not a whole record, or not a whole message of the handshake.
    pub(super) kept: BytesMut,
    /// Plaintext that nobody has taken yet.
    pub(super) plain: BytesMut,
    /// Ciphertext that is on its way out.
    pub(super) out: BytesMut,
    /// The peer will send nothing more.
    pub(super) closed: bool,
    /// We have said that we will say nothing more.
    said_last: bool,
    /// Nothing can be said or heard any more.
    failed: bool,
}

/// What is wanted once the connection can send.
#[derive(Clone, Copy)]
enum Wish<'a> {
    Nothing,
    Say(&'a [u8]),
    Close,
}

/// Both sides of a connection are asked alike.
trait Records {
    type Data;
    fn records<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    fn common(&self) -> &CommonState;
}

impl Records for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn records<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(bytes)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Records for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn records<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(bytes)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Engine {
    pub(super) fn new(side: Side) -> Self {
        let (kept, plain, out) = (BytesMut::new(), BytesMut::new(), BytesMut::new());
        Self { side, kept, plain, out, closed: false, said_last: false, failed: false }
    }

    /// What is known of the connection.
    pub(super) fn common(&self) -> &CommonState {
        match &self.side {
            Side::Client(side) => side,
            Side::Server(side) => side,
        }
    }

    /// Whether the handshake is still going on.
    pub(super) fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// Takes what has been read to the end of what was kept, and gives the plaintext of whole records to
    /// `plain`. What is not whole is kept. After an error, what the peer is to be told of it is in
    /// [`Self::out`], and nothing else can be said or heard; plaintext that came before it is good.
    pub(super) fn take(&mut self, mut read: BytesMut, plain: &mut BytesMut) -> Result<(), Error> {
        let taken = self.advance(&mut read, plain, Wish::Nothing);
        if taken.is_ok() && read.len() > MOST_KEPT {
            return Err(Error::General("the peer sends a message without end".into()));
        }
        if !read.is_empty() && !self.closed {
            self.kept = read;
        }
        taken
    }

    /// Begins: what a client says first is then in [`Self::out`].
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.advance(&mut BytesMut::new(), &mut BytesMut::new(), Wish::Nothing)
    }

    /// Encrypts all of `bytes` to the end of [`Self::out`], in as few records as possible.
    pub(super) fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.wish(Wish::Say(bytes))
    }

    /// Says that nothing more will be said, if that can still be said.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        self.wish(Wish::Close)
    }

    fn wish(&mut self, wish: Wish<'_>) -> Result<(), Error> {
        // The connection wants to see what is not whole, or it would lose count of it.
        let (mut kept, mut plain) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.plain));
        let done = self.advance(&mut kept, &mut plain, wish);
        (self.kept, self.plain) = (kept, plain);
        done
    }

    fn advance(&mut self, read: &mut BytesMut, plain: &mut BytesMut, wish: Wish<'_>) -> Result<(), Error> {
        if self.failed || (self.said_last && !matches!(wish, Wish::Nothing)) {
            return Err(Error::General("the connection has been closed".into()));
        }
        let mut flow = Flow { plain, out: &mut self.out, closed: false };
        let done = match &mut self.side {
            Side::Client(side) => flow.run(side, read, wish),
            Side::Server(side) => flow.run(side, read, wish),
        };
        self.closed |= flow.closed;
        self.failed |= done.is_err();
        self.said_last |= matches!(wish, Wish::Close);
        done
    }
}

/// Where things go while the connection is asked.
struct Flow<'a> {
    plain: &'a mut BytesMut,
    out: &'a mut BytesMut,
    closed: bool,
}

impl Flow<'_> {
    /// Asks until it wants more to read; what it is done with leaves `read`.
    fn run<R: Records>(&mut self, side: &mut R, read: &mut BytesMut, wish: Wish<'_>) -> Result<(), Error> {
        let mut used = 0;
        let done = loop {
            let UnbufferedStatus { mut discard, state } = side.records(&mut read[used..]);
            let rest = match state {
                Err(error) => break Err(error),
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let Ok(record) = record else { break };
                        self.plain.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                    true
                }
                Ok(ConnectionState::EncodeTlsData(mut encode)) => {
                    put(self.out, 0, |out| encode.encode(out).map_err(Fits::from))?;
                    true
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    transmit.done();
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.closed = true;
                    true
                }
                Ok(ConnectionState::WriteTraffic(traffic)) => {
                    self.fulfil(traffic, wish)?;
                    false
                }
                // Both have said that they are done, the handshake wants more, or there is data before
                // its end, which is not asked for.
                Ok(_) => false,
            };
            used += discard;
            if !rest {
                break Ok(());
            }
        };
        if done.is_err() {
            self.last_words(side);
        }
        read.advance(used);
        done
    }

    fn fulfil<D>(&mut self, mut traffic: WriteTraffic<'_, D>, wish: Wish<'_>) -> Result<(), Error> {
        match wish {
            Wish::Nothing => Ok(()),
            Wish::Say(bytes) => {
                let room = bytes.len() + OVERHEAD * (1 + bytes.len() / RECORD);
                put(self.out, room, |out| traffic.encrypt(bytes, out).map_err(Fits::from))
            }
            Wish::Close => put(self.out, OVERHEAD, |out| traffic.queue_close_notify(out).map_err(Fits::from)),
        }
    }

    /// What the peer is to be told of an error. The connection is asked for nothing else: what it has
    /// failed on it must not see again.
    fn last_words<R: Records>(&mut self, side: &mut R) {
        while side.common().wants_write() {
            let UnbufferedStatus { state: Ok(ConnectionState::EncodeTlsData(mut encode)), .. } =
                side.records(&mut [])
            else {
                return;
            };
            if put(self.out, 0, |out| encode.encode(out).map_err(Fits::from)).is_err() {
                return;
            }
        }
    }
}

/// Why something could not be put where it was to go.
enum Fits {
    /// It takes so many bytes.
    Needs(usize),
    /// There is another reason.
    Never,
}

impl From<EncodeError> for Fits {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(size) => Self::Needs(size.required_size),
            EncodeError::AlreadyEncoded => Self::Never,
        }
    }
}

impl From<EncryptError> for Fits {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => Self::Needs(size.required_size),
            EncryptError::EncryptExhausted => Self::Never,
        }
    }
}

/// Has `write` write to the end of `out`, where `room` is made for it first, and more if it says so.
fn put(
    out: &mut BytesMut,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Fits>,
) -> Result<(), Error> {
    let before = out.len();
    // The second time it has what it has asked for.
    for _ in 0..2 {
        out.resize(before + room, 0);
        match write(&mut out[before..]) {
            Ok(n) => {
                out.truncate(before + n);
                return Ok(());
            }
            Err(Fits::Needs(more)) => room = more,
            Err(Fits::Never) => break,
        }
    }
    out.truncate(before);
    Err(Error::EncryptError)
}
