//! The rules: what each looks at, and when it calls that wrong.

use std::time::Duration;

use super::sample::{Growth, Sample};
use crate::config::Alerts;

/// What a rule finds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    /// What it has measured, in the unit of `threshold`.
    pub(super) value: f64,
    /// What that is held against.
    pub(super) threshold: f64,
    /// From where on it is right again: a little away from the threshold, so that what swings about that does
    /// not come and go.
    pub(super) right: f64,
    /// It is wrong to be below the threshold, not above.
    pub(super) below: bool,
    /// In words.
    pub(super) text: String,
}

impl Finding {
    fn above(value: f64, threshold: f64, text: String) -> Self {
        Self { value, threshold, right: threshold * 0.95, below: false, text }
    }

    /// Whether it is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        if self.below { self.value < self.threshold } else { self.value > self.threshold }
    }

    /// Whether it is right, and not only just.
    pub(super) fn is_right(&self) -> bool {
        if self.below { self.value >= self.right } else { self.value <= self.right }
    }
}

/// What rules look at.
pub(super) struct Facts<'a> {
    pub(super) settings: &'a Alerts,
    pub(super) sample: &'a Sample,
    pub(super) growth: Growth,
    /// Commands have got through for two windows or longer: a cache had time to fill.
    pub(super) settled: bool,
}

/// How soon what a rule finds wrong is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soon {
    /// After `alerts.hold`.
    Held,
    /// After five seconds, or `alerts.hold` if that is shorter.
    Quick,
    /// At once.
    Now,
}

/// One rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) soon: Soon,
    /// What it finds; `None`: there is nothing to judge, or nobody wants it judged.
    pub(super) find: fn(&Facts<'_>) -> Option<Finding>,
}

const QUICK: Duration = Duration::from_secs(5);

impl Rule {
    /// How long what it finds must be wrong before it is said.
    pub(super) fn hold(&self, settings: &Alerts) -> Duration {
        match self.soon {
            Soon::Held => settings.hold,
            Soon::Quick => settings.hold.min(QUICK),
            Soon::Now => Duration::ZERO,
        }
    }
}

/// All of them, in the order in which they are shown.
pub(super) const RULES: &[Rule] = &[
    Rule { name: "upstream_down", soon: Soon::Quick, find: upstream_down },
    Rule { name: "memory", soon: Soon::Held, find: memory },
    Rule { name: "clients", soon: Soon::Held, find: clients },
    Rule { name: "upstream_clients", soon: Soon::Held, find: upstream_clients },
    Rule { name: "upstream_connections", soon: Soon::Held, find: upstream_connections },
    Rule { name: "latency", soon: Soon::Held, find: latency },
    Rule { name: "error_rate", soon: Soon::Held, find: error_rate },
    Rule { name: "hit_rate", soon: Soon::Held, find: hit_rate },
    Rule { name: "certificate", soon: Soon::Now, find: certificate },
    Rule { name: "cache_mismatch", soon: Soon::Now, find: cache_mismatch },
    Rule { name: "reload", soon: Soon::Now, find: reload },
];

#[allow(clippy::cast_precision_loss)] // they are shown with three digits
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn upstream_down(facts: &Facts<'_>) -> Option<Finding> {
    let (cut_off, workers) = facts.sample.cut_off;
    let why = facts.sample.why.as_deref().unwrap_or("no reason is known");
    let text = match cut_off {
        0 => "commands get through to the upstream".into(),
        _ => format!("commands of {cut_off} of {workers} workers do not get through to the upstream: {why}"),
    };
    Some(Finding::above(share(cut_off, 1), 0.0, text))
}

fn memory(facts: &Facts<'_>) -> Option<Finding> {
    let (settings, upstream) = (facts.settings, facts.sample.upstream?);
    if upstream.maxmemory == 0 {
        return None;
    }
    let used = share(upstream.memory, upstream.maxmemory);
    if !upstream.evicts {
        let text = format!(
            "the upstream uses {} of its maxmemory and evicts nothing: writes fail when that is full",
            percent(used)
        );
        return (settings.memory > 0.0).then(|| Finding::above(used, settings.memory, text));
    }
    if settings.evictions == 0 || !facts.growth.whole {
        return None;
    }
    let rate = share(facts.growth.evictions, 1) / facts.growth.over.as_secs_f64();
    let text =
        format!("the upstream evicts {rate:.1} keys per second (it uses {} of its maxmemory)", percent(used));
    Some(Finding::above(rate, f64::from(settings.evictions), text))
}

/// `used` of `most` connections, against the one threshold for all of them.
fn connections(facts: &Facts<'_>, (used, most): (u64, u64), of: &str) -> Option<Finding> {
    let threshold = facts.settings.connections;
    if most == 0 || threshold <= 0.0 {
        return None;
    }
    let text = format!("{used} of {most} {of}");
    Some(Finding::above(share(used, most), threshold, text))
}

fn clients(facts: &Facts<'_>) -> Option<Finding> {
    connections(facts, facts.sample.clients, "clients are connected to Nearside (maxclients)")
}

fn upstream_clients(facts: &Facts<'_>) -> Option<Finding> {
    let upstream = facts.sample.upstream?;
    let of = "clients are connected to the upstream (its maxclients)";
    connections(facts, (upstream.clients, upstream.maxclients), of)
}

/// All in use is what a small pool is for; it is wrong when somebody waits.
fn upstream_connections(facts: &Facts<'_>) -> Option<Finding> {
    let (used, most, waiting) = facts.sample.connections;
    let of = format!(
        "upstream connections are in use (upstream.max_connections), and {waiting} clients wait for one"
    );
    let found = connections(facts, (used, most), &of)?;
    let value = if waiting > 0 { found.value } else { 0.0 };
    Some(Finding { value, ..found })
}

fn latency(facts: &Facts<'_>) -> Option<Finding> {
    let (settings, counts) = (facts.settings, facts.growth.counts);
    if settings.latency.is_zero() || !facts.growth.whole || counts.timed < settings.least_commands.into() {
        return None;
    }
    let mean = share(counts.nanos, counts.timed) / 1e9;
    let text = format!("commands take {:.1} ms on average", mean * 1e3);
    Some(Finding::above(mean, settings.latency.as_secs_f64(), text))
}

fn error_rate(facts: &Facts<'_>) -> Option<Finding> {
    let (settings, counts) = (facts.settings, facts.growth.counts);
    if settings.error_rate <= 0.0 || !facts.growth.whole || counts.commands < settings.least_commands.into() {
        return None;
    }
    let rate = share(counts.errors, counts.commands);
    let text = format!("{} of commands fail ({} of {})", percent(rate), counts.errors, counts.commands);
    Some(Finding::above(rate, settings.error_rate, text))
}

fn hit_rate(facts: &Facts<'_>) -> Option<Finding> {
    let (settings, counts) = (facts.settings, facts.growth.counts);
    let judged = facts.sample.cache_on && facts.settled && facts.growth.whole;
    if settings.hit_rate <= 0.0 || !judged || counts.reads < settings.least_reads.into() {
        return None;
    }
    let value = share(counts.hits, counts.reads);
    let text = format!("{} of {} cacheable reads are answered from memory", percent(value), counts.reads);
    let threshold = settings.hit_rate;
    let right = (threshold * 1.05).min(f64::midpoint(threshold, 1.0));
    Some(Finding { value, threshold, right, below: true, text })
}

fn certificate(facts: &Facts<'_>) -> Option<Finding> {
    let within = facts.settings.certificate;
    let (whose, left) = facts.sample.certificate.as_ref().filter(|_| !within.is_zero())?;
    let text = match *left {
        left if left < 0 => format!("the certificate {whose} has expired"),
        _ => format!("the certificate {whose} expires in {left} days"),
    };
    #[allow(clippy::cast_precision_loss)] // days
    let days = *left as f64;
    let threshold = within.as_secs_f64() / 86_400.0;
    Some(Finding { value: days, threshold, right: threshold, below: true, text })
}

fn cache_mismatch(facts: &Facts<'_>) -> Option<Finding> {
    let count = facts.growth.counts.mismatches;
    let text = match count {
        0 => "no answer from memory was found to differ from the upstream's".into(),
        _ => format!("{count} answers from memory differed from the upstream's (cache.verify)"),
    };
    Some(Finding::above(share(count, 1), 0.0, text))
}

fn reload(facts: &Facts<'_>) -> Option<Finding> {
    let why = facts.sample.reload_refused.as_deref();
    let text = match why {
        None => "the configuration in force is the one that was read last".into(),
        Some(why) => format!("the last reload was refused, the former configuration holds: {why}"),
    };
    Some(Finding::above(f64::from(u8::from(why.is_some())), 0.0, text))
}
