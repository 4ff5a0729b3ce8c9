//! Which upstream is meant, and who we are to it, when several settings name it.
//!
//! Flags beat the environment, and that beats the file; within one of them the URI beats the parts,
//! and `NEARSIDE_UPSTREAM` beats `REDIS_URI`, which in a sidecar often names the proxy itself. What the
//! URI leaves out comes from the parts. Where the loser of one source differs, that is a warning.

mod tls;

use super::field::Part;
use super::uri::{self, Uri};
use super::written::{Origin, Problem, Written, quoted};
use super::{Config, Endpoint, Secret, listen};
use std::collections::BTreeMap;

/// The part of [`Config`] that names the upstream, where each of its keys came from, and the findings.
pub(super) struct Resolver<'a> {
    written: &'a [Written],
    pub(super) origins: BTreeMap<&'static str, Origin>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Resolver<'a> {
    /// `written`: every value of every source, lowest precedence first.
    pub(super) fn new(written: &'a [Written]) -> Self {
        Self { written, origins: BTreeMap::new(), problems: Vec::new(), warnings: Vec::new() }
    }

    /// Fills in the upstream of `config`, whose listeners are known already.
    pub(super) fn resolve(&mut self, config: &mut Config) {
        let host = self.part("upstream.host", |text| host(text).ok_or("is not a host name or an address"));
        let port = self.part("upstream.port", |text| {
            text.parse::<u16>().ok().filter(|port| *port > 0).ok_or("is not a port from 1 to 65535")
        });
        let uri = self
            .uri(config)
            .filter(|(_, by)| host.as_ref().is_none_or(|(_, other)| other.layer() <= by.layer()));
        match &uri {
            Some((uri, by)) => {
                self.warn_of_unused_address(uri, by, host.as_ref(), port.as_ref());
                config.upstream.endpoint = uri.endpoint.clone();
                self.address_from(by, by, by);
            }
            None => self.endpoint_of_parts(config, host, port),
        }
        self.tls(config, uri.as_ref());
        self.identity(config, uri);
        self.drop_unusable_identity(config);
    }

    fn address_from(&mut self, uri: &Origin, host: &Origin, port: &Origin) {
        for (key, by) in [("upstream.uri", uri), ("upstream.host", host), ("upstream.port", port)] {
            self.origins.insert(key, by.clone());
        }
    }

    fn endpoint_of_parts(
        &mut self,
        config: &mut Config,
        host: Option<(String, Origin)>,
        port: Option<(u16, Origin)>,
    ) {
        let by = |named: &Option<Origin>| named.clone().unwrap_or_default();
        let (host_by, port_by) = (host.as_ref().map(|h| h.1.clone()), port.as_ref().map(|p| p.1.clone()));
        let Some(named_by) = host_by.as_ref().or(port_by.as_ref()) else { return };
        self.address_from(named_by, &by(&host_by), &by(&port_by));
        config.upstream.origin = named_by.to_string();
        let host = host.map_or_else(|| "localhost".into(), |(host, _)| host);
        config.upstream.endpoint = Endpoint::Tcp { host, port: port.map_or(6379, |(port, _)| port) };
    }

    /// User, password and database: the URI's, else the parts', unless a part is of a higher source.
    fn identity(&mut self, config: &mut Config, uri: Option<(Uri, Origin)>) {
        let username = self.part("upstream.username", |text| Ok::<_, &str>(text.to_string()));
        let password = self.password();
        let database =
            self.part("upstream.database", |text| text.parse::<u32>().map_err(|_| "is not a number from 0"));
        let (uri, by) = uri.map_or((None, Origin::Default), |(uri, by)| (Some(uri), by));
        if uri.is_some() {
            config.upstream.origin = by.to_string();
        }
        let of_uri = |has: bool| has.then(|| by.clone());
        let uri = uri.unwrap_or_else(|| Uri::of(Endpoint::Embedded));
        config.upstream.username =
            self.choose("upstream.username", uri.username.clone(), of_uri(uri.username.is_some()), username);
        config.upstream.password =
            self.choose("upstream.password", uri.password.clone(), of_uri(uri.password.is_some()), password);
        let database =
            self.choose("upstream.database", uri.database, of_uri(uri.database.is_some()), database);
        config.upstream.database = database.unwrap_or(0);
    }

    fn choose<T: PartialEq>(
        &mut self,
        key: &'static str,
        of_uri: Option<T>,
        uri_by: Option<Origin>,
        part: Option<(T, Origin)>,
    ) -> Option<T> {
        match (of_uri.zip(uri_by), part) {
            (Some((value, by)), Some((other, other_by))) if other_by.layer() <= by.layer() => {
                if other_by.layer() == by.layer() && value != other {
                    self.warnings.push(format!("{other_by} differs from what {by} says; {by} wins"));
                }
                self.origins.insert(key, by);
                Some(value)
            }
            (_, Some((value, by))) | (Some((value, by)), None) => {
                self.origins.insert(key, by);
                Some(value)
            }
            (None, None) => None,
        }
    }

    /// A user without a password cannot authenticate, and a server of our own asks for neither.
    fn drop_unusable_identity(&mut self, config: &mut Config) {
        let embedded = config.upstream.endpoint == Endpoint::Embedded;
        if config.upstream.password.is_some() && !embedded {
            return;
        }
        let why = if embedded { "no upstream is configured" } else { "there is no password" };
        for key in ["upstream.username", "upstream.password"] {
            let usual = key == "upstream.username" && config.upstream.username.as_deref() == Some("default");
            if let Some(by) = self.origins.remove(key)
                && !usual
            {
                self.warnings.push(format!("{by} is not used: {why}"));
            }
        }
        (config.upstream.username, config.upstream.password) = (None, None);
    }

    /// The address that wins among the URIs, if there is a good one.
    fn uri(&mut self, config: &Config) -> Option<(Uri, Origin)> {
        let written = self.named("upstream.uri");
        let (winner, losers) = written.split_first()?;
        let read = self.read_uri(winner);
        for loser in losers {
            match (&read, uri::parse(loser.value.verbatim())) {
                (Some(uri), Ok(other)) => self.warn_of_other_uri(config, (uri, winner), (&other, loser)),
                (_, Err(_)) if loser.origin != Origin::Env("REDIS_URI".into()) => _ = self.read_uri(loser),
                _ => {}
            }
        }
        let read = read?;
        if !read.ignored.is_empty() {
            let (by, names) = (&winner.origin, read.ignored.join(", "));
            self.warnings.push(format!("{by}: its options {names} mean nothing here and are ignored"));
        }
        Some((read, winner.origin.clone()))
    }

    fn read_uri(&mut self, written: &Written) -> Option<Uri> {
        let wrong = |error| format!("upstream.uri is not the address of an upstream: {error}");
        match uri::parse(written.value.verbatim()) {
            Ok(uri) => Some(uri),
            Err(error) => {
                self.problems.push(Problem::new(&written.origin, "upstream.uri", wrong(error)));
                None
            }
        }
    }

    /// Two addresses in one source are worth a word, unless the loser names this very proxy: that is
    /// what the application's own setting does in a sidecar.
    fn warn_of_other_uri(&mut self, config: &Config, won: (&Uri, &Written), lost: (&Uri, &Written)) {
        let same_source = won.1.origin.layer() == lost.1.origin.layer();
        let itself = listen::own(&config.listen, &lost.0.endpoint).is_some();
        if same_source && !itself && won.0.endpoint != lost.0.endpoint {
            let (won, lost) = (&won.1.origin, &lost.1.origin);
            self.warnings.push(format!("{won} and {lost} name different upstreams; {won} wins"));
        }
    }

    fn warn_of_unused_address(
        &mut self,
        uri: &Uri,
        by: &Origin,
        host: Option<&(String, Origin)>,
        port: Option<&(u16, Origin)>,
    ) {
        let (same_host, same_port) = match &uri.endpoint {
            Endpoint::Tcp { host: h, port: p } => {
                (host.is_none_or(|(other, _)| other == h), port.is_none_or(|(other, _)| other == p))
            }
            _ => (host.is_none(), port.is_none()),
        };
        let differ = [(same_host, host.map(|h| &h.1)), (same_port, port.map(|p| &p.1))];
        for (same, other) in differ {
            if let Some(other) = other.filter(|other| !same && other.layer() >= by.layer()) {
                self.warnings.push(format!("{other} differs from what {by} says; {by} wins"));
            }
        }
    }

    fn password(&mut self) -> Option<(Secret, Origin)> {
        let found = self.named("upstream.password").into_iter().next()?;
        let text = found.value.verbatim();
        (!text.is_empty()).then(|| (Secret::new(text), found.origin.clone()))
    }

    /// The winning value of one part; whatever is wrong with it or a loser is a problem.
    fn part<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<(T, Origin)> {
        let mut winner = None;
        for written in self.named(key) {
            let text = match written.value.one() {
                Ok("") => continue,
                Ok(text) => text,
                Err(why) => {
                    self.problems.push(Problem::new(&written.origin, key, format!("{key} {why}")));
                    continue;
                }
            };
            match read(text) {
                Ok(value) => {
                    self.origins.entry(key).or_insert_with(|| written.origin.clone());
                    winner.get_or_insert_with(|| (value, written.origin.clone()));
                }
                Err(why) => {
                    let message = format!("{key} {why}, got {}", quoted(text));
                    self.problems.push(Problem::new(&written.origin, key, message));
                }
            }
        }
        winner
    }

    /// What names `key`, highest precedence first.
    fn named(&self, key: &str) -> Vec<&'a Written> {
        self.written.iter().rev().filter(|written| written.key == key).collect()
    }
}

fn host(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')).unwrap_or(text);
    let good = uri::is_host(bare) || bare.parse::<std::net::Ipv6Addr>().is_ok();
    (good && !bare.is_empty()).then(|| bare.to_string())
}

/// What `check` shows for a key that names the upstream, secrets masked.
pub(super) fn shown(config: &Config, part: Part) -> String {
    let up = &config.upstream;
    let tcp = match &up.endpoint {
        Endpoint::Tcp { host, port } => Some((host.clone(), *port)),
        _ => None,
    };
    match part {
        Part::Uri => up.address(),
        Part::Host => tcp.map(|(host, _)| host).unwrap_or_default(),
        Part::Port => tcp.map(|(_, port)| port.to_string()).unwrap_or_default(),
        Part::Username => up.username.clone().unwrap_or_default(),
        Part::Password => up.password.as_ref().map(ToString::to_string).unwrap_or_default(),
        Part::Database => up.database.to_string(),
        _ => tls::shown(&up.tls, part),
    }
}
