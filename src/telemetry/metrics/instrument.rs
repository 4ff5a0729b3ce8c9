//! What an instrument is.

/// What its value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, from 0 at the start.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many values there were up to each of several bounds, and their sum.
    Histogram,
    /// Always 1; what there is to say is in the labels.
    Info,
}

impl Kind {
    /// What both formats call it; the older one knows no `info`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// What its value is measured in: base units only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things, or yes (1) and no (0).
    None,
    /// Seconds; of points in time since 1970.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share, 0 to 1.
    Ratio,
}

impl Unit {
    /// How names end that are measured in it, before `_total`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
        }
    }
}

/// Which values a label has.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// These.
    These(&'static [&'static str]),
    /// As many as the configuration names; in words.
    Configured(&'static str),
    /// One at a time, which changes seldom; in words.
    One(&'static str),
}

/// A label.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// Something that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    /// Its name, with everything it ends in but what a histogram's parts do.
    pub name: &'static str,
    /// What its value does.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// One sentence.
    pub help: &'static str,
    /// Its labels; each combination is a series.
    pub labels: &'static [Label],
    /// Where it may have no series: in which case it has some. Empty: it always has.
    pub when: &'static str,
}

impl Instrument {
    /// A counter of things.
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Counter, name, help)
    }

    /// A gauge of things.
    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Gauge, name, help)
    }

    /// Something said in labels.
    pub(super) const fn info(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Info, name, help)
    }

    /// A distribution of times.
    pub(super) const fn times(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Histogram, name, help).of(Unit::Seconds)
    }

    const fn new(kind: Kind, name: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit: Unit::None, help, labels: &[], when: "" }
    }

    /// The same, measured in `unit`.
    pub(super) const fn of(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The same with these labels.
    pub(super) const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }

    /// The same, only there in this case.
    pub(super) const fn when(self, when: &'static str) -> Self {
        Self { when, ..self }
    }

    /// What OpenMetrics calls its series together: its name without `_total` or `_info`.
    pub fn family(&self) -> &'static str {
        let end = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.strip_suffix(end).unwrap_or(self.name)
    }
}
