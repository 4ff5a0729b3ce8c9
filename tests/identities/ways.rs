//! The ways in which a client may ask the same things.

use crate::compare::Blur;
use crate::phrases::{LAST, Phrase, phrase};
use crate::rig::request;

/// How a conversation is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One request after the other.
    Plain,
    /// As lines of words.
    Inline,
    /// Each in a transaction, step by step.
    Steps,
    /// Each in a transaction that is sent at once.
    Whole,
    /// Many at once, behind `AUTH`, and with changes of identity between them.
    Pipelined,
    /// On a connection of its own.
    Own,
    /// While subscribed, in RESP3.
    Subscribed,
    /// Who was somebody else first.
    Second,
}

pub(crate) const WAYS: &[Way] = &[
    Way::Plain,
    Way::Inline,
    Way::Steps,
    Way::Whole,
    Way::Pipelined,
    Way::Own,
    Way::Subscribed,
    Way::Second,
];

/// A request, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) line: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) blur: Blur,
    /// If it is an `EXEC`, what was queued.
    pub(crate) of: Option<String>,
}

/// Requests that are sent at once; each has one reply.
pub(crate) type Step = Vec<Said>;

fn said(phrase: &Phrase) -> Said {
    Said { line: phrase.line.clone(), bytes: request(&phrase.line), blur: phrase.blur, of: None }
}

fn say(line: &str) -> Said {
    said(&phrase(line))
}

/// Where a server answers, or does, something else in a transaction than outside one.
fn in_multi(phrase: &Phrase) -> bool {
    let never = ["WATCH", "DISCARD", "EXEC", "WAIT", "READONLY", "READWRITE", "CLIENT NO-EVICT"];
    !never.iter().any(|head| phrase.line.starts_with(head))
}

fn transaction(phrase: &Phrase) -> Step {
    let exec = Said { blur: phrase.blur, of: Some(phrase.line.clone()), ..say("EXEC") };
    // A transaction that was refused leaves the request outside one.
    vec![say("MULTI"), said(phrase), exec]
}

impl Way {
    /// The conversation of `user` (`None`: it does not say who it is) about `phrases`.
    pub(crate) fn steps(self, user: Option<&str>, phrases: &[Phrase]) -> Vec<Step> {
        let auth = user.map(|user| format!("AUTH {user} pw"));
        let login = || auth.iter().map(|line| vec![say(line)]);
        let one_by_one = || phrases.iter().map(|phrase| vec![said(phrase)]);
        let transactions = || phrases.iter().filter(|phrase| in_multi(phrase)).map(transaction);
        match self {
            Self::Plain => login().chain(one_by_one()).collect(),
            Self::Inline => {
                let plain = phrases.iter().filter(|phrase| !phrase.line.contains('\''));
                let inline =
                    |phrase: &Phrase| Said { bytes: format!("{}\r\n", phrase.line).into(), ..said(phrase) };
                login().chain(plain.map(|phrase| vec![inline(phrase)])).collect()
            }
            Self::Steps => {
                let steps = transactions().flatten().map(|said| vec![said]);
                login().chain(steps).collect()
            }
            Self::Whole => login().chain(transactions()).collect(),
            Self::Pipelined => {
                let again = || auth.iter().map(|line| say(line));
                let batch = |phrases: &[Phrase]| {
                    let half = phrases.len() / 2;
                    let first = again().chain(phrases[..half].iter().map(said));
                    let other = std::iter::once(say("AUTH root pw")).filter(|_| auth.is_some());
                    let between =
                        other.chain(phrases.first().filter(|_| auth.is_some()).map(said)).chain(again());
                    first.chain(between).chain(phrases[half..].iter().map(said)).collect()
                };
                phrases.chunks(16).map(batch).collect()
            }
            Self::Own => {
                let watch = std::iter::once(vec![say("WATCH app:watched")]);
                login().chain(watch).chain(one_by_one()).collect()
            }
            Self::Subscribed => {
                let hello = match user {
                    Some(user) => format!("HELLO 3 AUTH {user} pw"),
                    None => "HELLO 3".to_owned(),
                };
                let first = [vec![say(&hello)], vec![say("SUBSCRIBE news:elsewhere")]];
                first.into_iter().chain(one_by_one()).collect()
            }
            Self::Second => {
                let first = auth.iter().flat_map(|_| [vec![say("AUTH root pw")], vec![say("GET oth:s")]]);
                first.chain(login()).chain(one_by_one()).collect()
            }
        }
    }

    /// Conversations of their own for what changes what a client hears.
    pub(crate) fn endings(self, user: Option<&str>) -> Vec<Vec<Step>> {
        if matches!(self, Self::Steps | Self::Whole) {
            return Vec::new();
        }
        LAST.iter()
            .map(|line| self.steps(user, &[phrase("GET app:s"), phrase(line), phrase("GET oth:s")]))
            .collect()
    }
}
