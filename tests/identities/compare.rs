//! Whether two replies say the same, and which differences are permitted.

use crate::rig::Mode;

/// What of a reply is not compared. Errors always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blur {
    /// Everything is.
    Exact,
    /// The order of elements.
    Order,
    /// Everything but the first byte.
    Type,
}

impl Blur {
    /// What of the reply to `line` does not depend on who asks, or is Nearside's own.
    pub(crate) fn of(line: &str) -> Self {
        let starts = |heads: &[&str]| heads.iter().any(|head| line.starts_with(head));
        if starts(&["KEYS", "SCAN", "SDIFF", "SUNION ", "SINTER "]) {
            return Self::Order;
        }
        let types = [
            "TIME",
            "LASTSAVE",
            "RANDOMKEY",
            "CLIENT ID",
            "CLIENT INFO",
            "CLIENT LIST",
            "INFO",
            "MEMORY",
            "LATENCY",
            "SLOWLOG",
            "ROLE",
            "OBJECT FREQ",
            "HELLO",
            "CLUSTER INFO",
            "XINFO",
            "PTTL",
            "FUNCTION STATS",
            "PUBSUB",
            "LOLWUT",
            "CONFIG GET",
        ];
        if starts(&types) { Self::Type } else { Self::Exact }
    }

    /// Whether both replies are the same as far as they are compared.
    pub(crate) fn same(self, direct: &[u8], ours: &[u8]) -> bool {
        match self {
            _ if direct == ours => true,
            _ if direct.starts_with(b"-") || ours.starts_with(b"-") => false,
            Self::Exact => false,
            Self::Order => sorted(direct) == sorted(ours),
            Self::Type => direct.first() == ours.first(),
        }
    }
}

fn sorted(reply: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = reply.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// Where Nearside may answer otherwise than a server with the same users.
struct Permitted {
    /// Whose users.
    mode: Option<Mode>,
    /// How the request begins.
    head: &'static str,
    /// How the server's answer begins.
    direct: &'static str,
    /// And ours.
    ours: &'static str,
    /// What ours has in it.
    with: &'static str,
    /// Why.
    reason: &'static str,
}

const fn local(head: &'static str, direct: &'static str, ours: &'static str, why: &'static str) -> Permitted {
    Permitted { mode: Some(Mode::Local), head, direct, ours, with: "", reason: why }
}

const fn beyond(head: &'static str) -> Permitted {
    let why =
        "to the upstream a script, or a pattern of keys, is that of its own user, who may touch them all";
    Permitted {
        mode: Some(Mode::Local),
        head,
        direct: "",
        ours: "-NOPERM ",
        with: "could touch keys",
        reason: why,
    }
}

const fn wrong(head: &'static str) -> Permitted {
    local(head, "", "-NOPERM ", "there are fewer keys than it says, of which one may not be touched")
}

const UNKNOWN: &str =
    "what nobody here knows, a restricted user may not do, and who is nobody may do nothing";
const SANITIZED: &str = "Redis 8 says what is the default";
const OURS: &str = "users are Nearside's own, and are changed in its configuration";

const PERMITTED: &[Permitted] = &[
    local("NOSUCH", "-ERR unknown command", "-NOPERM ", UNKNOWN),
    local("CONFIG NOSUCH", "-ERR unknown subcommand", "-NOPERM ", UNKNOWN),
    local("CLIENT NOSUCH", "-ERR unknown subcommand", "-NOPERM ", UNKNOWN),
    local("ACL NOSUCH", "-ERR unknown subcommand", "-NOPERM ", UNKNOWN),
    local("NOSUCH", "-ERR unknown command", "-NOAUTH ", UNKNOWN),
    local("CONFIG NOSUCH", "-ERR unknown subcommand", "-NOAUTH ", UNKNOWN),
    local("CLIENT NOSUCH", "-ERR unknown subcommand", "-NOAUTH ", UNKNOWN),
    local("ACL NOSUCH", "-ERR unknown subcommand", "-NOAUTH ", UNKNOWN),
    local("", "-NOAUTH ", "-ERR wrong number", "two reasons, and newer servers look at this one first"),
    local("ACL GETUSER", "*14", "*12", "databases are Valkey's alone"),
    local("ACL GETUSER", "%7", "%6", "databases are Valkey's alone"),
    local("ACL GETUSER", "*12\r\n$5\r\nflags\r\n*2", "*12\r\n$5\r\nflags\r\n*1", SANITIZED),
    local("ACL GETUSER", "%6\r\n$5\r\nflags\r\n~2", "%6\r\n$5\r\nflags\r\n~1", SANITIZED),
    local("ACL SETUSER", "+OK", "-ERR users are Nearside's own", OURS),
    local("AUTH", "", "-ERR users are Nearside's own", "not inside a transaction"),
    local("ACL", "", "-ERR users are Nearside's own", "not inside a transaction"),
    Permitted {
        mode: Some(Mode::Through),
        head: "SELECT 0",
        direct: "-NOPERM ",
        ours: "+OK",
        with: "",
        reason: "it is where the client is already, and nobody is asked",
    },
    wrong("ZUNION 9"),
    wrong("LMPOP 9"),
    wrong("EVAL x 9"),
    local("SHUTDOWN", "-ERR Command ", "-NOPERM ", "two reasons, and we look at rights first"),
    local("SORT", "+QUEUED", "-ERR ", "it is refused before it is queued"),
    beyond("EVAL"),
    beyond("FCALL"),
    beyond("FUNCTION"),
    beyond("SCRIPT"),
    beyond("SORT"),
];

/// Whether `ours` may differ from `direct` as it does, as an answer to `line`.
pub(crate) fn is_permitted(mode: Mode, line: &str, direct: &[u8], ours: &[u8]) -> bool {
    let (direct, ours) = (String::from_utf8_lossy(direct), String::from_utf8_lossy(ours));
    PERMITTED.iter().any(|rule| {
        rule.mode.is_none_or(|of| of == mode)
            && line.starts_with(rule.head)
            && direct.starts_with(rule.direct)
            && ours.starts_with(rule.ours)
            && ours.contains(rule.with)
            && !rule.reason.is_empty()
    })
}
