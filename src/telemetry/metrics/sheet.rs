//! What one scrape gathers.

use std::collections::{BTreeMap, HashMap};

use super::{Instrument, Kind, Values, instruments};

/// The value of one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Any number.
    Real(f64),
    /// Of a histogram.
    Distribution(Distribution),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Whole(u64::from(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Distribution> for Value {
    fn from(value: Distribution) -> Self {
        Self::Distribution(value)
    }
}

/// How values are distributed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Upper bounds, rising, each with how many values lie between it and the one before.
    pub buckets: Vec<(f64, u64)>,
    /// How many are above the last.
    pub above: u64,
    /// What all together come to.
    pub sum: f64,
}

/// The series of one instrument, by the values of its labels.
pub(super) type Series = BTreeMap<Vec<String>, Value>;

/// What one scrape has gathered. Takes only what is on the list; what it does not take is a fault, which it
/// remembers and which stops nothing.
#[derive(Debug)]
pub struct Sheet {
    places: HashMap<&'static str, usize>,
    pub(super) rows: Vec<(&'static Instrument, Series)>,
    faults: Vec<String>,
}

impl Default for Sheet {
    fn default() -> Self {
        let rows: Vec<_> = instruments().map(|instrument| (instrument, Series::new())).collect();
        let places = rows.iter().enumerate().map(|(at, (instrument, _))| (instrument.name, at)).collect();
        Self { places, rows, faults: Vec::new() }
    }
}

impl Sheet {
    /// The series of instrument `name` with these values of its labels, in the order of the list, has this
    /// value. The last word on each counts.
    pub fn put(&mut self, name: &str, labels: &[&str], value: impl Into<Value>) {
        let value = value.into();
        let taken = match self.places.get(name) {
            None => Err("is not on the list".to_owned()),
            Some(at) => {
                let (instrument, series) = &mut self.rows[*at];
                check(instrument, labels, &value).map(|()| {
                    series.insert(labels.iter().map(|label| (*label).to_owned()).collect(), value);
                })
            }
        };
        if let Err(why) = taken {
            self.faults.push(format!("{name}{labels:?} {why}"));
        }
    }

    /// Of the states that the only label of instrument `name` names, it is `state`: that one is 1, all others
    /// are 0.
    pub fn put_state(&mut self, name: &str, state: &str) {
        let row = self.places.get(name).map(|at| self.rows[*at].0);
        match row.and_then(|row| row.labels.first()).map(|label| label.values) {
            Some(Values::These(states)) if states.contains(&state) => {
                states.iter().for_each(|one| self.put(name, &[one], *one == state));
            }
            _ => self.faults.push(format!("{name}: {state:?} is no state of it")),
        }
    }

    /// An `info` with these labels.
    pub fn put_info(&mut self, name: &str, labels: &[&str]) {
        self.put(name, labels, 1_u64);
    }

    /// What was put and not taken, a line each. Empty, unless there is a mistake in the program.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The instruments that have no series: of those that always have some, a mistake in the program.
    pub fn unfilled(&self) -> impl Iterator<Item = &'static Instrument> {
        self.rows.iter().filter(|(_, series)| series.is_empty()).map(|(instrument, _)| *instrument)
    }

    /// What was put, by instrument and by the values of its labels.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Instrument, &BTreeMap<Vec<String>, Value>)> {
        self.rows.iter().map(|(instrument, series)| (*instrument, series))
    }

    /// How many series there are; a histogram is one.
    pub fn len(&self) -> usize {
        self.rows.iter().map(|(_, series)| series.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of one series.
    pub fn get(&self, name: &str, labels: &[&str]) -> Option<&Value> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        self.rows[*self.places.get(name)?].1.get(&labels)
    }
}

fn check(instrument: &Instrument, labels: &[&str], value: &Value) -> Result<(), String> {
    if labels.len() != instrument.labels.len() {
        return Err(format!("has {} labels", instrument.labels.len()));
    }
    for (label, value) in instrument.labels.iter().zip(labels) {
        if let Values::These(values) = label.values
            && !values.contains(value)
        {
            return Err(format!("{value:?} is no value of {}", label.name));
        }
    }
    let fits = match (instrument.kind, value) {
        (Kind::Histogram, Value::Distribution(_)) | (Kind::Gauge, Value::Whole(_) | Value::Real(_)) => true,
        (Kind::Info, Value::Whole(1)) | (Kind::Counter, Value::Whole(_)) => true,
        (Kind::Counter, Value::Real(value)) => value.is_finite() && *value >= 0.0,
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("has no such value: {value:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_only_what_is_on_the_list() {
        let mut sheet = Sheet::default();
        sheet.put("nearside_clients_limit", &[], 5_u64);
        sheet.put("nearside_cache_misses_total", &["cold"], 7_u64);
        assert_eq!((sheet.len(), sheet.faults()), (2, [].as_slice()));
        assert_eq!(sheet.get("nearside_clients_limit", &[]), Some(&Value::Whole(5)));
        sheet.put("nearside_nobody", &[], 1_u64);
        sheet.put("nearside_clients_limit", &["one"], 1_u64);
        sheet.put("nearside_cache_misses_total", &[], 1_u64);
        sheet.put("nearside_cache_misses_total", &["hostile"], 1_u64);
        sheet.put("nearside_cache_misses_total", &["cold"], f64::NAN);
        sheet.put("nearside_cache_misses_total", &["cold"], -1.0);
        sheet.put("nearside_clients_limit", &[], Distribution::default());
        sheet.put("nearside_build_info", &["x"], 2_u64);
        sheet.put_state("nearside_cache_mode", "hostile");
        sheet.put_state("nearside_clients_limit", "x");
        assert_eq!((sheet.len(), sheet.faults().len()), (2, 10));
    }

    #[test]
    fn of_several_states_one_is() {
        let mut sheet = Sheet::default();
        sheet.put_state("nearside_cache_mode", "ttl");
        let mode = |mode| sheet.get("nearside_cache_mode", &[mode]);
        assert_eq!((mode("ttl"), mode("off")), (Some(&Value::Whole(1)), Some(&Value::Whole(0))));
        assert!(sheet.faults().is_empty());
        assert!(sheet.unfilled().any(|instrument| instrument.name == "nearside_clients_limit"));
    }
}
