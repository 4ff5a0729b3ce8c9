//! Addresses as text, and whether two of them are the same place.

use super::uri::host_port;
use super::{Config, Endpoint, Listen, Upstream};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

impl fmt::Display for Listen {
    /// As it is written in settings: `127.0.0.1:6380`, `[::1]:6380`, `unix:/run/nearside.sock`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write_host_port(f, host, *port),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Endpoint {
    /// Without user, password or database: `redis://host:6379`, `unix:///run/redis.sock`, `embedded`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => {
                f.write_str("redis://")?;
                write_host_port(f, host, *port)
            }
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Embedded => f.write_str("embedded"),
        }
    }
}

fn write_host_port(f: &mut fmt::Formatter<'_>, host: &str, port: u16) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
}

impl Upstream {
    /// Where it is, without user, password or database: as [`Endpoint`] shows it, `rediss://` over TLS.
    pub fn address(&self) -> String {
        let plain = self.endpoint.to_string();
        match plain.strip_prefix("redis://") {
            Some(rest) if self.tls.enabled => format!("rediss://{rest}"),
            _ => plain,
        }
    }
}

impl Config {
    /// The listener this proxy's own upstream literally is, if any: the same Unix path, or the same
    /// port of an address that a listener covers. A name that merely resolves to this machine is not
    /// seen here; the probe at start sees it.
    pub fn upstream_is_own_listener(&self) -> Option<&Listen> {
        let endpoint = &self.upstream.endpoint;
        own(&self.listen, endpoint).or_else(|| own(&self.tls.listen, endpoint))
    }
}

/// The listener that `endpoint` literally is.
pub(super) fn own<'a>(listen: &'a [Listen], endpoint: &Endpoint) -> Option<&'a Listen> {
    listen.iter().find(|listen| match (listen, endpoint) {
        (Listen::Unix(ours), Endpoint::Unix(theirs)) => ours == theirs,
        (Listen::Tcp(ours, port), Endpoint::Tcp { host, port: theirs }) => {
            port == theirs && *port != 0 && reaches(host, ours)
        }
        _ => false,
    })
}

/// Whether dialling `host` arrives at a listener bound to `bound`.
fn reaches(host: &str, bound: &str) -> bool {
    if host.eq_ignore_ascii_case(bound) {
        return true;
    }
    match (address(host), address(bound)) {
        (Some(host), Some(bound)) if bound.is_unspecified() => host.is_loopback() || host.is_unspecified(),
        // Dialling the any-address arrives at the loopback of its family.
        (Some(host), Some(bound)) if host.is_unspecified() => {
            bound.is_loopback() && host.is_ipv4() == bound.is_ipv4()
        }
        (Some(host), Some(bound)) => host == bound,
        _ => false,
    }
}

/// Whether only this machine can connect to a listener. A name counts as another machine's.
pub(super) fn is_local(listen: &Listen) -> bool {
    match listen {
        Listen::Unix(_) => true,
        Listen::Tcp(host, _) => address(host).is_some_and(|ip| ip.is_loopback()),
    }
}

/// The address a text stands for, without asking a resolver.
fn address(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::from([127, 0, 0, 1]));
    }
    host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Reads one listening address: `host:port`, `[v6]:port` or `unix:/path`.
pub(super) fn parse(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path {
            _ if path.contains('\0') => Err("has a NUL byte in its path".into()),
            "" => Err("names no path after unix:".into()),
            _ => Ok(Listen::Unix(PathBuf::from(path))),
        };
    }
    let hint = "write host:port, [v6]:port or unix:/path";
    let (host, port) = host_port(text).ok_or_else(|| format!("has no host that can be one; {hint}"))?;
    let port = port.ok_or_else(|| format!("has no port; {hint}"))?;
    let port = port.parse().map_err(|_| "has a port that is not a number from 0 to 65535".to_string())?;
    match host {
        "" => Err(format!("has no host; {hint} (0.0.0.0 for every IPv4 address)")),
        _ => Ok(Listen::Tcp(host.into(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_shown() {
        for text in ["127.0.0.1:6380", "[::1]:6380", "unix:/run/n.sock", "localhost:0", "0.0.0.0:1"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for bad in
            ["", "6380", ":6380", "h", "h:x", "h:99999", "unix:", "a b:1", "::1:6380", "[::1]", "[::1]x"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_upstream_that_is_one_of_our_listeners_is_seen() {
        let same = |listen: &str, upstream: &str| {
            let endpoint = super::super::uri::parse(upstream).unwrap().endpoint;
            let mut config = Config { listen: vec![parse(listen).unwrap()], ..Config::default() };
            config.upstream.endpoint = endpoint;
            config.upstream_is_own_listener().is_some()
        };
        assert!(same("127.0.0.1:6380", "redis://localhost:6380"));
        assert!(same("localhost:6380", "redis://127.0.0.1:6380/3"));
        assert!(same("0.0.0.0:6380", "redis://127.0.0.1:6380"));
        assert!(same("[::]:6380", "redis://localhost:6380"));
        assert!(same("[::]:6380", "redis://[::1]:6380"));
        assert!(same("127.0.0.1:6380", "redis://0.0.0.0:6380"));
        assert!(same("Redis.local:6380", "redis://redis.LOCAL:6380"));
        assert!(same("unix:/run/a", "unix:///run/a"));
        assert!(!same("127.0.0.1:6380", "redis://localhost:6379"));
        assert!(!same("0.0.0.0:6380", "redis://10.0.0.9:6380"));
        assert!(!same("127.0.0.1:0", "redis://localhost:6379"));
        assert!(!same("unix:/run/a", "unix:///run/b"));
        assert!(!same("unix:/run/a", "embedded"));
        let mut config = Config::default();
        config.tls.listen = vec![parse("0.0.0.0:6381").unwrap()];
        config.upstream.endpoint = super::super::uri::parse("rediss://localhost:6381").unwrap().endpoint;
        assert_eq!(config.upstream_is_own_listener(), config.tls.listen.first());
    }
}
