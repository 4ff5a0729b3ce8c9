//! Why TLS to the upstream failed, in words that name the setting to look at.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::{AlertDescription as Alert, CertificateError, Error};

use super::HandshakeError;
use super::cert::{ago, long};
use super::client::ClientTls;

const OFF: &str = "if it does not speak TLS, set upstream.ssl = false (REDIS_SSL=false) and redis://";
const CLIENT: &str =
    "set upstream.ssl_certfile and upstream.ssl_keyfile (REDIS_SSL_CERTFILE, REDIS_SSL_KEYFILE)";

/// Why a handshake failed.
pub(super) fn explain(error: &HandshakeError, tls: &ClientTls) -> String {
    match error {
        HandshakeError::NotTls(_) | HandshakeError::Tls(Error::InvalidMessage(_)) => {
            format!("it does not speak TLS there: it answered something else; {OFF}")
        }
        HandshakeError::Ended => ended(tls),
        HandshakeError::Io(error) if is_end(error) => ended(tls),
        HandshakeError::Io(error) => format!("the TLS handshake failed: {error}"),
        HandshakeError::Tls(Error::InvalidCertificate(why)) => certificate(why, tls),
        HandshakeError::Tls(Error::AlertReceived(alert)) => self::alert(*alert, tls),
        HandshakeError::Tls(other) => format!("the TLS handshake failed: {other}"),
    }
}

/// Nothing came for so long.
pub(super) fn silence(limit: Duration) -> String {
    format!("no answer to a TLS handshake within {limit:?} (see upstream.connect_timeout); {OFF}")
}

fn ended(tls: &ClientTls) -> String {
    if tls.lacks_certificate() {
        return format!(
            "it closed the connection in the TLS handshake, in which it asked for a certificate: {CLIENT}"
        );
    }
    format!("it closed the connection in the middle of the TLS handshake; {OFF}")
}

/// Why a connection was lost before anything was said on it, if TLS is why.
pub(super) fn early_loss(error: &io::Error, tls: &ClientTls) -> Option<String> {
    match inner(error) {
        Some(Error::AlertReceived(alert)) => Some(self::alert(*alert, tls)),
        None if is_end(error) && tls.lacks_certificate() => Some(format!(
            "it closed the connection after the TLS handshake, in which it asked for a certificate: {CLIENT}"
        )),
        _ => None,
    }
}

/// What rustls says within an error of input or output.
fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

fn certificate(why: &CertificateError, tls: &ClientTls) -> String {
    let failed = "its certificate was not accepted:";
    let renew = "it has to be renewed there; or is the clock of this machine wrong?";
    match why {
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = if presented.is_empty() {
                "no name at all (a common name does not count)".to_owned()
            } else {
                presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ")
            };
            let expected = expected.to_str();
            format!(
                "{failed} it is for {names}, not for {expected}; connect by a name it has, or set \
                 upstream.ssl_server_name to one"
            )
        }
        CertificateError::NotValidForName => {
            let name = tls.name().to_str();
            format!(
                "{failed} it is not for {name}; connect by a name it has, or set upstream.ssl_server_name"
            )
        }
        CertificateError::ExpiredContext { time, not_after } => {
            let since = time.as_secs().saturating_sub(not_after.as_secs());
            let since = ago(i64::try_from(since).unwrap_or(i64::MAX));
            format!("{failed} it has expired, {since}; {renew}")
        }
        CertificateError::Expired => format!("{failed} it has expired; {renew}"),
        CertificateError::NotValidYetContext { time, not_before } => {
            let still = not_before.as_secs().saturating_sub(time.as_secs());
            let still = long(i64::try_from(still).unwrap_or(i64::MAX));
            format!("{failed} it is not valid yet, for another {still}; is the clock of this machine right?")
        }
        CertificateError::NotValidYet => {
            format!("{failed} it is not valid yet; is the clock of this machine right?")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => unknown(tls),
        // An authority's own certificate that is not among those that are trusted, in rustls's words.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => unknown(tls),
        CertificateError::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            format!(
                "{failed} it is of X.509 version 1, which has no names; it has to be made with extensions (subjectAltName)"
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("{failed} it is not meant for a server (extended key usage serverAuth)")
        }
        other => format!("{failed} {other}"),
    }
}

fn unknown(tls: &ClientTls) -> String {
    format!(
        "its certificate was not accepted: it is not signed by {}; give the authority that signed it in \
         upstream.ssl_ca_certs (REDIS_SSL_CA_CERTS)",
        tls.trusted()
    )
}

fn alert(alert: Alert, tls: &ClientTls) -> String {
    let ours = tls.settings().certfile.as_deref();
    match (alert, ours) {
        (Alert::CertificateRequired, _) => format!("it wants a certificate of its clients: {CLIENT}"),
        (Alert::HandshakeFailure, None) if tls.lacks_certificate() => {
            format!("it wants a certificate of its clients: {CLIENT}")
        }
        (
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate
            | Alert::DecryptError
            | Alert::AccessDenied,
            Some(path),
        ) => format!(
            "it does not accept our certificate, {} (upstream.ssl_certfile, REDIS_SSL_CERTFILE): {alert:?}",
            path.display()
        ),
        (Alert::UnrecognisedName, _) => {
            let name = tls.name().to_str();
            format!("it knows no server called {name}: see upstream.ssl_server_name ({alert:?})")
        }
        (Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity, _) => {
            format!("it speaks no version or cipher of TLS that is spoken here (TLS 1.2 and 1.3): {alert:?}")
        }
        _ => format!("it ended the TLS handshake: {alert:?}"),
    }
}

/// `DnsName("localhost")` and the like, as rustls presents names, without the wrapping.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}
