//! Why a proxy does not start.

use crate::admin::AdminError;
use crate::embedded;
use crate::net::BindError;
use crate::net::tls::{ClientTlsError, ServerTlsError};
use crate::session::ForceError;
use crate::telemetry::log::LevelError;

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Those who operate it could not ask it.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The server Nearside starts itself does not start.
    #[error(transparent)]
    Embedded(#[from] embedded::Error),
    /// TLS to clients cannot be had as it is configured.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
    /// TLS to the upstream cannot be had as it is configured.
    #[error(transparent)]
    UpstreamTls(#[from] ClientTlsError),
    /// The upstream is this very proxy.
    #[error(
        "the upstream {upstream} ({origin}) leads back to Nearside's own listener ({listen}); \
         point NEARSIDE_UPSTREAM (or upstream.uri) at the Redis server, or change `listen`"
    )]
    OwnUpstream {
        /// Where the upstream is.
        upstream: String,
        /// Which setting says so.
        origin: String,
        /// Our listener.
        listen: String,
    },
    /// The upstream does not take who we would be from now on.
    #[error("the upstream refuses the new upstream.username and upstream.password: {0}")]
    Refused(String),
    /// Users or rates cannot be.
    #[error(transparent)]
    Force(#[from] ForceError),
    /// A server of Nearside's own belongs to one process.
    #[error(
        "takeover cannot be had with a server of Nearside's own, which belongs to one process: \
         set NEARSIDE_UPSTREAM (or upstream.uri), or unset `takeover`"
    )]
    TakeoverEmbedded,
    /// The running proxy does not hand its sockets over, which goes on as before.
    #[error("cannot take over at {}: {why}", path.display())]
    Takeover {
        /// Where the running proxy was to be found.
        path: std::path::PathBuf,
        /// What went wrong.
        why: String,
    },
    /// The log cannot show what it is to.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// The collector cannot be told.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] crate::admin::otlp::OtlpError),
    /// A thread or runtime cannot be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl Error {
    /// Whether it is the configuration that has to change.
    pub fn is_configuration(&self) -> bool {
        #[cfg(feature = "otlp")]
        if matches!(self, Self::Otlp(_)) {
            return true;
        }
        matches!(
            self,
            Self::Admin(AdminError::Exposed(_) | AdminError::Token(_))
                | Self::OwnUpstream { .. }
                | Self::Tls(_)
                | Self::UpstreamTls(_)
                | Self::Force(_)
                | Self::TakeoverEmbedded
        )
    }
}
