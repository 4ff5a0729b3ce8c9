//! Who may ask. Pure: headers in, a yes or a refusal out.
//!
//! Three kinds of uninvited guests are kept out. *Other machines*, by a token, or by listening to this one
//! only. *Pages in a browser on this machine*, which can send requests to 127.0.0.1 too: what changes
//! something must not come from another site. *Pages whose own name was made to mean 127.0.0.1* (DNS
//! rebinding): a connection over the loopback must say it means this machine.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use subtle::ConstantTimeEq;

use crate::config::Secret;

/// What anybody may ask: probes send no token, and the page asks for it.
const OPEN: [&str; 5] = ["/", "/health", "/live", "/ready", "/startup"];
/// What the page is made of.
const ASSETS: &str = "/assets/";

/// Whom to let in.
#[derive(Debug)]
pub(super) struct Gate {
    token: Option<Secret>,
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// Over TCP from this machine to itself.
    pub(super) loopback: bool,
}

/// A request, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

/// A refusal: its status and what to do.
pub(super) type Refused = (StatusCode, &'static str);

impl Gate {
    pub(super) fn new(token: Option<Secret>) -> Self {
        Self { token }
    }

    /// Whether the request may be answered.
    pub(super) fn admits(&self, asked: Asked<'_>, came: Came) -> Result<(), Refused> {
        let path = asked.uri.path();
        let shown = self.has_token(asked.headers);
        let open = OPEN.contains(&path) || path.starts_with(ASSETS);
        if self.token.is_some() && !shown && !(open && asked.method.is_safe()) {
            return Err((
                StatusCode::UNAUTHORIZED,
                "show the token of admin.token: Authorization: Bearer TOKEN",
            ));
        }
        // Nobody but whom the token was given to can know it.
        if shown {
            return Ok(());
        }
        if came.loopback && !means_this_machine(asked) {
            return Err((
                StatusCode::MISDIRECTED_REQUEST,
                "Host names another machine: ask for localhost or 127.0.0.1, or set admin.token and show it",
            ));
        }
        if !asked.method.is_safe() && is_from_another_site(asked) {
            return Err((
                StatusCode::FORBIDDEN,
                "this comes from a page of another site: use this one's own page, or curl -X POST",
            ));
        }
        Ok(())
    }

    /// Whether the token is shown. Takes as long for any that is as long.
    fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return false };
        let shown = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let Some((scheme, shown)) = shown.split_at_checked(7) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(shown.ct_eq(token.expose().as_bytes()))
    }
}

/// The name a request was made to, without its port.
fn host<'a>(asked: Asked<'a>) -> Option<&'a str> {
    let host = match asked.headers.get(HOST) {
        Some(value) => value.to_str().ok()?,
        None => return asked.uri.host(),
    };
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    Some(&host[..end])
}

/// A name can be made to mean any address, an address and `localhost` cannot. Who sends no name at all is no
/// browser.
fn means_this_machine(asked: Asked<'_>) -> bool {
    let Some(host) = host(asked) else { return asked.headers.get(HOST).is_none() };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok()
}

/// By the account of the browser, which a page cannot change. What is no browser says nothing.
fn is_from_another_site(asked: Asked<'_>) -> bool {
    if let Some(site) = asked.headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = asked.headers.get(ORIGIN) else { return false };
    let host = asked.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, origin)| !origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Came = Came { loopback: true };
    const REMOTE: Came = Came { loopback: false };

    fn ask(gate: &Gate, came: Came, line: &str, headers: &[(&'static str, &str)]) -> u16 {
        let (method, uri) = line.split_once(' ').expect("a method and a path");
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, value.parse().expect("a value"));
        }
        let (method, uri) = (method.parse().expect("a method"), uri.parse().expect("a path"));
        let asked = Asked { method: &method, uri: &uri, headers: &all };
        gate.admits(asked, came).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn a_token_opens_everything_and_probes_need_none() {
        let gate = Gate::new(Some(Secret::new("s3cret")));
        for path in ["/", "/live", "/ready", "/startup", "/health", "/assets/x.js"] {
            assert_eq!(ask(&gate, REMOTE, &format!("GET {path}"), &[]), 200, "{path}");
            assert_eq!(ask(&gate, REMOTE, &format!("POST {path}"), &[]), 401, "{path}");
        }
        for line in ["GET /metrics", "GET /config", "POST /drain", "GET /assets", "GET //live", "GET /nosuch"]
        {
            assert_eq!(ask(&gate, REMOTE, line, &[]), 401, "{line}");
            for wrong in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "s3cret", "Basic s3cret", "Bearer"] {
                assert_eq!(ask(&gate, REMOTE, line, &[("authorization", wrong)]), 401, "{wrong}");
            }
            assert_eq!(ask(&gate, REMOTE, line, &[("authorization", "bearer s3cret")]), 200, "{line}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_mean_this_machine_opens_nothing() {
        let gate = Gate::new(None);
        for (host, status) in [
            ("localhost:9180", 200),
            ("LOCALHOST", 200),
            ("near.localhost:1", 200),
            ("127.0.0.1:9180", 200),
            ("[::1]:9180", 200),
            ("10.2.3.4:9180", 200),
            ("evil.example:9180", 421),
            ("127.0.0.1.evil.example", 421),
            ("localhost.evil.example", 421),
            ("[::1", 421),
        ] {
            assert_eq!(ask(&gate, LOCAL, "GET /clients", &[("host", host)]), status, "{host}");
            assert_eq!(ask(&gate, REMOTE, "GET /clients", &[("host", host)]), 200, "{host}");
        }
        assert_eq!(ask(&gate, LOCAL, "GET /clients", &[]), 200);
        let shown = [("host", "evil.example"), ("authorization", "Bearer t")];
        assert_eq!(ask(&Gate::new(Some(Secret::new("t"))), LOCAL, "GET /clients", &shown), 200);
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let gate = Gate::new(None);
        let host = ("host", "127.0.0.1:9180");
        for (name, value, status) in [
            ("origin", "http://127.0.0.1:9180", 200),
            ("origin", "https://127.0.0.1:9180", 200),
            ("origin", "http://127.0.0.1:8000", 403),
            ("origin", "http://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            assert_eq!(ask(&gate, LOCAL, "POST /drain", &[host, (name, value)]), status, "{name}: {value}");
            assert_eq!(ask(&gate, LOCAL, "GET /config", &[host, (name, value)]), 200, "{name}: {value}");
        }
        assert_eq!(ask(&gate, LOCAL, "POST /drain", &[host]), 200);
    }
}
