//! The settings that together name the upstream.

/// The settings that together name the upstream and who we are to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Uri,
    Host,
    Port,
    Username,
    Password,
    Database,
    Tls,
    CertReqs,
    CaCerts,
    Certfile,
    Keyfile,
    ServerName,
}

impl Part {
    /// What a value must be, for messages and the reference.
    pub(super) fn expects(self) -> &'static str {
        match self {
            Self::Uri => "redis[s]://[user][:pass@]host[:port][/db] or unix:///path[?db=n]",
            Self::Port => "a whole number from 1 to 65535",
            Self::Database => "a number from 0",
            Self::Tls => "true or false",
            Self::CertReqs => "required, optional or none",
            Self::CaCerts | Self::Certfile | Self::Keyfile => "a path",
            Self::ServerName => "a host name or an address",
            Self::Host | Self::Username | Self::Password => "a text",
        }
    }
}
