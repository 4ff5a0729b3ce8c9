//! Which clients a `CLIENT LIST` or `CLIENT KILL` means: the options of all servers together. The
//! upstream is asked first and refuses those it does not know; see [`super::super::nod`].

use std::sync::Arc;
use std::time::Instant;

use super::card::{Card, Flag};
use super::line::Dialect;
use crate::resp::request::Args;
use crate::session::local::integer;

/// One option and the value a client must have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Test {
    /// Its name in capitals, without `NOT-`.
    name: &'static str,
    /// The client must not have it.
    not: bool,
    value: String,
}

/// Options with a value each; those of the second list know a `NOT-` form too.
const PLAIN: [&str; 2] = ["MAXAGE", "IDLE"];
const NEGATABLE: [&str; 10] =
    ["TYPE", "ADDR", "LADDR", "USER", "FLAGS", "NAME", "LIB-NAME", "LIB-VER", "DB", "CAPA"];

/// The clients a request means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    tests: Vec<Test>,
    /// `ID`s and whether they are those that are not meant; one group per option.
    ids: Vec<(bool, Vec<i64>)>,
    /// `SKIPME`.
    pub(crate) skip_me: Option<bool>,
}

/// How the options were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// All of them.
    All(Filter),
    /// As far as this argument, which begins an option that is not known here, or lacks its value.
    Until(usize),
}

impl Filter {
    /// Reads the options from argument 2 on.
    pub(crate) fn parse(args: &Args<'_>) -> Options {
        let (mut filter, mut at) = (Self::default(), 2);
        while at < args.len() {
            let Some(used) = filter.option(args, at) else { return Options::Until(at) };
            at += used;
        }
        Options::All(filter)
    }

    /// The old form of `CLIENT KILL`: an address alone.
    pub(crate) fn address(value: &[u8]) -> Self {
        let mut filter = Self { skip_me: Some(false), ..Self::default() };
        filter.test("ADDR", false, value);
        filter
    }

    /// Takes one option; answers how many arguments it is.
    fn option(&mut self, args: &Args<'_>, at: usize) -> Option<usize> {
        if at + 1 >= args.len() {
            return None;
        }
        let value = args.get(at + 1);
        let word = args.get(at).to_ascii_uppercase();
        let (not, bare) = word.strip_prefix(b"NOT-").map_or((false, &word[..]), |bare| (true, bare));
        if bare == b"ID" {
            let ids: Vec<i64> = (at + 1..args.len()).map_while(|i| integer(args.get(i))).collect();
            let used = 1 + ids.len();
            self.ids.push((not, ids));
            return (used > 1).then_some(used);
        }
        if word == b"SKIPME" {
            self.skip_me = Some(value.eq_ignore_ascii_case(b"YES"));
            return (args.is(at + 1, "YES") || args.is(at + 1, "NO")).then_some(2);
        }
        let known = |names: &[&'static str]| names.iter().find(|n| n.as_bytes() == bare).copied();
        let name = known(&NEGATABLE).or_else(|| known(&["IP"])).or_else(|| known(&PLAIN).filter(|_| !not))?;
        self.test(name, not, value);
        Some(2)
    }

    /// The last of several options of one name is the one that counts.
    fn test(&mut self, name: &'static str, not: bool, value: &[u8]) {
        self.tests.retain(|test| (test.name, test.not) != (name, not));
        self.tests.push(Test { name, not, value: String::from_utf8_lossy(value).into_owned() });
    }

    /// The clients it means, of `cards`, which are by id. Redis lists clients asked for by id in the
    /// order they were asked for, as often as they were, and lets the last `ID` count.
    pub(crate) fn pick(
        &self,
        mut cards: Vec<Arc<Card>>,
        dialect: Dialect,
        me: u64,
        now: Instant,
    ) -> Vec<Arc<Card>> {
        cards.retain(|card| {
            !(self.skip_me == Some(true) && card.id == me)
                && self.tests.iter().all(|test| test.matches(card, dialect, now) != test.not)
        });
        let has = |ids: &[i64], card: &Card| i64::try_from(card.id).is_ok_and(|id| ids.contains(&id));
        let mut wanted = self.ids.iter().filter(|(not, _)| !not).map(|(_, ids)| ids);
        match dialect {
            Dialect::Redis => {
                let Some(last) = wanted.next_back() else { return cards };
                let find = |id: &i64| cards.iter().find(|card| has(&[*id], card)).cloned();
                last.iter().filter_map(find).collect()
            }
            Dialect::Valkey => {
                let union: Vec<i64> = wanted.flatten().copied().collect();
                let some = self.ids.iter().any(|(not, _)| !not);
                cards.retain(|card| !some || has(&union, card));
                cards.retain(|card| !self.ids.iter().any(|(not, ids)| *not && has(ids, card)));
                cards
            }
        }
    }
}

impl Test {
    fn matches(&self, card: &Card, dialect: Dialect, now: Instant) -> bool {
        let value = self.value.as_str();
        let number = || value.parse::<u64>().ok();
        // Who has no name is not found by an empty one.
        let is = |theirs: &[u8]| !theirs.is_empty() && theirs == value.as_bytes();
        match self.name {
            "TYPE" => value.eq_ignore_ascii_case(if card.has(Flag::Pubsub) { "pubsub" } else { "normal" }),
            "ADDR" => dialect.addresses(card).0 == value,
            "LADDR" => dialect.addresses(card).1 == value,
            "IP" => card.place.tcp.is_some_and(|(peer, _)| peer.ip().to_string() == value),
            "USER" => card.names().user == value,
            "NAME" => is(&card.names().name),
            "LIB-NAME" => is(&card.names().lib_name),
            "LIB-VER" => is(&card.names().lib_ver),
            "FLAGS" => value.chars().all(|letter| card.flags().contains(letter)),
            "DB" => number() == Some(u64::from(card.db())),
            "MAXAGE" => number().is_some_and(|age| card.age(now) >= age),
            "IDLE" => number().is_some_and(|idle| card.idle(now) >= idle),
            _ => false,
        }
    }
}
