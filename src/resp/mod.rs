//! Bytes and RESP frames, both ways. Pure: no socket, no clock, no logging.
//!
//! Owns: where a request or a reply ends ([`request`], [`scan`]), what a reply of
//! our own looks like ([`reply`]) and how a RESP3 reply reads in RESP2 ([`convert`]).
//! Never: allocates in proportion to a *declared* length, recurses, or panics on input.
//!
//! Protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

pub mod convert;
pub mod rename;
pub mod reply;
pub mod request;
pub mod scan;

/// The protocol version one side of a conversation speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Proto {
    /// RESP2, what every connection starts with.
    #[default]
    Resp2,
    /// RESP3, after `HELLO 3`.
    Resp3,
}

impl Proto {
    /// The number `HELLO` takes.
    pub fn number(self) -> u8 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }
}
