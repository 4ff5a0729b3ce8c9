//! The command line: subcommands and flags. Values stay text here, so that what is wrong with them is
//! reported together with everything else. `main` parses; nothing here reads the arguments.

use super::env::CONFIG_FILE;
use super::nearest::is_name;
use super::written::Value;
use clap::{Args, Parser, Subcommand};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A caching proxy beside Redis or Valkey. Without a subcommand it runs.
#[derive(Clone, Debug, Parser)]
#[command(name = "nearside", version, max_term_width = 100)]
pub struct Cli {
    /// What to do; nothing means [`Command::Run`].
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of every subcommand, accepted before and after it.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the proxy (the default)
    Run,
    /// Validate the configuration and print it with the origin of every value, secrets masked; files of
    /// certificates are read
    Check {
        /// Print a commented nearside.toml with every setting and its default instead
        #[arg(long)]
        reference: bool,
        /// Also connect to the upstream, and say whom that meets or why it fails
        #[arg(long, conflicts_with = "reference")]
        connect: bool,
        /// Print a table of all metrics instead
        #[arg(long, conflicts_with_all = ["reference", "connect"])]
        metrics: bool,
    },
    /// Wait until a proxy answers at the first --listen address
    Wait {
        /// How long to wait, such as 30s
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
        timeout: Duration,
    },
    /// Write the data of Nearside's own server to an RDB file, whether or not a Nearside runs on it; FILE is
    /// replaced by all of it or not at all
    Backup {
        /// Where to; `-` is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make an RDB file the data of Nearside's own server, while no Nearside runs on it; the old data is set
    /// aside in the data directory
    Restore {
        /// Where from; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Settings given as flags, as written. `Debug` shows none of them: any may hold a password.
#[derive(Args, Clone, Default)]
pub struct Flags {
    /// Configuration file (TOML); SIGHUP has a running Nearside read it again
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Defaults to start from: default, transparent, development, staging, production
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Address for clients, HOST:PORT or unix:/path; repeatable [default: 127.0.0.1:6380]
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// The Redis behind: redis://user:pass@host:port/db, unix:///path or embedded [default: embedded]
    #[arg(long, global = true, value_name = "URI", hide_default_value = true)]
    upstream: Option<String>,
    /// Worker threads [default: cores this process may use]
    #[arg(long, global = true, value_name = "N")]
    workers: Option<String>,
    /// Most clients at once [default: 10000]
    #[arg(long, global = true, value_name = "N")]
    maxclients: Option<String>,
    /// Connections to the upstream, all workers together [default: 10]
    #[arg(long, global = true, value_name = "N")]
    max_connections: Option<String>,
    /// The near cache: auto, ttl or off [default: auto]
    #[arg(long, global = true, value_name = "MODE")]
    cache: Option<String>,
    /// What it may take, such as 256MiB [default: an eighth of the memory, 16MiB to 1GiB]
    #[arg(long, global = true, value_name = "SIZE")]
    cache_memory: Option<String>,
    /// How long a stop waits for what is in flight [default: 10s]
    #[arg(long, global = true, value_name = "DURATION")]
    drain_timeout: Option<String>,
    /// How long a stop says so before it stops accepting [default: 0s]
    #[arg(long, global = true, value_name = "DURATION")]
    drain_delay: Option<String>,
    /// Unix socket to take over from the running proxy, and later to hand over [default: no]
    #[arg(long, global = true, value_name = "PATH")]
    takeover: Option<String>,
    /// Address for health, metrics and the dashboard, or none [default: 127.0.0.1:9180]; repeatable
    #[arg(long, global = true, value_name = "ADDRESS")]
    admin_listen: Vec<String>,
    /// Server to start when there is no upstream [default: redis-server or valkey-server]
    #[arg(long, global = true, value_name = "PATH")]
    server: Option<String>,
    /// Data of that server [default: $XDG_STATE_HOME/nearside]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// off, error, warn, info, debug, trace or module=level,... [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Any setting by its key in the file, such as upstream.socket_timeout=2s; repeatable
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValue {
    /// The flag as it was typed, with its dashes, for messages: `--listen`.
    pub flag: String,
    /// The key of the setting.
    pub key: String,
    /// Its value as written.
    pub value: Value,
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Flags {
    /// The settings given, later ones win. `--set` wins over the flag of the same key.
    pub fn values(&self) -> Vec<FlagValue> {
        let own = [
            ("--profile", "profile", &self.profile),
            ("--upstream", "upstream.uri", &self.upstream),
            ("--workers", "workers", &self.workers),
            ("--maxclients", "maxclients", &self.maxclients),
            ("--max-connections", "upstream.max_connections", &self.max_connections),
            ("--cache", "cache.mode", &self.cache),
            ("--cache-memory", "cache.memory", &self.cache_memory),
            ("--drain-timeout", "drain_timeout", &self.drain_timeout),
            ("--drain-delay", "drain_delay", &self.drain_delay),
            ("--takeover", "takeover", &self.takeover),
            ("--server", "embedded.server", &self.server),
            ("--data-dir", "embedded.data_dir", &self.data_dir),
            ("--log-format", "log.format", &self.log_format),
            ("--log-level", "log.level", &self.log_level),
        ];
        let value = |flag: &str, key: &str, value| FlagValue { flag: flag.into(), key: key.into(), value };
        let mut values: Vec<FlagValue> = Vec::new();
        for (flag, key, text) in own {
            values.extend(text.iter().map(|text| value(flag, key, Value::One(text.clone()))));
        }
        for (flag, key, texts) in
            [("--listen", "listen", &self.listen), ("--admin-listen", "admin.listen", &self.admin_listen)]
        {
            if !texts.is_empty() {
                values.push(value(flag, key, Value::Many(texts.clone())));
            }
        }
        for pair in &self.set {
            // Without a name and a `=` the text may be anything, a secret too: it is not repeated.
            let named = pair.split_once('=').filter(|(key, _)| is_name(key.trim()));
            let (key, text) = named.unwrap_or(("", ""));
            values.push(value(&format!("--set {key}"), key.trim(), Value::One(text.into())));
        }
        values
    }

    /// The configuration file to read: `--config`, else what `NEARSIDE_CONFIG` names.
    pub fn config_file(&self, env: &BTreeMap<String, String>) -> Option<PathBuf> {
        let named = || env.get(CONFIG_FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
        self.config.clone().or_else(named)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    super::units::duration(text, true).ok_or_else(|| "expects a duration such as 30s".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(args: &[&str]) -> Cli {
        Cli::try_parse_from(["nearside"].iter().chain(args)).unwrap()
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_table_exists_and_sets_its_key() {
        for setting in super::super::table::settings() {
            let Some(flag) = setting.flag else { continue };
            let values = parse(&[flag, "x"]).flags.values();
            assert_eq!(values.len(), 1, "{flag}");
            assert_eq!((values[0].key.as_str(), values[0].flag.as_str()), (setting.key, flag));
        }
    }

    #[test]
    fn flags_stand_before_or_after_the_subcommand() {
        for args in [["--listen", "a:1", "check"], ["check", "--listen", "a:1"]] {
            let cli = parse(&args);
            assert_eq!(
                cli.command,
                Some(Command::Check { reference: false, connect: false, metrics: false })
            );
            assert_eq!(cli.flags.values()[0].value, Value::Many(vec!["a:1".into()]));
        }
        assert_eq!(parse(&[]).command, None);
        let listens = parse(&["--listen", "a:1", "--listen", "unix:/b"]).flags.values();
        assert_eq!(listens[0].value, Value::Many(vec!["a:1".into(), "unix:/b".into()]));
        let wait = parse(&["wait", "--timeout", "2s"]).command;
        assert_eq!(wait, Some(Command::Wait { timeout: Duration::from_secs(2) }));
        let backup = parse(&["backup", "--data-dir", "/d", "-"]);
        assert_eq!(backup.command, Some(Command::Backup { file: "-".into() }));
    }

    #[test]
    fn no_debug_form_shows_a_secret() {
        let cli = parse(&["--upstream", "redis://:hunter2@h", "--set", "upstream.password=hunter2"]);
        assert!(!format!("{cli:?} {:?}", cli.flags.values()).contains("hunter2"));
    }
}
