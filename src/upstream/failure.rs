//! Why a request got no reply.

use std::time::Duration;

/// What became of a request that the upstream did not answer. The variant says whether it may have
/// been executed; the session turns it into the client's error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Never sent: there is no connection. May be repeated safely.
    #[error("upstream {upstream} is unreachable: {reason}; the command was not sent")]
    Unreachable {
        /// Where to.
        upstream: String,
        /// What the last attempt met.
        reason: String,
    },
    /// Never sent: every connection is in use. May be repeated safely.
    #[error(
        "no upstream connection {} ({limit} is reached); the command was not sent",
        free(*waited)
    )]
    Busy {
        /// How long was waited.
        waited: Duration,
        /// The setting that bounds it, with its value.
        limit: String,
    },
    /// The credential was refused; never sent. The upstream's own words.
    #[error("{0}")]
    Refused(String),
    /// The credential was taken once and is not any more; never sent. The server has closed the connections
    /// of that user, and so must who stands in front of it.
    #[error("{0}")]
    Revoked(String),
    /// Sent, and the connection was lost before the reply: it may have been executed or not.
    #[error(
        "upstream connection lost before the reply ({reason}); the command may or may not have been executed"
    )]
    Lost {
        /// What ended the connection.
        reason: String,
    },
    /// Sent, and no reply in time: it may be executed or not, and its late reply is thrown away.
    #[error("no reply from the upstream within {after:?}; the command may or may not have been executed")]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// A read whose reply is too large for the lane: ask again on a connection of its own.
    #[error("the reply is too large for a shared connection")]
    TooLarge,
    /// Executed, but its reply is larger than there is memory for.
    #[error(
        "the command was executed, but its reply exceeds the memory limit for buffers (limits.memory) and was dropped"
    )]
    Dropped,
    /// Executed, but its reply is longer than clients may have.
    #[error(
        "the command was executed, but its reply has more than {limit} bytes and was withheld by Nearside \
         (rules.max_reply)"
    )]
    TooLong {
        /// The limit, bytes.
        limit: usize,
    },
}

impl Failure {
    /// The error code a client sees before the text.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "UPSTREAMDOWN",
            Self::Busy { .. } => "UPSTREAMBUSY",
            Self::Lost { .. } => "UPSTREAMLOST",
            Self::TimedOut { .. } => "UPSTREAMTIMEOUT",
            Self::TooLong { .. } => "NOPERM",
            Self::Refused(_) | Self::Revoked(_) | Self::TooLarge | Self::Dropped => "ERR",
        }
    }
}

fn free(waited: Duration) -> String {
    if waited.is_zero() { "is free".into() } else { format!("became free within {waited:?}") }
}
