//! How the text of one setting becomes a value of [`Config`], and how that value is shown.

use super::commands::selector;
use super::nearest::nearest;
pub(super) use super::part::Part;
use super::tables::{Fault, TableField};
use super::units::{boolean, duration, show_duration, show_size, size};
use super::words::{Words, either};
use super::written::{MISPLACED, Value, is_secret, quoted};
use super::{CachePattern, CachePolicy};
use super::{Config, Listen, OutputLimits, Profile, Secret};
use super::{admin, listen, output, pattern};
use std::path::PathBuf;
use std::time::Duration;

/// Gives the place of one setting in a configuration.
pub(super) type Place<T> = fn(&mut Config) -> &mut T;

/// Checks a text and gives it back in the form it is kept.
pub(super) type Check = fn(&str) -> Result<String, String>;

/// What a setting holds, its bounds and its place.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Bool(Place<bool>),
    /// A number, least and most.
    Number(Place<u32>, u32, u32),
    /// A count of things this process holds, least and most.
    Count(Place<usize>, usize, usize),
    /// A number that is no size, least and most.
    Long(Place<u64>, u64, u64),
    /// A power of two, least and most.
    Power(Place<u32>, [u32; 2]),
    /// Part of a whole: 0 to 1.
    Share(Place<f64>),
    /// Bytes, at least.
    Size(Place<u64>, u64),
    /// More than zero and needs its unit; bare seconds where the guide's variable has them.
    Wait(Place<Duration>, Bare),
    /// A duration with its unit, least and most.
    Span(Place<Duration>, [Duration; 2]),
    /// A wait that may be 0, which is kept as a day: as good as never, and safe for any timer.
    Interval(Place<Duration>),
    /// Redis's own seconds, in which 0 is never.
    Seconds(Place<Option<Duration>>),
    Path(Place<PathBuf>),
    PathOrNone(Place<Option<PathBuf>>),
    Text(Place<String>, Check),
    /// What is masked wherever it would be shown.
    Secret(Place<Option<Secret>>),
    List(Place<Vec<String>>),
    /// Patterns of keys that take no option.
    Globs(Place<Vec<String>>),
    /// Patterns of keys with their options.
    Patterns(Place<Vec<CachePattern>>),
    /// Commands, subcommands and categories.
    Commands(Place<Vec<String>>),
    /// Addresses, at least so many.
    Listen(Place<Vec<Listen>>, usize),
    /// Tables of a file.
    Tables(&'static dyn TableField),
    /// One of a few words.
    Word(&'static dyn Words),
    Output(Place<OutputLimits>),
    CachePolicy(Place<CachePolicy>),
    Profile(Place<Profile>),
    /// Part of what names the upstream; these are resolved together (`upstream.rs`).
    Upstream(Part),
}

/// Whether a duration without a unit is seconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    Seconds,
    Refused,
}

impl Field {
    /// Reads `value` into its place in `config`. The error says what was expected and never shows
    /// the text of a secret. Parts of the upstream are not read here and give no error.
    pub(super) fn set(self, config: &mut Config, value: &Value) -> Result<(), Vec<Fault>> {
        match self {
            Self::Tables(field) => field.set(config, value),
            // A password may hold anything, and an address is read with it.
            Self::Upstream(Part::Password | Part::Uri) => Ok(()),
            Self::Secret(_) => self.set_texts(config, value).map_err(|why| vec![why.into()]),
            _ if value.texts().iter().any(|text| is_secret(text)) => Err(vec![MISPLACED.to_string().into()]),
            _ => self.set_texts(config, value).map_err(|why| vec![why.into()]),
        }
    }

    fn set_texts(self, config: &mut Config, value: &Value) -> Result<(), String> {
        match self {
            Self::List(place) => *place(config) = value.items().into_iter().map(String::from).collect(),
            Self::Globs(place) => *place(config) = pattern::globs(&value.items())?,
            Self::Patterns(place) => *place(config) = pattern::read(&value.items())?,
            Self::Commands(place) => {
                *place(config) = value.items().into_iter().map(selector).collect::<Result<_, _>>()?;
            }
            Self::Listen(place, least) => *place(config) = read_listen(value, least)?,
            Self::Upstream(_) => {}
            _ => self.set_one(config, value.one()?)?,
        }
        Ok(())
    }

    fn set_one(self, config: &mut Config, text: &str) -> Result<(), String> {
        let wrong = || format!("expects {}, got {}{}", self.expects(), quoted(text), self.hint(text));
        match self {
            Self::Bool(place) => *place(config) = boolean(text).ok_or_else(wrong)?,
            Self::Number(place, least, most) => {
                *place(config) = number(text, least, most).ok_or_else(wrong)?
            }
            Self::Count(place, least, most) => {
                *place(config) = number(text, least, most).ok_or_else(wrong)?
            }
            Self::Long(place, least, most) => *place(config) = number(text, least, most).ok_or_else(wrong)?,
            Self::Power(place, [least, most]) => {
                let read = number(text, least, most).filter(|n| n.is_power_of_two());
                *place(config) = read.ok_or_else(wrong)?;
            }
            Self::Share(place) => *place(config) = number(text, 0.0, 1.0).ok_or_else(wrong)?,
            Self::Size(place, least) => {
                *place(config) = size(text).filter(|n| *n >= least).ok_or_else(wrong)?;
            }
            Self::Wait(place, bare) => {
                let read = duration(text, bare == Bare::Seconds).filter(|d| !d.is_zero());
                *place(config) = read.ok_or_else(wrong)?;
            }
            Self::Span(place, [least, most]) => {
                let read = duration(text, false).filter(|d| (least..=most).contains(d));
                *place(config) = read.ok_or_else(wrong)?;
            }
            Self::Interval(place) => {
                let read = duration(text, true).ok_or_else(wrong)?;
                *place(config) = if read.is_zero() { DAY } else { read };
            }
            Self::Seconds(place) => {
                let read = duration(text, true).ok_or_else(wrong)?;
                *place(config) = (!read.is_zero()).then_some(read);
            }
            Self::Path(place) => *place(config) = path(text).ok_or_else(wrong)?,
            Self::PathOrNone(place) => *place(config) = Some(path(text).ok_or_else(wrong)?),
            Self::Text(place, check) => {
                *place(config) = check(text).map_err(|why| format!("{why}, got {}", quoted(text)))?;
            }
            Self::Secret(place) => *place(config) = admin::token(text)?,
            Self::Output(place) => {
                let base = *place(config);
                *place(config) =
                    output::parse(text, base).map_err(|why| format!("{} {why}", quoted(text)))?;
            }
            Self::Profile(place) => *place(config) = Profile::named(text).ok_or_else(wrong)?,
            Self::CachePolicy(place) => {
                *place(config) = CachePolicy::named(text).map_err(|why| format!("{} {why}", quoted(text)))?;
            }
            Self::Word(words) => words.set(config, text).ok_or_else(wrong)?,
            // Read by those above.
            Self::List(_) | Self::Globs(_) | Self::Patterns(_) | Self::Commands(_) => {}
            Self::Listen(..) | Self::Tables(_) | Self::Upstream(_) => {}
        }
        Ok(())
    }

    /// The word that was most likely meant, for a setting that is one of a few words.
    fn hint(self, text: &str) -> String {
        let words: &[&str] = match self {
            Self::Profile(_) => &Profile::ALL.map(Profile::name),
            Self::Word(words) => &words.all(),
            _ => &[],
        };
        let near = nearest(text, words.iter().copied());
        near.map_or_else(String::new, |near| format!(", did you mean {near}?"))
    }

    /// The value of this setting in `config`, as it is written in a file but without TOML's quotes.
    /// Empty for what is not set, and for the parts of the upstream that need more than one place.
    pub(super) fn show(self, config: &mut Config) -> String {
        match self {
            Self::Bool(place) => place(config).to_string(),
            Self::Number(place, ..) => place(config).to_string(),
            Self::Count(place, ..) => place(config).to_string(),
            Self::Long(place, ..) => place(config).to_string(),
            Self::Power(place, _) => place(config).to_string(),
            Self::Share(place) => place(config).to_string(),
            Self::Size(place, _) => show_size(*place(config)),
            Self::Wait(place, _) | Self::Span(place, _) | Self::Interval(place) => {
                show_duration(*place(config))
            }
            Self::Seconds(place) => show_seconds(*place(config)),
            Self::Path(place) => place(config).display().to_string(),
            Self::PathOrNone(place) => {
                place(config).as_ref().map(|path| path.display().to_string()).unwrap_or_default()
            }
            Self::Text(place, _) => place(config).clone(),
            Self::Secret(place) => place(config).as_ref().map(Secret::to_string).unwrap_or_default(),
            Self::List(place) | Self::Globs(place) | Self::Commands(place) => place(config).join(","),
            Self::Patterns(place) => shown(place(config)).join(","),
            Self::Listen(place, _) => shown(place(config)).join(","),
            Self::Tables(field) => field.show(config),
            Self::Word(words) => words.show(config).into(),
            Self::Output(place) => place(config).to_string(),
            Self::CachePolicy(place) => place(config).name().into(),
            Self::Profile(place) => place(config).name().into(),
            Self::Upstream(Part::Database) => config.upstream.database.to_string(),
            Self::Upstream(Part::Tls) => config.upstream.tls.enabled.to_string(),
            Self::Upstream(Part::CertReqs) => config.upstream.tls.cert_reqs.name().into(),
            Self::Upstream(_) => String::new(),
        }
    }

    /// The items of a list setting, `None` for every other kind.
    pub(super) fn items(self, config: &mut Config) -> Option<Vec<String>> {
        match self {
            Self::List(place) | Self::Globs(place) | Self::Commands(place) => Some(place(config).clone()),
            Self::Patterns(place) => Some(shown(place(config))),
            Self::Listen(place, _) => Some(shown(place(config))),
            _ => None,
        }
    }

    /// What a value must be, for messages and the reference.
    pub(super) fn expects(self) -> String {
        match self {
            Self::Bool(_) => "true or false".into(),
            Self::Number(_, least, most) => between(least, most, u32::MAX),
            Self::Count(_, least, most) => between(least, most, usize::MAX),
            Self::Long(_, least, most) => between(least, most, u64::MAX),
            Self::Power(_, [least, most]) => format!("a power of two from {least} to {most}"),
            Self::Share(_) => "a number from 0 to 1".into(),
            Self::Size(_, 0) => "a size in bytes or such as \"64MiB\"".into(),
            Self::Size(_, least) => format!("a size such as \"64MiB\", at least {}", show_size(least)),
            Self::Wait(_, Bare::Refused) => "a duration above 0 with its unit, such as \"250ms\"".into(),
            Self::Wait(_, Bare::Seconds) => "a duration above 0, such as \"250ms\", or seconds".into(),
            Self::Span(_, [least, most]) => {
                let (least, most) = (show_duration(least), show_duration(most));
                format!("a duration with its unit, from {least} to {most}")
            }
            Self::Interval(_) => "a duration such as \"30s\", or seconds; 0 for never".into(),
            Self::Seconds(_) => "seconds or a duration such as \"5m\"; 0 for never".into(),
            Self::Path(_) | Self::PathOrNone(_) => "a path".into(),
            Self::Text(..) => "a text".into(),
            Self::Secret(_) => "a text without blanks, which is never shown".into(),
            Self::List(_) => "a list of texts".into(),
            Self::Globs(_) => "a list of patterns".into(),
            Self::Patterns(_) => "a list of patterns such as \"api:* max_age=30s\"".into(),
            Self::Commands(_) => "a list of commands, such as FLUSHALL, CONFIG|SET or @dangerous".into(),
            Self::Tables(field) => field.expects(),
            Self::Word(words) => either(&words.all()),
            Self::Listen(..) => "a list of host:port or unix:/path".into(),
            Self::Output(_) => "a text such as \"normal 0 0 0 pubsub 32mb 8mb 60\"".into(),
            Self::CachePolicy(_) => "allkeys-lru or allkeys-lfu".into(),
            Self::Profile(_) => Profile::ALL.map(Profile::name).join(", "),
            Self::Upstream(part) => part.expects().into(),
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn number<T: std::str::FromStr + PartialOrd>(text: &str, least: T, most: T) -> Option<T> {
    text.parse::<T>().ok().filter(|n| *n >= least && *n <= most)
}

fn between<T: std::fmt::Display + PartialEq>(least: T, most: T, unbounded: T) -> String {
    if most == unbounded {
        return format!("a whole number, at least {least}");
    }
    format!("a whole number from {least} to {most}")
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
}

fn show_seconds(wait: Option<Duration>) -> String {
    match wait.unwrap_or_default() {
        whole if whole.subsec_nanos() == 0 => whole.as_secs().to_string(),
        part => show_duration(part),
    }
}

fn shown<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn read_listen(value: &Value, least: usize) -> Result<Vec<Listen>, String> {
    let mut read: Vec<Listen> = Vec::new();
    for item in value.items() {
        let one = listen::parse(item).map_err(|why| format!("{} {why}", quoted(item)))?;
        let free_port = matches!(one, Listen::Tcp(_, 0));
        if read.contains(&one) && !free_port {
            return Err(format!("names {} twice", quoted(item)));
        }
        read.push(one);
    }
    if read.len() < least { Err("expects at least one address".into()) } else { Ok(read) }
}
