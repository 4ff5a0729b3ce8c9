//! Where a server itself is odd, and Nearside does not follow it. Only data.

/// A conversation that is not held in every way with one kind of server.
#[derive(Debug)]
pub(crate) struct Odd {
    pub(crate) kind: &'static str,
    pub(crate) file: &'static str,
    pub(crate) conversation: &'static str,
    /// Whether it is held step by step all the same.
    pub(crate) stepwise: bool,
    /// What the server does, and what Nearside does.
    pub(crate) what: &'static str,
}

const SWALLOWED: &str = "Redis 8.2 answers nothing to an AUTH that fails when other commands arrived \
    before it in the same read; Nearside passes on the error";
const LATE: &str = "Redis 8.2 neither answers nor closes when what follows a blocked command in the same \
    read is no RESP; Nearside says so and closes";
const QUOTES: &str = "Valkey 9 accepts text right after a closing quote in an inline command; Nearside \
    refuses it, as Redis does";

const fn odd(
    kind: &'static str,
    file: &'static str,
    conversation: &'static str,
    stepwise: bool,
    what: &'static str,
) -> Odd {
    Odd { kind, file, conversation, stepwise, what }
}

const EVICT: &str = "Redis 7.0 keeps CLIENT NO-EVICT ON over RESET; Nearside ends it, as later servers do";

/// All of them.
pub(crate) const ODD: &[Odd] = &[
    odd("redis7", "states", "reset of modes", false, EVICT),
    odd("redis8", "auth_given", "bringing one all the same", true, SWALLOWED),
    odd("redis8", "auth_none", "the password", true, SWALLOWED),
    odd("redis8", "auth_none", "the default user by name", true, SWALLOWED),
    odd("redis8", "auth_none", "a user", true, SWALLOWED),
    odd("redis8", "auth_none", "hello with credentials", true, SWALLOWED),
    odd("redis8", "auth_user", "rights", true, SWALLOWED),
    odd("redis8", "connection", "hello", true, SWALLOWED),
    odd("redis8", "connection", "auth without a password configured", true, SWALLOWED),
    odd("redis8", "protocol", "after a blocking command", true, LATE),
    odd("valkey9", "inline", "text after a quote", false, QUOTES),
];
