//! The rows of those who operate a proxy.

use crate::config::field::Field;
use crate::config::setting::{Setting, fixed};

pub(in crate::config) const ADMIN: &[Setting] = &[
    fixed(
        "admin.listen",
        Field::Listen(|c| &mut c.admin.listen, 0),
        "Where those who operate it ask it over HTTP: health, metrics, the dashboard, and what may be told it. \
            none: nowhere. Where another program has the port, an address that is only the default is left out.",
    )
    .flag("--admin-listen")
    .unset("127.0.0.1:9180", "[\"127.0.0.1:9180\"]"),
    fixed(
        "admin.token",
        Field::Secret(|c| &mut c.admin.token),
        "What has to be shown for everything but /health, /live, /ready, /startup and the page itself: \
            Authorization: Bearer TOKEN. Better in a file, or in the environment.",
    ),
    fixed(
        "admin.token_file",
        Field::PathOrNone(|c| &mut c.admin.token_file),
        "A file whose text is the token.",
    )
    .unset("none", "\"/etc/nearside/admin.token\""),
    fixed(
        "admin.open",
        Field::Bool(|c| &mut c.admin.open),
        "true: other machines may ask, and tell it what to do, without a token.",
    ),
    fixed(
        "admin.tls",
        Field::Bool(|c| &mut c.admin.tls),
        "Whether TLS is spoken there, with the certificate of tls.cert_file. Who asks shows none.",
    ),
];
