//! The rows of the gate: who comes in, and what each may do.

use crate::config::field::Field;
use crate::config::setting::{Setting, fixed, live};
use crate::config::tables::{Listing, Renames, Side};
use crate::config::words::{OneOf, Switch};
use std::time::Duration;

const HANDSHAKES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(600)];
const RELOADS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(24 * 3600)];

/// Those of the top level.
pub(in crate::config) const GATE: &[Setting] = &[
    live(
        "protected_mode",
        Field::Bool(|c| &mut c.protected_mode),
        "Whether clients of other machines are refused while nobody has to say who it is. false serves \
            whoever reaches a listener.",
    ),
    live(
        "users",
        Field::Tables(&Listing(|c| &mut c.users)),
        "Users of Nearside's own, in the words of Redis's ACL SETUSER: [[users]] with name and acl. All of \
            them are the upstream's one user. None: clients are the upstream's users.",
    ),
    live(
        "rates",
        Field::Tables(&Listing(|c| &mut c.rates)),
        "How much may be done per time: [[rates]] with name; per = all, user, address, listener, client or \
            key; commands, keys, users and listeners it counts (all); rate, such as \"100/s\", \"6000/m\" or \
            \"1MiB/s\"; unit = commands or bytes; burst (as much as rate); mode = enforce or observe; \
            action = error or delay, for max_delay (1s) at most. features.rate_limiting turns all off.",
    ),
];

pub(in crate::config) const TLS: &[Setting] = &[
    fixed(
        "tls.listen",
        Field::Listen(|c| &mut c.tls.listen, 0),
        "Where clients connect with TLS, beside listen. Needs tls.cert_file and tls.key_file.",
    ),
    live(
        "tls.cert_file",
        Field::PathOrNone(|c| &mut c.tls.cert_file),
        "The certificate clients are shown, and behind it those that lead to its issuer (PEM).",
    )
    .unset("none", "\"/etc/nearside/tls/server.crt\""),
    live("tls.key_file", Field::PathOrNone(|c| &mut c.tls.key_file), "Its key (PEM).")
        .unset("none", "\"/etc/nearside/tls/server.key\""),
    live(
        "tls.ca_cert_file",
        Field::PathOrNone(|c| &mut c.tls.ca_cert_file),
        "Who signs the certificates of clients (PEM).",
    )
    .unset("none", "\"/etc/nearside/tls/ca.crt\""),
    live(
        "tls.auth_clients",
        Field::Word(&OneOf(|c| &mut c.tls.auth_clients)),
        "Whether clients show a certificate: no, they are not asked; optional, they may; yes, they must. \
            Needs tls.ca_cert_file.",
    ),
    live(
        "tls.min_version",
        Field::Word(&OneOf(|c| &mut c.tls.min_version)),
        "The oldest version of TLS spoken with clients.",
    ),
    live(
        "tls.handshake_timeout",
        Field::Span(|c| &mut c.tls.handshake_timeout, HANDSHAKES),
        "How long a client may take to finish its handshake.",
    ),
    fixed(
        "tls.max_handshakes",
        Field::Count(|c| &mut c.tls.max_handshakes, 1, 100_000),
        "Handshakes going on at once, of all workers together; others wait for their turn.",
    ),
    live(
        "tls.users",
        Field::Tables(&Listing(|c| &mut c.tls.users)),
        "Who clients are by their certificates: [[tls.users]] with cert, a glob pattern for the subject's \
            common name and every DNS and URI name, and user. The first that fits holds.",
    ),
    live(
        "tls.reload_every",
        Field::Span(|c| &mut c.tls.reload_every, RELOADS),
        "How often files of certificates and keys are looked at for changes.",
    ),
];

pub(in crate::config) const RULES: &[Setting] = &[
    live(
        "rules.block",
        Field::Commands(|c| &mut c.rules.block),
        "Commands nobody may run: by default those with which one client can destroy, stop or take over \
            what all share. Also subcommands (CONFIG|SET) and categories of Redis's ACL (@dangerous). none \
            blocks nothing.",
    ),
    live(
        "rules.deny",
        Field::Tables(&Listing(|c| &mut c.rules.deny)),
        "Rules that look further: [[rules.deny]] with name, and commands, args (glob patterns for the \
            arguments behind the name, one by one), keys (glob patterns), users and listeners (glob \
            patterns for what listen and tls.listen say). A request to which all that is given applies is \
            refused; so is one of whose keys nobody can tell (scripts), where keys are given.",
    ),
    live(
        "rules.rename",
        Field::Tables(&Renames(|c| &mut c.rules.rename, Side::Clients)),
        "What clients must write in place of a command's name, as Redis's rename-command: [rules.rename] \
            and below it CONFIG = \"CONFIG_9a8b7c6d\"; \"\" disables the command. Scripts, COMMAND and INFO \
            know nothing of it.",
    ),
    live(
        "rules.read_only",
        Field::Bool(|c| &mut c.rules.read_only),
        "true: what writes is refused, as on a read-only replica; also scripts (but for EVAL_RO, EVALSHA_RO, \
            FCALL_RO), what changes the server itself (CONFIG SET, ACL SETUSER, FUNCTION LOAD, MODULE LOAD) and \
            commands nobody here knows. Messages, CLIENT, CONFIG GET and BGSAVE are not.",
    ),
    live(
        "rules.scripts",
        Field::Word(&Switch(|c| &mut c.rules.scripts, ["deny", "allow"])),
        "Whether scripts and functions may run. What they do inside is not seen here: only the rights of \
            the upstream's user bound it.",
    ),
    live("rules.max_key", Field::Size(|c| &mut c.rules.max_key, 0), "Longest key; 0 is no limit of our own."),
    live(
        "rules.max_value",
        Field::Size(|c| &mut c.rules.max_value, 0),
        "Longest argument that is no key; 0 is no limit of our own.",
    ),
    live(
        "rules.max_args",
        Field::Long(|c| &mut c.rules.max_args, 0, u64::MAX),
        "Most arguments of a request; 0 is no limit of our own.",
    ),
    live(
        "rules.max_reply",
        Field::Size(|c| &mut c.rules.max_reply, 0),
        "Longest reply: in place of a longer one the client gets an error, or, where part of it has been passed \
            on before its length was known, its connection is closed. Messages are no replies. 0 is no limit of \
            our own.",
    ),
];

pub(in crate::config) const ADMISSION: &[Setting] = &[
    live(
        "admission.clients_per_address",
        Field::Number(|c| &mut c.admission.clients_per_address, 0, 10_000_000),
        "Most clients of one address (of IPv6, of one /64) at once; 0 is no limit.",
    ),
    live(
        "admission.clients_per_user",
        Field::Number(|c| &mut c.admission.clients_per_user, 0, 10_000_000),
        "Most clients of one user at once; 0 is no limit.",
    ),
    live(
        "admission.connection_rate",
        Field::Number(|c| &mut c.admission.connection_rate, 0, 1_000_000),
        "New connections per second and address, and as many at once; 0 is no limit.",
    ),
    live(
        "admission.auth_timeout",
        Field::Seconds(|c| &mut c.admission.auth_timeout),
        "How long a client that has to say who it is may take, in seconds; 0 as long as it likes.",
    ),
    live(
        "admission.auth_failures",
        Field::Number(|c| &mut c.admission.auth_failures, 0, 1_000_000),
        "Wrong passwords per minute and address, after which further ones fail unasked; of clients on this \
            machine, who share an address, per user too. 0 is no limit.",
    ),
];

pub(in crate::config) const AUDIT: &[Setting] = &[
    live(
        "audit.enabled",
        Field::Bool(|c| &mut c.audit.enabled),
        "Whether refusals, wrong passwords and acts of administration are logged as events.",
    ),
    live(
        "audit.redact_keys",
        Field::Bool(|c| &mut c.audit.redact_keys),
        "Whether keys and channels in them are replaced by their lengths and a short hash.",
    ),
];

/// Of `[upstream]`, behind its other rows.
pub(in crate::config) const UPSTREAM_RENAME: &[Setting] = &[live(
    "upstream.rename",
    Field::Tables(&Renames(|c| &mut c.upstream.rename, Side::Upstream)),
    "Names that commands of the upstream were given there (its rename-command): [upstream.rename] and below \
        it CONFIG = \"CONFIG_9a8b7c6d\"; \"\" for a command it has not.",
)];
