//! Why a request is refused.

use super::acl::{Dialect, Refusal, refusal_text};

/// Why a command is refused, in words for the client: Redis's own where Redis has any.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nearside is switched off.
    #[error("ERR Nearside is off (ENABLE_REDIS=false): no command is served")]
    Off,
    /// The client has to say who it is first.
    #[error("NOAUTH Authentication required.")]
    Nobody,
    /// The same, for a `HELLO` that does not say it.
    #[error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
         <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
         the same time"
    )]
    HelloOfNobody,
    /// It is not on this machine, and nobody has to say who he is.
    #[error(
        "DENIED Nearside is running in protected mode: no client has to authenticate, so only those on this \
         machine are served. Give the upstream or Nearside users with passwords (users), ask clients for \
         certificates (tls.auth_clients), or set protected_mode = false if this network is trusted"
    )]
    Protected,
    /// The wrong number of arguments, which Redis looks at before it looks at rights.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    /// The client's user has no right to it.
    #[error("{}", refusal_text(.refusal, .user, Dialect::Newer))]
    Acl {
        /// The user.
        user: String,
        /// What it lacks.
        refusal: Refusal,
    },
    /// Publish and subscribe are switched off.
    #[error("ERR {0} is refused: publish/subscribe is off (REDIS_PUBSUB_ENABLED=false)")]
    Pubsub(&'static str),
    /// Keys of sessions are switched off.
    #[error(
        "ERR {0} is refused: the session store is off (REDIS_SESSION_STORE_ENABLED=false) and its key is a session's"
    )]
    SessionStore(&'static str),
    /// There is no such command, or not by this name. Redis's words.
    #[error("{}", String::from_utf8_lossy(.0))]
    Unknown(Vec<u8>),
    /// A rule of the operator's is against it.
    #[error("{text}")]
    Rule {
        /// The words for the client.
        text: String,
        /// The command, for people.
        command: String,
        /// The rule, as it is named in figures and in the log.
        rule: String,
        /// The key that it is about, if it is about one.
        key: Option<Vec<u8>>,
    },
}

impl Denied {
    /// The words for the client, as they go on the wire, and as this kind of server would put them.
    pub fn text(&self, dialect: Dialect) -> Vec<u8> {
        match self {
            Self::Acl { user, refusal } => refusal_text(refusal, user, dialect).into_bytes(),
            Self::Unknown(words) => words.clone(),
            Self::HelloOfNobody if dialect == Dialect::Redis70 => {
                self.to_string().replace("HELLO <proto> AUTH", "HELLO AUTH").into_bytes()
            }
            other => other.to_string().into_bytes(),
        }
    }

    /// The same, because of `key`.
    pub(super) fn because_of(self, because: Option<&[u8]>) -> Self {
        match self {
            Self::Rule { text, command, rule, .. } => {
                Self::Rule { text, command, rule, key: because.map(<[u8]>::to_vec) }
            }
            other => other,
        }
    }

    /// The rule that is against it, if it is one of the operator's.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Rule { rule, .. } => Some(rule),
            Self::Pubsub(_) => Some("REDIS_PUBSUB_ENABLED"),
            Self::SessionStore(_) => Some("REDIS_SESSION_STORE_ENABLED"),
            _ => None,
        }
    }
}
