//! The address of an upstream as a URI. Errors name the part that is wrong, never its text.

use super::field::Part;
use super::{Endpoint, Secret};
use std::path::PathBuf;

/// What a URI says. What it leaves out is `None`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Uri {
    pub(super) endpoint: Endpoint,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<u32>,
    /// Whether TLS was asked for, if it says.
    pub(super) tls: Option<bool>,
    /// How TLS is to be spoken: options in the words of redis-py.
    pub(super) details: Vec<(Part, String)>,
    /// Names of query options that mean nothing here.
    pub(super) ignored: Vec<String>,
}

/// Why a text is not the address of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UriError {
    #[error("no scheme: write redis://host:port/db or unix:///path")]
    NoScheme,
    #[error("its scheme is none of redis://, rediss://, valkey://, unix://")]
    Scheme,
    #[error("its host is not a name or an address (an IPv6 address stands in [brackets])")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("its database is not a number")]
    Database,
    #[error("its path is not absolute: write unix:///path")]
    Path,
    #[error("a %-escape in it is not two hexadecimal digits, or not UTF-8 when decoded")]
    Escape,
    #[error("it has a #fragment; a # in a password is written %23")]
    Fragment,
    #[error("it has an @ after a ?; a ? in a password is written %3F")]
    Query,
}

const DEFAULT_PORT: u16 = 6379;
/// Stands for the name of an option that may be a part of a password.
const HIDDEN: &str = "(not shown: behind a password, in which a & is written %26)";

/// Reads `redis://[user][:pass@]host[:port][/db][?db=n]`, the same with `valkey://`, and
/// `unix://[user:pass@]/path[?db=n]`. `embedded` asks for the server Nearside starts itself.
pub(super) fn parse(text: &str) -> Result<Uri, UriError> {
    let text = text.trim();
    if text == "embedded" {
        return Ok(Uri::of(Endpoint::Embedded));
    }
    if let Some(path) = text.strip_prefix("unix:").filter(|rest| !rest.starts_with("//")) {
        return parse_unix(path);
    }
    let (scheme, rest) = text.split_once("://").ok_or(UriError::NoScheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => parse_tcp(rest),
        "rediss" | "valkeys" => Ok(Uri { tls: Some(true), ..parse_tcp(rest)? }),
        "unix" | "redis+unix" | "valkey+unix" => parse_unix(rest),
        _ => Err(UriError::Scheme),
    }
}

impl Uri {
    pub(super) fn of(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            username: None,
            password: None,
            database: None,
            tls: None,
            details: Vec::new(),
            ignored: Vec::new(),
        }
    }

    fn set_user(&mut self, userinfo: &str) -> Result<(), UriError> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        self.username = non_empty(decode(user)?);
        self.password = non_empty(decode(password)?).map(Secret::new);
        Ok(())
    }

    fn set_query(&mut self, query: &str) -> Result<(), UriError> {
        // What follows may be the rest of one that has a `&` in it.
        let mut behind_password = false;
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "db" => self.database = Some(value.parse().map_err(|_| UriError::Database)?),
                "username" => self.username = non_empty(decode(value)?),
                "password" => {
                    self.password = non_empty(decode(value)?).map(Secret::new);
                    behind_password = true;
                }
                "ssl" | "tls" => self.tls = super::units::boolean(value).or(self.tls),
                "ssl_cert_reqs" => self.details.push((Part::CertReqs, decode(value)?)),
                "ssl_ca_certs" | "ssl_ca_path" => self.details.push((Part::CaCerts, decode(value)?)),
                "ssl_certfile" => self.details.push((Part::Certfile, decode(value)?)),
                "ssl_keyfile" => self.details.push((Part::Keyfile, decode(value)?)),
                "ssl_server_name" => self.details.push((Part::ServerName, decode(value)?)),
                // As go-redis has it.
                "skip_verify" if super::units::boolean(value) == Some(true) => {
                    self.details.push((Part::CertReqs, "none".into()));
                }
                // Which is what happens.
                "ssl_check_hostname" if super::units::boolean(value) == Some(true) => {}
                _ if behind_password => self.ignored.push(HIDDEN.into()),
                _ => self.ignored.push(name.chars().take(40).collect()),
            }
        }
        Ok(())
    }
}

fn parse_tcp(rest: &str) -> Result<Uri, UriError> {
    let (userinfo, rest) = split_user(rest);
    let (rest, query) = split_query(rest)?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut uri = Uri::of(tcp_endpoint(address)?);
    uri.set_user(userinfo)?;
    if !path.is_empty() {
        uri.database = Some(path.parse().map_err(|_| UriError::Database)?);
    }
    uri.set_query(query)?;
    Ok(uri)
}

fn parse_unix(rest: &str) -> Result<Uri, UriError> {
    let start = rest.find('/').ok_or(UriError::Path)?;
    let userinfo = match &rest[..start] {
        "" => "",
        before => before.strip_suffix('@').ok_or(UriError::Path)?,
    };
    let (path, query) = split_query(&rest[start..])?;
    let path = decode(path)?;
    if path.contains('\0') {
        return Err(UriError::Path);
    }
    let mut uri = Uri::of(Endpoint::Unix(PathBuf::from(path)));
    uri.set_user(userinfo)?;
    uri.set_query(query)?;
    Ok(uri)
}

fn tcp_endpoint(address: &str) -> Result<Endpoint, UriError> {
    let (host, port) = host_port(address).ok_or(UriError::Host)?;
    let host = if host.is_empty() { "localhost" } else { host };
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(text) => text.parse().ok().filter(|port| *port != 0).ok_or(UriError::Port)?,
    };
    Ok(Endpoint::Tcp { host: host.into(), port })
}

/// Splits `host:port`, `[v6]:port` or either without a port. `None` if the host cannot be one.
pub(super) fn host_port(address: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inside) = address.strip_prefix('[') {
        let (host, after) = inside.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    is_host(host).then_some((host, port))
}

/// Whether `host` can be a name or an IPv4 address.
pub(super) fn is_host(host: &str) -> bool {
    host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// The user part ends at the last `@` before a query, so that a password may hold an `@` as it is.
fn split_user(rest: &str) -> (&str, &str) {
    let end = rest.find('?').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => ("", rest),
    }
}

fn split_query(rest: &str) -> Result<(&str, &str), UriError> {
    if rest.contains('#') {
        return Err(UriError::Fragment);
    }
    match rest.split_once('?') {
        Some((_, query)) if query.contains('@') => Err(UriError::Query),
        Some(parts) => Ok(parts),
        None => Ok((rest, "")),
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn decode(text: &str) -> Result<String, UriError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || (bytes.next()? as char).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(UriError::Escape) };
        decoded.push(u8::try_from(high * 16 + low).map_err(|_| UriError::Escape)?);
    }
    String::from_utf8(decoded).map_err(|_| UriError::Escape)
}

#[cfg(test)]
mod tests;
