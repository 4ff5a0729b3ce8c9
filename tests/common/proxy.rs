//! Nearside in this process.

use nearside::config::{self, Endpoint, Listen, Sources};
use nearside::{Config, Error, Handle, Options};

use super::{Dir, Place, Talk};

/// A running proxy; stopped when dropped.
#[derive(Debug)]
pub struct Proxy {
    handle: Option<Handle>,
    place: Place,
    _dir: Option<Dir>,
}

/// A configuration for tests: two workers, a TCP port that is picked, this upstream, and no blocked
/// commands: tests empty their servers.
pub fn config(upstream: &Place) -> Config {
    let mut config =
        Config { listen: vec![Listen::Tcp("127.0.0.1".into(), 0)], workers: 2, ..Config::default() };
    config.rules.block.clear();
    config.upstream.endpoint = match upstream {
        Place::Unix(path) => Endpoint::Unix(path.clone()),
        Place::Tcp(addr) => Endpoint::Tcp { host: addr.ip().to_string(), port: addr.port() },
    };
    config.upstream.origin = "the test".into();
    config
}

/// One with the profile that differs least from the server itself.
pub fn transparent(upstream: &Place) -> Config {
    let Place::Unix(path) = upstream else { panic!("servers are on Unix sockets") };
    let mut sources = Sources::default();
    sources.env.insert("NEARSIDE_PROFILE".into(), "transparent".into());
    sources.env.insert("NEARSIDE_UPSTREAM".into(), format!("unix://{}", path.display()));
    let mut config = config::load(&sources).expect("settings that fit").config;
    config.workers = 2;
    config.admin = config::Admin::default();
    config.alerts.enabled = false;
    config
}

impl Proxy {
    /// One that listens as `config` says.
    pub fn start(config: Config) -> Self {
        Self::try_start(config).expect("it starts")
    }

    pub fn try_start(config: Config) -> Result<Self, Error> {
        let handle = nearside::Proxy::start(config, std::env::var_os("PATH"))?;
        Ok(Self::of(handle))
    }

    /// One that is given more than its configuration.
    pub fn start_with(config: Config, options: Options) -> Self {
        Self::of(nearside::Proxy::start_with(config, options).expect("it starts"))
    }

    fn of(handle: Handle) -> Self {
        let place = Place::of(&handle.addresses()[0]);
        Self { handle: Some(handle), place, _dir: None }
    }

    /// One that listens on a Unix socket of its own.
    pub fn start_unix(mut config: Config) -> Self {
        let dir = Dir::new();
        config.listen = vec![Listen::Unix(dir.join("n"))];
        let mut proxy = Self::start(config);
        proxy._dir = Some(dir);
        proxy
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn handle(&self) -> &Handle {
        self.handle.as_ref().expect("it runs")
    }

    pub fn connect(&self) -> Talk {
        Talk::connect(&self.place)
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) {
        self.handle.take().expect("it runs").wait();
    }
}
