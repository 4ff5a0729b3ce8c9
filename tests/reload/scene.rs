//! A server, and a proxy before it whose configuration file is a text in memory.

use std::sync::{Arc, Mutex};

use nearside::config::{self, Loaded, Sources};
use nearside::telemetry::log::{Levels, subscriber};
use nearside::{Options, ReloadError, Reloaded, Source};

use crate::common::{Proxy, Server, Talk};

/// Both, and the file.
pub(crate) struct Scene {
    server: Server,
    pub(crate) proxy: Proxy,
    text: Arc<Mutex<String>>,
}

/// What every file starts with; tests empty their servers, and want no blocked commands.
const HEAD: &str = "listen = [\"127.0.0.1:0\"]\nadmin.listen = \"none\"\nworkers = 2\n";

/// The configuration that `text` makes for the server at `socket`.
pub(crate) fn load(socket: &str, text: &str) -> Result<Loaded, Vec<String>> {
    let mut sources = Sources { cores: Some(2), memory: Some(1 << 30), ..Sources::default() };
    sources.env.insert("NEARSIDE_UPSTREAM".into(), socket.into());
    sources.env.insert("NEARSIDE_ADMIN_LISTEN".into(), "none".into());
    sources.file = Some(("/etc/nearside.toml".into(), format!("{HEAD}{text}")));
    config::load(&sources).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// What a log of ours would be changed by; nothing is logged there.
fn log() -> Option<Levels> {
    let log = config::Log { format: config::LogFormat::Text, level: "info".into(), access_sample: 0.0 };
    // Kept for as long as the test runs: a log that is gone shows nothing that could be changed.
    let (subscriber, levels) = subscriber(&log).expect("a level there is");
    Box::leak(Box::new(subscriber));
    Some(levels)
}

impl Scene {
    /// One whose file has `text` behind what every file has.
    pub(crate) fn new(text: &str) -> Self {
        Self::with(&[], text)
    }

    /// The same with a server that has these settings.
    pub(crate) fn with(args: &[&str], text: &str) -> Self {
        let server = Server::start(args);
        let crate::common::Place::Unix(path) = server.place() else { panic!("it is on a Unix socket") };
        let socket = format!("unix://{}", path.display());
        let text = Arc::new(Mutex::new(text.to_owned()));
        let loaded = load(&socket, &text.lock().unwrap()).expect("a file without mistakes");
        let file = Arc::clone(&text);
        let source = Some(Source::new(move || load(&socket, &file.lock().unwrap())));
        let settings = loaded.settings.clone();
        let options = Options { source, settings, log: log(), ..Options::default() };
        let proxy = Proxy::start_with(loaded.config, options);
        Self { server, proxy, text }
    }

    /// The file has this text from now on, and is read again.
    pub(crate) fn reload(&self, text: &str) -> Result<Reloaded, ReloadError> {
        text.clone_into(&mut self.text.lock().unwrap());
        self.proxy.handle().reload()
    }

    /// The same where nothing is wrong with it.
    pub(crate) fn apply(&self, text: &str) -> Reloaded {
        self.reload(text).expect("nothing is wrong with it")
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<nearside::Config> {
        self.proxy.handle().reloader().config()
    }

    /// The server itself.
    pub(crate) fn server(&self) -> Talk {
        Talk::connect(&self.server.place())
    }

    pub(crate) fn connect(&self) -> Talk {
        self.proxy.connect()
    }

    /// A client that is `user`.
    pub(crate) fn log_in(&self, user: &str, password: &str) -> Talk {
        let mut talk = self.connect();
        assert_eq!(ask(&mut talk, &format!("AUTH {user} {password}")), "+OK\r\n", "{user}");
        talk
    }

    /// A figure of `INFO nearside`.
    pub(crate) fn figure(&self, name: &str) -> String {
        let info = ask(&mut self.connect(), "INFO nearside");
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {info}")).to_owned()
    }
}

pub(crate) fn ask(talk: &mut Talk, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    String::from_utf8_lossy(&talk.ask(&words)).into_owned()
}

/// Whether the proxy has closed the connection.
pub(crate) fn is_closed(talk: &mut Talk) -> bool {
    talk.until_closed().is_empty()
}
