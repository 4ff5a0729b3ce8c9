//! What would become of a command, without sending it: the same rules, the same table and the same order as
//! for one that is ([`super::path`]), in words.

mod route;

use crate::cache::{Near, Rule, Time};
use crate::command::{Cached, Command, Effect, lookup};
use crate::config::Config;
use crate::policy::acl::Dialect;
use crate::policy::{Denied, Origin, Rights, Who};
use crate::resp::rename::Names;
use crate::resp::request::{Args, encode};
use crate::resp::scan::request::{Limits, Progress, RequestScanner};
use crate::session::InForce;
use crate::telemetry::desk::{Asked, Explained, KeyKept, Question, RateOf, shown};
use crate::upstream::Shared;

/// Nanoseconds in the unit that times are shown in.
const MILLI: Time = 1_000_000;
/// The longest command that is looked at, and the most words.
const LONGEST: usize = 1 << 20;
const WORDS: usize = 10_000;
/// The most keys that are shown.
const KEYS: usize = 100;

/// What decides on a command.
#[derive(Clone, Copy, Debug)]
pub struct Court<'a> {
    /// Settings, rules and rates.
    pub force: &'a InForce,
    /// The cache.
    pub near: &'a Near,
    /// The upstream.
    pub shared: &'a Shared,
}

/// What would become of what is asked about.
///
/// # Errors
/// What is wrong with the question.
pub fn explain(court: Court<'_>, question: &Question) -> Result<Explained, String> {
    let request = match &question.command {
        Asked::Words(words) => encode(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        Asked::Line(line) => inline(line),
    };
    if request.len() > LONGEST {
        return Err(format!("the command is longer than {LONGEST} bytes"));
    }
    let mut scanner = RequestScanner::with_names(court.force.gate.renames().cloned());
    let limits =
        Limits { max_bulk: LONGEST, max_multibulk: WORDS, large: usize::MAX, unauthenticated: false };
    match scanner.scan(&request, &limits) {
        Ok(Progress::Whole { .. }) => {}
        Ok(_) => return Err("there is no command: such as GET key".into()),
        Err(error) => return Err(error.to_string()),
    }
    let args = scanner.args(&request);
    let origin = Origin { listener: listener(&court.force.config, question)?, ..Origin::default() };
    let upstream = court.shared.credential();
    let rights = court.force.gate.suppose(&origin, question.user.as_deref(), upstream.user())?;
    Ok(explained(court, &rights, &origin, &args))
}

/// A line as clients of telnet type it; quotes are understood as Redis does.
fn inline(line: &str) -> Vec<u8> {
    let line = line.replace(['\r', '\n'], " ");
    // What begins so is no line to the scanner.
    let line = if line.starts_with('*') { format!(" {line}") } else { line };
    (line + "\r\n").into_bytes()
}

/// The place of the listener that is named.
fn listener(config: &Config, question: &Question) -> Result<usize, String> {
    let Some(name) = &question.listener else { return Ok(0) };
    let found = listeners(config).position(|listener| listener == *name);
    let all = || listeners(config).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("there is no listener {name}: there are {}", all()))
}

fn listeners(config: &Config) -> impl Iterator<Item = String> {
    config.listen.iter().chain(&config.tls.listen).map(ToString::to_string)
}

fn explained(court: Court<'_>, rights: &Rights, origin: &Origin, args: &Args<'_>) -> Explained {
    let command = lookup(args);
    let decided = rights.check(command, args).err();
    let named = || shown(Names::written(args.get(0)));
    let (kept, kept_reason, cache) = kept(court, command, args);
    let (route, route_reason) = match &decided {
        Some(_) => ("refused", "it does not get past the rules".into()),
        None => route::of(court, command, args, kept),
    };
    let rates = court.force.rates.as_ref().map(|rates| rates.bearing(rights.user(), origin, command, args));
    Explained {
        command: command.map_or_else(named, |command| command.name.into()),
        user: rights.user().into(),
        listener: listeners(&court.force.config).nth(origin.listener).unwrap_or_default(),
        keys: command.map(|c| c.keys(args).take(KEYS).map(shown).collect()).unwrap_or_default(),
        allowed: decided.is_none(),
        decided_by: decided.as_ref().map_or_else(|| left_to(rights.who()), rule),
        error: decided.as_ref().map(|denied| shown(&denied.text(Dialect::Newer))),
        rates: rates.unwrap_or_default().into_iter().map(rate).collect(),
        route,
        route_reason,
        kept: kept && decided.is_none(),
        kept_reason,
        cache,
    }
}

fn rate(bearing: crate::policy::limit::Bearing) -> RateOf {
    let crate::policy::limit::Bearing { name, amount, per, beyond, refused } = bearing;
    RateOf { name, amount, per, beyond, refused }
}

/// The setting that is against it.
fn rule(denied: &Denied) -> String {
    match denied {
        Denied::Off => "enabled".into(),
        Denied::Nobody | Denied::HelloOfNobody => "users: the client has to log in first".into(),
        Denied::Protected => "protected_mode".into(),
        Denied::Arity(_) => "the number of arguments".into(),
        Denied::Acl { user, .. } => format!("users: {user}"),
        Denied::Pubsub(_) => "features.pubsub".into(),
        Denied::SessionStore(_) => "features.session_store".into(),
        Denied::Unknown(_) => "rules.rename".into(),
        Denied::Rule { rule, .. } => rule.clone(),
    }
}

/// Who else may have something against it.
fn left_to(who: &Who) -> String {
    match who {
        Who::Local(user) => {
            format!("users: {} may, and the upstream's ACL of our own user decides", user.name())
        }
        Who::Upstream(name) => format!("nothing here is against it; the upstream's ACL of {name} decides"),
        Who::Nobody | Who::Stranger => "whoever has not logged in may".into(),
    }
}

/// Whether its reply may be kept, why, and what holds for its keys.
fn kept(
    court: Court<'_>,
    command: Option<&'static Command>,
    args: &Args<'_>,
) -> (bool, String, Vec<KeyKept>) {
    let Some(command) = command.filter(|command| command.cached != Cached::No) else {
        let why = match command.map(|command| command.effect) {
            None => "it is in no table: nobody here knows what it does",
            Some(Effect::Read) => "its reply can change without a message about its keys",
            Some(Effect::None) => "its reply depends on no key",
            Some(_) => "it changes something",
        };
        return (false, why.into(), Vec::new());
    };
    let near = court.near;
    let of = |key: &[u8]| KeyKept {
        key: shown(key),
        rule: near_rule(&near.patterns().rule(key)),
        max_age_ms: near.patterns().kept(key).map(|kept| kept.max_age / MILLI),
    };
    let cache: Vec<KeyKept> = command.keys(args).take(KEYS).map(of).collect();
    let standing = near.standing();
    if !near.is_on() {
        return (false, format!("the cache is off: {}", standing.reason), cache);
    }
    match cache.iter().find(|key| key.max_age_ms.is_none()) {
        Some(key) => (false, format!("{}: {}", key.key, key.rule), cache),
        None => {
            let (mode, misses) = (standing.mode, near.settings.admit_after);
            let why = format!("the cache is {mode}; a key is kept after {misses} misses (cache.admit_after)");
            (true, why, cache)
        }
    }
}

/// Which setting decides on a key, in words.
pub(super) fn near_rule(rule: &Rule<'_>) -> String {
    match rule {
        Rule::Every => "every key is kept".into(),
        Rule::Included(glob) => format!("kept: cache.include {glob}"),
        Rule::NotIncluded => "not kept: no pattern of cache.include fits".into(),
        Rule::Excluded(glob) => format!("not kept: cache.exclude {glob}"),
    }
}
