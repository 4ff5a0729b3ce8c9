//! Values from environment variables, given as a map: nothing here reads the process environment.
//!
//! Every key can be set as `NEARSIDE_<KEY>`; the guide's `REDIS_*` variables and `ENABLE_REDIS` are in
//! the table. An empty variable is not set, as compose files write it. A `NEARSIDE_*` variable that is
//! no key is a problem; other variables are the application's.

use super::nearest::{directive, nearest};
use super::setting::Setting;
use super::table::settings;
use super::written::{Origin, Problem, Value, Written};
use std::collections::BTreeMap;

/// The variable that names the configuration file; `main` reads it, because the file comes first.
pub const CONFIG_FILE: &str = "NEARSIDE_CONFIG";

/// What was found, a variable that wins behind those it wins over.
#[derive(Default)]
pub(super) struct Read {
    pub(super) written: Vec<Written>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn read(env: &BTreeMap<String, String>) -> Read {
    let mut read = Read::default();
    for setting in settings() {
        read.setting(setting, env);
    }
    read.unknown(env);
    read
}

impl Read {
    fn setting(&mut self, setting: &'static Setting, env: &BTreeMap<String, String>) {
        let mut set: Vec<(String, &str)> = Vec::new();
        for name in setting.env_names() {
            let Some(text) = env.get(&name).filter(|text| !text.trim().is_empty()) else { continue };
            if is_kubernetes_link(&name, text) {
                self.warnings.push(format!(
                    "env {name} is what Kubernetes makes for a service of that name, not a setting; ignored"
                ));
                continue;
            }
            set.push((name, text));
        }
        // Which address wins, and whether that matters, is for the upstream's own rules.
        if setting.key != "upstream.uri" {
            self.warn_of_losers(&set);
        }
        for (name, text) in set.into_iter().rev() {
            let value = Value::One(text.to_string());
            self.written.push(Written { key: setting.key, value, origin: Origin::Env(name) });
        }
    }

    fn warn_of_losers(&mut self, set: &[(String, &str)]) {
        if let [(winner, text), losers @ ..] = set {
            for (loser, _) in losers.iter().filter(|(_, other)| other.trim() != text.trim()) {
                self.warnings.push(format!("env {winner} and env {loser} differ; env {winner} wins"));
            }
        }
    }

    fn unknown(&mut self, env: &BTreeMap<String, String>) {
        let known: Vec<String> = settings().flat_map(Setting::env_names).collect();
        for (name, text) in env.iter().filter(|(name, _)| name.starts_with("NEARSIDE_")) {
            if known.contains(name) || name == CONFIG_FILE || is_service_variable(name, text) {
                continue;
            }
            let hint = match directive(name.trim_start_matches("NEARSIDE_")) {
                Some(instead) => format!("; {instead}"),
                None => nearest(name, known.iter().map(String::as_str))
                    .map_or_else(String::new, |near| format!(", did you mean {near}?")),
            };
            let message = format!("there is no such setting{hint}");
            self.problems.push(Problem::new(&Origin::Env(name.clone()), name, message));
        }
    }
}

/// Kubernetes gives every pod `<SERVICE>_PORT=tcp://...` for each service of its namespace, so a
/// service called `redis` makes a `REDIS_PORT` that is no port.
fn is_kubernetes_link(name: &str, text: &str) -> bool {
    name.ends_with("_PORT") && (text.starts_with("tcp://") || text.starts_with("udp://"))
}

/// The other variables Kubernetes makes for a service whose name begins with `nearside`.
fn is_service_variable(name: &str, text: &str) -> bool {
    is_kubernetes_link(name, text)
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP")))
}
