//! What an event says.

use super::flood::LeftOut;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request was refused, by a rule or a user's rights.
    Denied,
    /// A request was refused because of where it came from.
    ProtectedMode,
    /// A name or a password was wrong.
    AuthFailed,
    /// Somebody has authenticated at whose address that had failed before.
    AuthPassed,
    /// An authentication was refused untried, because too many had failed.
    LockedOut,
    /// A client is somebody by its certificate.
    CertificateLogin,
    /// A rate was exceeded, and a request refused for it.
    RateLimited,
    /// A client was not taken in.
    TurnedAway,
    /// A command went through that concerns everybody.
    Admin,
    /// A reply was kept from its client.
    ReplyWithheld,
    /// Certificates were replaced.
    CertificateChanged,
    /// Certificates were to be replaced, and could not be.
    CertificateRefused,
    /// Settings were to be read again.
    Reload,
    /// The proxy takes no more clients, and ends.
    Drain,
}

impl Kind {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Drain as usize + 1;

    /// What it is called in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::ProtectedMode => "protected_mode",
            Self::AuthFailed => "auth_failed",
            Self::AuthPassed => "auth_passed_after_failures",
            Self::LockedOut => "auth_locked_out",
            Self::CertificateLogin => "certificate_login",
            Self::RateLimited => "rate_limited",
            Self::TurnedAway => "turned_away",
            Self::Admin => "admin",
            Self::ReplyWithheld => "reply_withheld",
            Self::CertificateChanged => "certificate_changed",
            Self::CertificateRefused => "certificate_refused",
            Self::Reload => "reload",
            Self::Drain => "drain",
        }
    }

    /// How many of one user's are told in a second; the others are counted.
    pub(super) fn per_second(self) -> u32 {
        match self {
            Self::RateLimited | Self::LockedOut => 1,
            // They have been done: none should be missing.
            Self::Admin => 100,
            _ => 10,
        }
    }
}

/// What is to be said of what has happened. What is `None` does not appear.
#[derive(Clone, Debug, Default)]
pub struct Event<'a> {
    /// The client's id.
    pub client: Option<u64>,
    /// Its address.
    pub peer: Option<String>,
    /// Where it came in.
    pub listener: Option<String>,
    /// Who it is, or said it was.
    pub user: Option<String>,
    /// The command, by its name in Redis.
    pub command: Option<String>,
    /// The rule, by its name in the configuration.
    pub rule: Option<String>,
    /// Why.
    pub reason: Option<&'a str>,
    /// The key that was the reason.
    pub key: Option<String>,
    /// The channel that was the reason.
    pub channel: Option<String>,
    /// What the command is about: names of settings or users, never what they are set to.
    pub about: Option<String>,
    /// The name in a certificate.
    pub certificate: Option<String>,
    /// How often something had happened before.
    pub failures: Option<u32>,
    /// Whole days until a certificate expires.
    pub days_left: Option<i64>,
}

pub(super) fn write(kind: Kind, event: &Event<'_>) {
    tracing::info!(
        target: "audit",
        event = kind.name(),
        client = event.client,
        peer = event.peer,
        listener = event.listener,
        user = event.user,
        command = event.command,
        rule = event.rule,
        reason = event.reason,
        key = event.key,
        channel = event.channel,
        about = event.about,
        certificate = event.certificate,
        failures = event.failures,
        days_left = event.days_left,
        "audit"
    );
}

pub(super) fn write_left_out(left_out: &LeftOut) {
    tracing::info!(
        target: "audit",
        event = "left_out",
        of = left_out.kind.name(),
        whose = left_out.whose,
        count = left_out.count,
        "audit"
    );
}
