//! What happened lately: a sample for each of the last 120 seconds, and one for every ten of the last 30
//! minutes. For charts that are not empty when somebody opens them.
//!
//! Pure: whoever looks once a second hands in what has been counted so far ([`Totals`]) and when. It is
//! bounded whatever happens: 300 samples, and the counts of one minute's marks.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::meters::Latency;

/// Samples of one second each.
const FINE: usize = 120;
/// Samples of ten seconds each.
const COARSE: usize = 180;
/// What a sample of the second kind spans.
const STEP: Duration = Duration::from_secs(10);
/// Marks, one a step: what is said of the last minute is what has been counted since the oldest.
const MARKS: usize = 7;

/// Which list a counter with a name of its own stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// Reads that were not answered from memory, by reason.
    Misses,
    /// Errors clients got, by cause.
    Errors,
    /// What rules, rates and limits have refused or held back.
    Limits,
}

/// What has been counted since the proxy's start.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Requests.
    pub commands: u64,
    /// Errors clients got.
    pub errors: u64,
    /// Requests that a rule, a right or a rate refused.
    pub denied: u64,
    /// Reads the upstream was spared.
    pub hits: u64,
    /// Reads that could have been answered from memory and were not.
    pub misses: u64,
    /// How long requests took.
    pub latency: Latency,
    /// The upstream's part of it.
    pub upstream: Latency,
    /// Counters with names, of which there are as many as the configuration has rules and rates.
    pub named: BTreeMap<(List, String), u64>,
}

/// A counter with a name, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// What is counted.
    pub name: String,
    /// Since the proxy's start.
    pub count: u64,
    /// Per second, in the last minute.
    pub per_second: f64,
}

/// How long commands took on average in the last minute, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// From when a request was read to when its reply was put for the client.
    pub mean: f64,
    /// The upstream's part of that.
    pub upstream_mean: f64,
}

macro_rules! samples {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty,)+) => {
        /// What happened in a second, or in ten; rates are per second, durations in seconds.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
        pub struct Sample { $($(#[doc = $doc])+ pub $name: $kind,)+ }

        /// Samples, the oldest first: a list for each of their fields.
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct Columns { $($(#[doc = $doc])+ pub $name: Vec<$kind>,)+ }

        impl Columns {
            fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Self {
                let mut columns = Self::default();
                samples.for_each(|sample| { $(columns.$name.push(sample.$name);)+ });
                columns
            }
        }
    };
}

samples! {
    /// When it ended, seconds since 1970.
    time: f64,
    /// Requests.
    commands: f64,
    /// Reads the upstream was spared.
    hits: f64,
    /// The share those are of all that could have been; `None`: there were none.
    hit_ratio: Option<f64>,
    /// Errors clients got.
    errors: f64,
    /// Requests that a rule, a right or a rate refused.
    denied: f64,
    /// What half of all requests took at most; `None`: there were none.
    p50: Option<f64>,
    /// What 99 of 100 took at most.
    p99: Option<f64>,
    /// The same of the upstream's part, among those that went there.
    upstream_p99: Option<f64>,
}

/// Both kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rings {
    /// One a second.
    pub fine: Columns,
    /// One for ten seconds.
    pub coarse: Columns,
}

/// What happened lately.
#[derive(Debug, Default)]
pub struct History {
    fine: VecDeque<Sample>,
    coarse: VecDeque<Sample>,
    last: Option<(Instant, Totals)>,
    marks: VecDeque<(Instant, Totals)>,
}

impl History {
    /// Takes in what has been counted by `now`, which is `unix` seconds after 1970. To be called once a
    /// second; two calls in the same tenth of one count as one.
    pub fn look(&mut self, now: Instant, unix: f64, totals: Totals) {
        let since = |then: Instant| now.saturating_duration_since(then);
        let Some((then, before)) = &self.last else {
            self.marks.push_back((now, totals.clone()));
            self.last = Some((now, totals));
            return;
        };
        if since(*then) < Duration::from_millis(100) {
            return;
        }
        push(&mut self.fine, FINE, sample(unix, since(*then), &totals, before));
        if let Some((mark, before)) = self.marks.back()
            && since(*mark) + Duration::from_millis(500) >= STEP
        {
            push(&mut self.coarse, COARSE, sample(unix, since(*mark), &totals, before));
            push(&mut self.marks, MARKS, (now, totals.clone()));
        }
        self.last = Some((now, totals));
    }

    /// What was handed in last.
    pub fn totals(&self) -> Option<&Totals> {
        self.last.as_ref().map(|(_, totals)| totals)
    }

    /// The newest sample of a second.
    pub fn now(&self) -> Option<Sample> {
        self.fine.back().copied()
    }

    /// The newest of ten.
    pub fn recent(&self) -> Option<Sample> {
        self.coarse.back().copied()
    }

    /// Everything there is.
    pub fn rings(&self) -> Rings {
        Rings { fine: Columns::of(self.fine.iter()), coarse: Columns::of(self.coarse.iter()) }
    }

    /// What commands took on average in the last minute; `None`: there were none.
    pub fn mean(&self) -> Option<Mean> {
        let ((_, old), (_, new)) = (self.marks.front()?, self.last.as_ref()?);
        let (all, upstream) = (new.latency.since(&old.latency), new.upstream.since(&old.upstream));
        let mean = |sum: u64| rounded(sum as f64 / all.count() as f64 / 1e9, 1e7);
        (all.count() > 0).then(|| Mean { mean: mean(all.sum_ns), upstream_mean: mean(upstream.sum_ns) })
    }

    /// The counters of a list that have counted anything, those that count most lately first.
    pub fn counted(&self, list: List) -> Vec<Counted> {
        let (Some((then, old)), Some((now, new))) = (self.marks.front(), self.last.as_ref()) else {
            return Vec::new();
        };
        let seconds = now.saturating_duration_since(*then).as_secs_f64().max(1.0);
        let counts = new.named.iter().filter(|((its, _), count)| *its == list && **count > 0);
        let show = |((_, name), count): (&(List, String), &u64)| Counted {
            name: name.clone(),
            count: *count,
            per_second: {
                let before = old.named.get(&(list, name.clone())).copied().unwrap_or(0);
                rounded(count.saturating_sub(before) as f64 / seconds, 100.0)
            },
        };
        let mut all: Vec<Counted> = counts.map(show).collect();
        all.sort_by(|a, b| b.per_second.total_cmp(&a.per_second).then(b.count.cmp(&a.count)));
        all
    }
}

/// Adds to the end and lets go of what is too much at the front.
fn push<T>(ring: &mut VecDeque<T>, most: usize, item: T) {
    ring.push_back(item);
    ring.drain(..ring.len().saturating_sub(most));
}

fn sample(unix: f64, span: Duration, new: &Totals, old: &Totals) -> Sample {
    let per_second = |new: u64, old: u64| rounded(new.saturating_sub(old) as f64 / span.as_secs_f64(), 100.0);
    let (hits, misses) = (new.hits.saturating_sub(old.hits), new.misses.saturating_sub(old.misses));
    let reads = hits + misses;
    let (latency, upstream) = (new.latency.since(&old.latency), new.upstream.since(&old.upstream));
    let quantile = |of: &Latency, q| of.quantile(q).map(|took| rounded(took.as_secs_f64(), 1e7));
    Sample {
        time: rounded(unix, 1e3),
        commands: per_second(new.commands, old.commands),
        hits: per_second(new.hits, old.hits),
        hit_ratio: (reads > 0).then(|| rounded(hits as f64 / reads as f64, 1e4)),
        errors: per_second(new.errors, old.errors),
        denied: per_second(new.denied, old.denied),
        p50: quantile(&latency, 0.5),
        p99: quantile(&latency, 0.99),
        upstream_p99: quantile(&upstream, 0.99),
    }
}

/// `value` to so many parts of one: nobody reads more, and it is sent every second.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy that has served so many commands for `second` seconds, half of them hits.
    fn totals(commands: u64) -> Totals {
        let named = BTreeMap::from([
            ((List::Errors, "ERR".into()), commands / 10),
            ((List::Misses, "cold".into()), 0),
        ]);
        let mut latency = Latency::default();
        (latency.buckets[0], latency.sum_ns) = (commands, commands * 40_000);
        Totals { commands, hits: commands / 2, misses: commands / 2, latency, named, ..Totals::default() }
    }

    fn run(seconds: u64, each: u64) -> (History, Instant) {
        let (mut history, start) = (History::default(), Instant::now());
        for second in 0..=seconds {
            let now = start + Duration::from_secs(second);
            history.look(now, 1e9 + second as f64, totals(second * each));
        }
        (history, start)
    }

    #[test]
    fn rates_are_those_between_two_looks() {
        let (mut history, start) = run(3, 100);
        let now = history.now().unwrap();
        assert_eq!((now.time, now.commands, now.hits, now.hit_ratio), (1e9 + 3.0, 100.0, 50.0, Some(0.5)));
        assert!(now.p99.unwrap() > 0.0 && now.p99.unwrap() <= 50e-6 && now.upstream_p99.is_none());
        // Two seconds pass in which nobody looks, and a look that comes too soon is not one.
        history.look(start + Duration::from_secs(5), 1e9 + 5.0, totals(300));
        history.look(start + Duration::from_millis(5050), 1e9 + 5.05, totals(9999));
        let now = history.now().unwrap();
        assert_eq!((now.commands, now.hit_ratio, now.p50), (0.0, None, None));
        assert_eq!(history.rings().fine.time.len(), 4);
    }

    #[test]
    fn it_holds_two_minutes_and_half_an_hour_and_no_more() {
        let (history, _) = run(4000, 10);
        let Rings { fine, coarse } = history.rings();
        assert_eq!((fine.time.len(), coarse.time.len()), (FINE, COARSE));
        assert_eq!((fine.time[0], fine.time[FINE - 1]), (1e9 + 3881.0, 1e9 + 4000.0));
        assert_eq!((coarse.time[0], coarse.time[COARSE - 1]), (1e9 + 2210.0, 1e9 + 4000.0));
        assert!(coarse.commands.iter().all(|rate| *rate == 10.0));
        assert!(history.marks.len() <= MARKS);
    }

    #[test]
    fn named_counters_say_what_they_counted_in_the_last_minute() {
        let (history, _) = run(120, 100);
        let errors = history.counted(List::Errors);
        assert_eq!(errors, [Counted { name: "ERR".into(), count: 1200, per_second: 10.0 }]);
        assert!(history.counted(List::Misses).is_empty() && history.counted(List::Limits).is_empty());
        let mean = history.mean().unwrap();
        assert_eq!((mean.mean, mean.upstream_mean), (40e-6, 0.0));
        assert!(History::default().mean().is_none() && History::default().counted(List::Errors).is_empty());
    }

    #[test]
    fn what_has_not_happened_is_null_for_the_page() {
        let (history, _) = run(1, 0);
        let text = serde_json::to_string(&history.rings()).unwrap();
        assert!(text.contains(r#""hit_ratio":[null]"#) && text.contains(r#""commands":[0.0]"#), "{text}");
    }
}
