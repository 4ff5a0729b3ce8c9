//! The rows of the upstream. Only data.

use crate::config::field::{Bare, Field, Part};
use crate::config::setting::{Setting, fixed, live};

pub(in crate::config) const UPSTREAM: &[Setting] = &[
    fixed(
        "upstream.uri",
        Field::Upstream(Part::Uri),
        "Where the upstream is: redis://[user][:pass@]host[:port][/db], rediss:// for TLS, \
            unix:///path?db=n, or embedded for a server of our own. A password is written with %-escapes. NEARSIDE_UPSTREAM \
            beats REDIS_URI, and the URI beats the parts below.",
    )
    .env(&["REDIS_URI"])
    .flag("--upstream")
    .unset("embedded: Nearside starts a server of its own", "\"redis://user:pass@localhost:6379/0\""),
    fixed("upstream.host", Field::Upstream(Part::Host), "Host of the upstream, if there is no URI.")
        .env(&["REDIS_HOST"])
        .unset("localhost, if a port is given", "\"localhost\""),
    fixed("upstream.port", Field::Upstream(Part::Port), "Port of the upstream, if there is no URI.")
        .env(&["REDIS_PORT"])
        .unset("6379, if a host is given", "6379"),
    live(
        "upstream.username",
        Field::Upstream(Part::Username),
        "ACL user to authenticate as, if the URI names none. Needs a password. Another one is tried when settings \
            are read again, and used if the upstream does not refuse it.",
    )
    .env(&["REDIS_USERNAME"])
    .unset("none: the server's default user", "\"default\""),
    live(
        "upstream.password",
        Field::Upstream(Part::Password),
        "Password, if the URI has none; another one is used as upstream.username is. An empty one is none. Better kept in the environment than in \
            a file.",
    )
    .env(&["REDIS_PASSWORD"])
    .unset("none: no authentication", "\"\""),
    fixed(
        "upstream.database",
        Field::Upstream(Part::Database),
        "Database clients start in, if the URI names none.",
    )
    .env(&["REDIS_DATABASE"])
    .unset("0", "0"),
    fixed(
        "upstream.ssl",
        Field::Upstream(Part::Tls),
        "TLS to the upstream; rediss:// in the URI is the same, and neither takes away what the other \
            asks for. What follows means nothing without.",
    )
    .env(&["REDIS_SSL"]),
    fixed(
        "upstream.ssl_cert_reqs",
        Field::Upstream(Part::CertReqs),
        "What the upstream's certificate is held to: required: it is signed by who is trusted and is for \
            the upstream's name; optional: the same for one that is shown, and a server always shows one; \
            none: nothing is looked at, and anybody can answer in the upstream's place.",
    )
    .env(&["REDIS_SSL_CERT_REQS"]),
    fixed(
        "upstream.ssl_ca_certs",
        Field::Upstream(Part::CaCerts),
        "Who signs it: a PEM file of one or more certificates, or a directory of such files. A server's \
            certificate that is itself among them is trusted too. Files of certificates and keys are \
            looked at every tls.reload_every, and used for new connections when they have changed.",
    )
    .env(&["REDIS_SSL_CA_CERTS"])
    .unset("whom this system trusts", "\"/path/to/ca.crt\""),
    fixed(
        "upstream.ssl_certfile",
        Field::Upstream(Part::Certfile),
        "Our own certificate, with its chain (PEM), for an upstream that wants one: Redis does unless its \
            tls-auth-clients says otherwise.",
    )
    .env(&["REDIS_SSL_CERTFILE"])
    .unset("none", "\"/path/to/client.crt\""),
    fixed(
        "upstream.ssl_keyfile",
        Field::Upstream(Part::Keyfile),
        "The key of that certificate (PEM: PKCS#8, PKCS#1 or SEC1), not encrypted.",
    )
    .env(&["REDIS_SSL_KEYFILE"])
    .unset("the same file as the certificate", "\"/path/to/client.key\""),
    fixed(
        "upstream.ssl_server_name",
        Field::Upstream(Part::ServerName),
        "The name or address that the upstream's certificate must be for; a name is also sent (SNI).",
    )
    .unset("the upstream's host", "\"redis.example.com\""),
    fixed(
        "upstream.max_connections",
        Field::Count(|c| &mut c.upstream.max_connections, 0, 100_000),
        "Connections to the upstream, of all workers together; at least 2. Those held by blocked, \
            subscribed or monitoring clients are counted apart, and so are 2 more for what must get \
            through when all are busy (SCRIPT KILL, CLIENT KILL, SHUTDOWN and the like).",
    )
    .env(&["REDIS_MAX_CONNECTIONS"])
    .flag("--max-connections"),
    live(
        "upstream.max_pinned",
        Field::Count(|c| &mut c.upstream.max_pinned, 0, 1_000_000),
        "Connections held by blocked, subscribed or monitoring clients; beyond it such a command gets \
            an error.",
    ),
    fixed(
        "upstream.min_idle",
        Field::Count(|c| &mut c.upstream.min_idle, 0, 100_000),
        "Connections kept open and idle, so that a transaction or another command that needs one of its \
            own need not wait for it to be made: divided among the workers, within \
            upstream.max_connections, as the default user. Closed while others wait for a connection.",
    ),
    live(
        "upstream.timeout",
        Field::Wait(|c| &mut c.upstream.timeout, Bare::Seconds),
        "How long a command may wait to be sent: for a connection to be made or to become free.",
    )
    .env(&["REDIS_TIMEOUT"]),
    live(
        "upstream.connect_timeout",
        Field::Wait(|c| &mut c.upstream.connect_timeout, Bare::Seconds),
        "How long one attempt to connect may take, handshake included.",
    )
    .env(&["REDIS_SOCKET_CONNECT_TIMEOUT"]),
    live(
        "upstream.socket_timeout",
        Field::Interval(|c| &mut c.upstream.socket_timeout),
        "How long a sent command may wait for its reply. Blocking commands, subscriptions and MONITOR \
            are exempt. 0 is a day, as good as never; a host that died is then noticed by TCP alone, \
            within five minutes.",
    )
    .env(&["REDIS_SOCKET_TIMEOUT"]),
    live(
        "upstream.health_check_interval",
        Field::Interval(|c| &mut c.upstream.health_check_interval),
        "How often an idle upstream connection is checked. 0 is once a day, as good as never.",
    )
    .env(&["REDIS_HEALTH_CHECK_INTERVAL"]),
    live(
        "upstream.reconnect_min",
        Field::Wait(|c| &mut c.upstream.reconnect_min, Bare::Refused),
        "First pause before connecting again; it doubles from attempt to attempt, with jitter.",
    ),
    live(
        "upstream.reconnect_max",
        Field::Wait(|c| &mut c.upstream.reconnect_max, Bare::Refused),
        "Longest pause before connecting again.",
    ),
];
