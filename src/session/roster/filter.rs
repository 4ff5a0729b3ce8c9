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

#[cfg(test)]
mod tests {
    use super::super::card::Place;
    use super::*;
    use crate::session::nod::tests::with_args;

    fn cards() -> Vec<Arc<Card>> {
        let place = |port: u16| Place {
            tcp: Some(([127, 0, 0, 1], port).into()).map(|peer| (peer, ([127, 0, 0, 1], 7000).into())),
            path: String::new(),
            fd: 9,
        };
        let cards = [1, 2, 3].map(|id| Arc::new(Card::new(id, 0, place(id as u16), 0, "default")));
        cards[1].names().name = "two".into();
        cards[1].set(Flag::NoEvict, true);
        cards[2].set_subscriptions(1, 0, 0);
        cards[2].set_db(4);
        cards.into()
    }

    fn picked(line: &str, dialect: Dialect) -> Vec<u64> {
        let options = with_args(line, Filter::parse);
        let Options::All(filter) = options else { panic!("{line}: {options:?}") };
        filter.pick(cards(), dialect, 1, Instant::now()).iter().map(|card| card.id).collect()
    }

    #[test]
    fn options_narrow_each_other() {
        for (line, expected) in [
            ("CLIENT LIST", &[1, 2, 3][..]),
            ("CLIENT LIST TYPE normal", &[1, 2]),
            ("CLIENT LIST type pubsub", &[3]),
            ("CLIENT LIST TYPE master", &[]),
            ("CLIENT LIST NOT-TYPE pubsub SKIPME yes", &[2]),
            ("CLIENT LIST ADDR 127.0.0.1:2", &[2]),
            ("CLIENT LIST LADDR 127.0.0.1:7000 IP 127.0.0.1", &[1, 2, 3]),
            ("CLIENT LIST NAME two", &[2]),
            ("CLIENT LIST NAME x NAME two", &[2]),
            ("CLIENT LIST NOT-NAME two", &[1, 3]),
            ("CLIENT LIST FLAGS e", &[2]),
            ("CLIENT LIST NOT-FLAGS N", &[2, 3]),
            ("CLIENT LIST DB 4", &[3]),
            ("CLIENT LIST NOT-DB 4 NOT-ID 1", &[2]),
            ("CLIENT LIST USER default MAXAGE 100", &[]),
            ("CLIENT LIST IDLE 100", &[]),
            ("CLIENT LIST NOT-CAPA r", &[1, 2, 3]),
        ] {
            assert_eq!(picked(line, Dialect::Valkey), expected, "{line}");
        }
    }

    #[test]
    fn ids_count_as_in_the_upstreams_dialect() {
        assert_eq!(picked("CLIENT LIST ID 3 9 1 3", Dialect::Redis), [3, 1, 3]);
        assert_eq!(picked("CLIENT KILL ID 3 ID 1", Dialect::Redis), [1]);
        assert_eq!(picked("CLIENT LIST ID 3 9 1 3", Dialect::Valkey), [1, 3]);
        assert_eq!(picked("CLIENT KILL ID 3 ID 1", Dialect::Valkey), [1, 3]);
        assert_eq!(picked("CLIENT LIST ID -3", Dialect::Redis), [0; 0]);
    }

    #[test]
    fn what_is_not_known_is_not_guessed_at() {
        for (line, at) in [
            ("CLIENT KILL FOO bar", 2),
            ("CLIENT KILL ID 1 FOO bar", 4),
            ("CLIENT KILL ID x", 2),
            ("CLIENT KILL ADDR", 2),
            ("CLIENT KILL SKIPME maybe", 2),
            ("CLIENT KILL NOT-IDLE 5", 2),
            ("CLIENT KILL ID 1 NOT-SKIPME yes", 4),
        ] {
            assert_eq!(with_args(line, Filter::parse), Options::Until(at), "{line}");
        }
    }
}
