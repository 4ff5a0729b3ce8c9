//! From sources to a ready configuration, with every problem of every source at once.

use super::cli::FlagValue;
use super::field::Field;
use super::settle::Settler;
use super::table::{find, settings};
use super::written::{Origin, Problem, Value, Written};
use super::{Admin, Config, Profile, Secret, env, file, machine, nearest, upstream};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Everything a configuration is made from. Nothing else is read.
#[derive(Clone, Default)]
pub struct Sources {
    /// Flags, from [`cli::Flags::values`](super::cli::Flags::values).
    pub flags: Vec<FlagValue>,
    /// Environment variables by name, from [`Sources::variables`].
    pub env: BTreeMap<String, String>,
    /// The configuration file: its path, for messages, and its text.
    pub file: Option<(PathBuf, String)>,
    /// Cores this process may use; `None` asks the system, cgroup quota included.
    pub cores: Option<usize>,
    /// Bytes of memory this process may use; `None` asks the system, cgroup limits included.
    pub memory: Option<u64>,
}

impl Sources {
    /// The variables that are text, for [`Sources::env`]; give it `std::env::vars_os()`.
    pub fn variables(all: impl IntoIterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
        all.into_iter()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
            .collect()
    }
}

/// A ready configuration and how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What was ignored, capped or contradictory; worth a line in the log each.
    pub warnings: Vec<String>,
    /// Every setting in the order of the reference, secrets masked.
    pub settings: Vec<Effective>,
}

/// The effective value of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Its key.
    pub key: &'static str,
    /// Its value as it would be written, masked if it is a secret; empty if it is not set.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// Reads, validates and settles a configuration. Flags beat the environment, that beats the file,
/// that the profile, that the defaults.
///
/// # Errors
/// Everything that is wrong in any source, in the order profile, file, environment, flags.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    let mut loader = Loader::default();
    loader.gather(sources);
    let mut config = Config::default();
    config.admin.listen = Admin::default_listen();
    config.alerts.enabled = true;
    config.embedded.data_dir = data_dir(&sources.env).unwrap_or(config.embedded.data_dir);
    loader.apply(&mut config);
    loader.resolve_upstream(&mut config);
    let cores = sources.cores.unwrap_or_else(machine::available_cores);
    let memory = sources.memory.or_else(machine::available_memory);
    loader.settle(&mut config, cores, memory);
    if loader.problems.is_empty() {
        let settings = loader.effective(&config);
        return Ok(Loaded { config, warnings: loader.warnings, settings });
    }
    loader.problems.sort_by_key(|problem| match &problem.origin {
        Origin::File(_, line) => (problem.origin.layer(), *line),
        other => (other.layer(), 0),
    });
    Err(loader.problems)
}

#[derive(Default)]
struct Loader {
    /// Lowest precedence first, so that the last of a key wins.
    written: Vec<Written>,
    origins: BTreeMap<&'static str, Origin>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Loader {
    fn gather(&mut self, sources: &Sources) {
        if let Some((path, text)) = &sources.file {
            let read = file::read(path, text);
            self.written.extend(read.written);
            self.problems.extend(read.problems);
        }
        let read = env::read(&sources.env);
        self.written.extend(read.written);
        self.problems.extend(read.problems);
        self.warnings.extend(read.warnings);
        for flag in &sources.flags {
            self.flag(flag);
        }
        self.preset();
    }

    fn flag(&mut self, flag: &FlagValue) {
        let origin = Origin::Flag(flag.flag.clone());
        if let Some(setting) = find(&flag.key) {
            self.written.push(Written { key: setting.key, value: flag.value.clone(), origin });
            return;
        }
        let near = nearest::nearest(&flag.key, settings().map(|setting| setting.key));
        let message = match (nearest::directive(&flag.key), near) {
            _ if flag.key.is_empty() => "expects KEY=VALUE".into(),
            (Some(instead), _) => format!("there is no such setting; {instead}"),
            (_, Some(near)) => format!("there is no such setting, did you mean {near}?"),
            _ => "there is no such setting".into(),
        };
        self.problems.push(Problem::new(&origin, &flag.key, message));
    }

    /// Puts what the profile sets below everything that was written.
    fn preset(&mut self) {
        let named = self.written.iter().rev().find(|written| written.key == "profile");
        let Some(profile) = named.and_then(|named| Profile::named(named.value.one().ok()?)) else { return };
        let sets = profile.sets().iter().filter_map(|(key, text)| {
            let value = Value::One((*text).to_string());
            Some(Written { key: find(key)?.key, value, origin: Origin::Profile(profile) })
        });
        self.written.splice(0..0, sets);
    }

    fn apply(&mut self, config: &mut Config) {
        for written in &self.written {
            let Some(setting) = find(written.key) else { continue };
            match setting.field.set(config, &written.value) {
                Ok(()) if matches!(setting.field, Field::Upstream(_)) => {}
                Ok(()) => _ = self.origins.insert(setting.key, written.origin.clone()),
                Err(faults) => {
                    self.problems.extend(faults.into_iter().map(|fault| {
                        let message = format!("{} {}", setting.key, fault.why);
                        Problem::new(&written.origin.at(fault.line), setting.key, message)
                    }));
                }
            }
        }
    }

    fn resolve_upstream(&mut self, config: &mut Config) {
        let mut resolver = upstream::Resolver::new(&self.written);
        resolver.resolve(config);
        self.origins.extend(resolver.origins);
        self.problems.extend(resolver.problems);
        self.warnings.extend(resolver.warnings);
    }

    fn settle(&mut self, config: &mut Config, cores: usize, memory: Option<u64>) {
        let mut settler = Settler {
            origins: &self.origins,
            written: &self.written,
            faulty: self.problems.iter().map(|problem| problem.key.clone()).collect(),
            cores,
            memory,
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        settler.settle(config);
        let Settler { problems, warnings, .. } = settler;
        self.problems.extend(problems);
        self.warnings.extend(warnings);
    }

    fn effective(&self, config: &Config) -> Vec<Effective> {
        let origin = |key| self.origins.get(key).cloned().unwrap_or_default();
        shown(config).map(|(key, value)| Effective { key, value, origin: origin(key) }).collect()
    }
}

/// Every setting of a configuration that no source was read for, in the order of the reference, secrets
/// masked. What differs from the defaults was set by the program.
pub fn effective(config: &Config) -> Vec<Effective> {
    let default = Config::default();
    let one = |((key, value), (_, default)): ((_, String), (_, String))| {
        let origin = if value == default { Origin::Default } else { Origin::Program };
        Effective { key, value, origin }
    };
    shown(config).zip(shown(&default)).map(one).collect()
}

/// Every key with its value, secrets masked.
fn shown(config: &Config) -> impl Iterator<Item = (&'static str, String)> {
    let mut config = config.clone();
    settings().map(move |setting| {
        let value = match setting.field {
            Field::Upstream(part) => upstream::shown(&config, part),
            field => field.show(&mut config),
        };
        debug_assert!(!setting.is_secret() || value.is_empty() || value == Secret::MASK);
        (setting.key, value)
    })
}

/// Where the embedded server's data goes by default, as the XDG rules have it: a relative
/// `$XDG_STATE_HOME` does not count.
fn data_dir(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let directory = |name: &str| env.get(name).map(Path::new).filter(|path| path.is_absolute());
    let state = directory("XDG_STATE_HOME").map(Path::to_path_buf);
    let state = state.or_else(|| directory("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("nearside"))
}
