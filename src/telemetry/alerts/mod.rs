//! Of what a proxy warns. Pure: figures and moments in, warnings out; it reads no clock.
//!
//! Each rule looks at figures at a moment or at their growth over a window ([`sample`]), and says what it
//! finds, or that there is nothing to judge ([`rules`]). What it finds wrong is pending until it has been so
//! for `alerts.hold`, then it fires; it ends when it has been right by a margin for as long, or there has
//! been nothing to judge. So nothing is said of the first window, of a handful of commands, of a cache that
//! is still filling, or of what swings about its threshold.

mod rules;
mod sample;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;

use crate::config;
use rules::{Facts, Finding, RULES, Rule};
pub use sample::{Counts, Sample, Upstream};
use sample::{Evictions, Series};

/// Where a warning stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is wrong, or there is nothing to judge.
    Ok,
    /// Something is wrong, not for long enough to be said.
    Pending,
    /// It is said.
    Firing,
}

impl State {
    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One rule and what it has found last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The rule.
    pub name: &'static str,
    /// Where it stands.
    pub state: State,
    /// What was measured; `None`: there is nothing to judge, or nobody wants it judged.
    pub value: Option<f64>,
    /// What that is held against, in the same unit: a share, keys per second, seconds, days or a count.
    pub threshold: Option<f64>,
    /// When the state was entered: Unix time, seconds.
    pub since: f64,
    /// What was found, in words; empty if nothing was.
    pub text: String,
}

/// A warning that begins or ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its rule.
    pub name: &'static str,
    /// It begins.
    pub begins: bool,
    /// What was found, in words.
    pub text: String,
}

/// All rules, and what they have found so far.
#[derive(Debug)]
pub struct Alerts {
    series: Series,
    evictions: Evictions,
    stands: Vec<Stand>,
    /// Since when commands of every worker get through without a break.
    through: Option<Duration>,
}

/// Where one rule stands.
#[derive(Debug)]
struct Stand {
    state: State,
    since: Duration,
    /// Since when what fires has been right, by a margin, or could not be judged.
    right: Option<Duration>,
    found: Option<Finding>,
}

impl Default for Alerts {
    fn default() -> Self {
        let stand = |_: &Rule| Stand { state: State::Ok, since: Duration::ZERO, right: None, found: None };
        Self {
            series: Series::default(),
            evictions: Evictions::default(),
            stands: RULES.iter().map(stand).collect(),
            through: None,
        }
    }
}

impl Alerts {
    /// The names of all rules.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RULES.iter().map(|rule| rule.name)
    }

    /// Looks at `sample`, taken `now`: so long after the proxy's start, and never earlier than the one before.
    /// To be called about once a second. Answers what begins and what ends.
    pub fn look(&mut self, now: Duration, settings: &config::Alerts, sample: &Sample) -> Vec<Change> {
        match sample.cut_off {
            (0, _) => _ = self.through.get_or_insert(now),
            _ => self.through = None,
        }
        let evictions = self.evictions.look(sample.upstream.map(|upstream| upstream.evicted));
        let growth = self.series.look(now, sample.counts, evictions, settings.window);
        let settled = self.through.is_some_and(|since| now.saturating_sub(since) >= settings.window * 2);
        let facts = Facts { settings, sample, growth, settled };
        let each = RULES.iter().zip(&mut self.stands);
        each.filter_map(|(rule, stand)| stand.look(rule, (rule.find)(&facts), now, settings)).collect()
    }

    /// Nobody wants to be warned any more: nothing fires, and what is remembered is forgotten. Answers what
    /// ends.
    pub fn silence(&mut self, now: Duration) -> Vec<Change> {
        self.series.clear();
        self.through = None;
        let each = RULES.iter().zip(&mut self.stands);
        let changes = each.filter_map(|(rule, stand)| {
            let change = stand.is_firing().then(|| Change {
                name: rule.name,
                begins: false,
                text: "alerts are switched off".into(),
            });
            *stand = Stand { state: State::Ok, since: now, right: None, found: None };
            change
        });
        changes.collect()
    }

    /// Every rule and what it has found last. `start`: the proxy's start, since 1970.
    pub fn list(&self, start: Duration) -> Vec<Alert> {
        let each = RULES.iter().zip(&self.stands);
        let show = each.map(|(rule, stand)| Alert {
            name: rule.name,
            state: stand.state,
            value: stand.found.as_ref().map(|found| found.value),
            threshold: stand.found.as_ref().map(|found| found.threshold),
            since: (start + stand.since).as_secs_f64(),
            text: stand.found.as_ref().map(|found| found.text.clone()).unwrap_or_default(),
        });
        show.collect()
    }
}

impl Stand {
    fn is_firing(&self) -> bool {
        self.state == State::Firing
    }

    fn enter(&mut self, state: State, now: Duration) {
        (self.state, self.since, self.right) = (state, now, None);
    }

    fn look(
        &mut self,
        rule: &Rule,
        found: Option<Finding>,
        now: Duration,
        settings: &config::Alerts,
    ) -> Option<Change> {
        let wrong = found.as_ref().is_some_and(Finding::is_wrong);
        let right = found.as_ref().is_none_or(Finding::is_right);
        self.found = found;
        if self.state == State::Ok && wrong {
            self.enter(State::Pending, now);
        }
        if self.state == State::Pending && !wrong {
            self.enter(State::Ok, now);
        }
        if self.state == State::Pending && now.saturating_sub(self.since) >= rule.hold(settings) {
            self.enter(State::Firing, now);
            return Some(self.change(rule, true));
        }
        if self.is_firing() {
            self.right = if right { self.right.or(Some(now)) } else { None };
            if self.right.is_some_and(|since| now.saturating_sub(since) >= rule.hold(settings)) {
                self.enter(State::Ok, now);
                return Some(self.change(rule, false));
            }
        }
        None
    }

    fn change(&self, rule: &Rule, begins: bool) -> Change {
        let text = self.found.as_ref().map_or("there is nothing to judge any more", |found| &found.text);
        Change { name: rule.name, begins, text: text.to_owned() }
    }
}
