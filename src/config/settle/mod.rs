//! What only several settings together can say: numbers that bound each other, an upstream that is
//! ourselves.

mod admin;
mod gate;

use super::defaults::{default_cache_memory, default_stamps, default_workers, most_workers};
use super::units::{LONGEST, show_duration, show_size};
use super::written::{Origin, Problem, Written};
use super::{CacheMode, Config, Endpoint, Upstream};
use std::collections::BTreeMap;

/// The last step before a configuration is ready.
pub(super) struct Settler<'a> {
    pub(super) origins: &'a BTreeMap<&'static str, Origin>,
    /// Every value of every source, lowest precedence first.
    pub(super) written: &'a [Written],
    /// Keys with which something is wrong already.
    pub(super) faulty: Vec<String>,
    pub(super) cores: usize,
    /// Bytes this process may use, if anybody knows.
    pub(super) memory: Option<u64>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Settler<'_> {
    pub(super) fn settle(&mut self, config: &mut Config) {
        self.connections(config);
        self.workers(config);
        self.idle(config);
        self.cache(config);
        self.cache_warnings(config);
        self.order(config);
        self.own_listener(config);
        self.gate(config);
        self.admin(config);
        let policy = &config.embedded.maxmemory_policy;
        if config.upstream.endpoint == Endpoint::Embedded && policy.starts_with("allkeys") {
            self.warnings
                .push(format!("{policy} may evict queues and sessions, not only what has an expiry"));
        }
    }

    fn connections(&mut self, config: &mut Config) {
        let asked = config.upstream.max_connections;
        if asked < 2 {
            let by = self.origin("upstream.max_connections");
            self.warnings.push(format!("{by}: {asked} upstream connections are too few; 2 are used"));
            config.upstream.max_connections = 2;
        }
    }

    fn workers(&mut self, config: &mut Config) {
        let budget = config.upstream.max_connections;
        let most = most_workers(budget);
        if !self.origins.contains_key("workers") {
            config.workers = default_workers(self.cores, budget);
        } else if config.workers > most {
            let (by, asked) = (self.origin("workers"), config.workers);
            self.warnings.push(format!(
                "{by}: {asked} workers need {} upstream connections and there are {budget}; {most} are used",
                asked.saturating_mul(2)
            ));
            config.workers = most;
        }
    }

    /// Each worker needs a lane, and one connection stays free for whoever comes.
    fn idle(&mut self, config: &mut Config) {
        let (budget, asked) = (config.upstream.max_connections, config.upstream.min_idle);
        let most = budget.saturating_sub(config.workers + 1);
        if asked > most {
            let by = self.origin("upstream.min_idle");
            self.warnings.push(format!(
                "{by}: {asked} idle connections do not fit into {budget} upstream connections; {most} are used"
            ));
            config.upstream.min_idle = most;
        }
    }

    /// What is not asked for follows the memory there is.
    fn cache(&mut self, config: &mut Config) {
        if !self.origins.contains_key("cache.memory") {
            config.cache.memory = default_cache_memory(self.memory);
        } else if let Some(most) = self.memory.filter(|most| config.cache.memory > *most) {
            let (asked, most) = (show_size(config.cache.memory), show_size(most));
            self.warnings.push(format!(
                "{}: cache.memory ({asked}) is more than this process may use ({most})",
                self.origin("cache.memory")
            ));
        }
        if !self.origins.contains_key("cache.stamps") {
            config.cache.stamps = default_stamps(config.cache.memory);
        }
    }

    /// What would surprise whoever asked for it.
    fn cache_warnings(&mut self, config: &Config) {
        let asked = self.origin("cache.mode");
        if !config.features.cache && config.cache.mode != CacheMode::Off && asked != Origin::Default {
            let (by, mode) = (self.origin("features.cache"), config.cache.mode.name());
            self.warnings
                .push(format!("{by}: there is no near cache, whatever cache.mode = {mode} ({asked}) says"));
        }
        let all = config.cache.include.iter().position(|pattern| pattern.glob == "*");
        if all.is_some_and(|at| at + 1 < config.cache.include.len()) {
            let by = self.origin("cache.include");
            self.warnings
                .push(format!("{by}: cache.include has patterns behind \"*\", which already fits every key"));
        }
    }

    /// Settings that must not pass one another.
    fn order(&mut self, config: &Config) {
        let (limits, up) = (&config.limits, &config.upstream);
        if limits.reply_buffer < limits.large {
            let (less, more) = (show_size(limits.reply_buffer), show_size(limits.large));
            self.below("limits.reply_buffer", &less, "limits.large", &more);
        }
        if limits.memory < limits.reply_buffer {
            let (less, more) = (show_size(limits.memory), show_size(limits.reply_buffer));
            self.below("limits.memory", &less, "limits.reply_buffer", &more);
        }
        if config.cache.memory < config.cache.max_value {
            let (less, more) = (show_size(config.cache.memory), show_size(config.cache.max_value));
            self.below("cache.memory", &less, "cache.max_value", &more);
        }
        if up.reconnect_max < up.reconnect_min {
            let (less, more) = (show_duration(up.reconnect_max), show_duration(up.reconnect_min));
            self.below("upstream.reconnect_max", &less, "upstream.reconnect_min", &more);
        }
    }

    fn below(&mut self, key: &str, value: &str, least_key: &str, least: &str) {
        let named = [key, least_key].into_iter().find(|key| self.origins.contains_key(key)).unwrap_or(key);
        let by = self.origin(named);
        self.problems.push(Problem::new(
            &by,
            named,
            format!("{key} ({value}) is below {least_key} ({least})"),
        ));
    }

    fn own_listener(&mut self, config: &Config) {
        let Some(listen) = config.upstream_is_own_listener().filter(|_| config.enabled) else { return };
        let key = if config.listen.contains(listen) { "listen" } else { "tls.listen" };
        let (by, listen_by) = (self.origin("upstream.uri"), self.origin(key));
        let message = format!(
            "names {}, which is this proxy itself: it listens there ({key} = {listen}, {listen_by}); \
             name the Redis behind it with NEARSIDE_UPSTREAM or --upstream",
            config.upstream.address()
        );
        self.problems.push(Problem::new(&by, "upstream.uri", message));
    }

    fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }
}

impl Upstream {
    /// Shortens waits that an embedder has set so long (`Duration::MAX`) that no clock can hold their end.
    /// What is read from a source is never longer.
    pub(crate) fn bound_waits(&mut self) {
        let waits = [
            &mut self.timeout,
            &mut self.connect_timeout,
            &mut self.socket_timeout,
            &mut self.health_check_interval,
            &mut self.reconnect_min,
            &mut self.reconnect_max,
        ];
        waits.into_iter().for_each(|wait| *wait = LONGEST.min(*wait));
    }
}
