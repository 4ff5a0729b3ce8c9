//! `[[rates]]`: how much of what, per what time.

use super::super::commands::selector;
use super::super::tables::{Options, Row, Shown};
use super::super::units::{duration, show_duration, show_size, size};
use super::super::words::Word;
use super::read::listener;
use super::{Rate, RateUnit};
use std::time::Duration;

/// How long a request is held back at most, where nobody says.
const DELAY: Duration = Duration::from_secs(1);
const DELAYS: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(60)];

/// An amount as written, and whether its unit says that it is bytes.
#[derive(Clone, Copy)]
struct Amount {
    count: u64,
    bytes: bool,
}

/// What is done to what is over the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Error,
    Delay,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Enforce,
    Observe,
}

impl Row for Rate {
    const EXAMPLE: &'static str =
        "[{name = \"per-app\", per = \"user\", commands = [\"@read\"], rate = \"100/s\", burst = 200}]";

    fn read(options: &mut Options<'_>) -> Self {
        let name = options.label("name");
        let per = options.word("per");
        let commands = options.checked("commands", selector);
        let (keys, users) = (options.list("keys"), options.list("users"));
        let listeners = options.checked("listeners", listener);
        let (amount, period) = allowance(options);
        let burst = options.read("burst", "a number or a size, at least 1", amount_of);
        let mode: Mode = options.word("mode");
        Self {
            name,
            per,
            commands,
            keys,
            users,
            listeners,
            unit: unit(options, [Some(amount), burst]),
            rate: amount.count,
            period,
            burst: burst.map_or(amount.count, |burst| burst.count),
            enforce: mode == Mode::Enforce,
            delay: delay(options),
        }
    }

    fn key(&self) -> (&'static str, &str) {
        ("name", &self.name)
    }

    fn show(&self, to: &mut Shown) {
        to.text("name", &self.name);
        to.text("per", self.per.name());
        to.list("commands", &self.commands);
        to.list("keys", &self.keys);
        to.list("users", &self.users);
        to.list("listeners", &self.listeners);
        let bytes = self.unit == RateUnit::Bytes;
        let amount = |count: u64| if bytes { show_size(count) } else { count.to_string() };
        let period = show_duration(self.period);
        // `1s` is written `s`; `10s` as it stands.
        let period =
            period.strip_prefix('1').filter(|unit| unit.starts_with(char::is_alphabetic)).unwrap_or(&period);
        to.text("rate", &format!("{}/{period}", amount(self.rate)));
        if bytes {
            to.text("unit", self.unit.name());
        }
        if self.burst != self.rate {
            to.text("burst", &amount(self.burst));
        }
        if !self.enforce {
            to.text("mode", Mode::Observe.name());
        }
        if let Some(delay) = self.delay {
            to.text("action", Action::Delay.name());
            to.text("max_delay", &show_duration(delay));
        }
    }
}

/// `rate`: an amount and the time that brings it.
fn allowance(options: &mut Options<'_>) -> (Amount, Duration) {
    let wrong = (Amount { count: 1, bytes: false }, Duration::from_secs(1));
    if options.needed("rate").is_empty() {
        return wrong;
    }
    let expects = "an amount above 0 per time, such as \"100/s\", \"6000/m\" or \"1MiB/s\" (to let nothing pass is \
        what rules.deny is for)";
    let read = |text: &str| {
        let (amount, period) = text.split_once('/')?;
        Some((amount_of(amount.trim())?, period_of(period.trim())?))
    };
    options.read("rate", expects, read).unwrap_or(wrong)
}

fn amount_of(text: &str) -> Option<Amount> {
    let bytes = !text.bytes().all(|byte| byte.is_ascii_digit());
    size(text).filter(|count| *count > 0).map(|count| Amount { count, bytes })
}

fn period_of(text: &str) -> Option<Duration> {
    let one = if text.starts_with(char::is_alphabetic) { format!("1{text}") } else { text.into() };
    duration(&one, false).filter(|period| !period.is_zero())
}

/// What is counted: what `unit` says, else what the units of the amounts say.
fn unit(options: &mut Options<'_>, amounts: [Option<Amount>; 2]) -> RateUnit {
    let bytes = amounts.into_iter().flatten().any(|amount| amount.bytes);
    let asked: RateUnit = options.word("unit");
    if bytes && asked == RateUnit::Commands && options.is_there("unit") {
        options
            .fault("unit", "is commands, and the amounts are bytes: write unit = \"bytes\" or plain numbers");
    }
    if bytes { RateUnit::Bytes } else { asked }
}

fn delay(options: &mut Options<'_>) -> Option<Duration> {
    let action: Action = options.word("action");
    let fits = |text: &str| duration(text, false).filter(|found| (DELAYS[0]..=DELAYS[1]).contains(found));
    let asked = options.read("max_delay", "a duration with its unit, from 1ms to 1m", fits);
    if action == Action::Delay {
        return Some(asked.unwrap_or(DELAY));
    }
    if options.is_there("max_delay") {
        options.fault("max_delay", "holds nothing back: write action = \"delay\" beside it");
    }
    None
}

impl Word for Action {
    const ALL: &'static [Self] = &[Self::Error, Self::Delay];

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Delay => "delay",
        }
    }
}

impl Word for Mode {
    const ALL: &'static [Self] = &[Self::Enforce, Self::Observe];

    fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}
