//! Everybody, everything, in every way.

use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::common::{Server, Talk};
use crate::compare::is_permitted;
use crate::phrases::{Phrase, others, reads};
use crate::rig::{Mode, Scene};
use crate::users::USERS;
use crate::ways::{Said, Step, WAYS, Way};

/// Differences after which it is enough.
const ENOUGH: usize = 25;
/// Into so many parts the phrases are cut; each user asks one of them in each way. As many seeds are all. Odd:
/// keys that may be touched and others take turns.
const PARTS: usize = 7;

#[test]
fn users_of_the_upstream_get_what_it_would_give_them() {
    hold(Mode::Through);
}

#[test]
fn our_own_users_get_what_a_server_with_such_users_would_give_them() {
    hold(Mode::Local);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn hold(mode: Mode) {
    let began = Instant::now();
    let long = Duration::from_secs(number("NEARSIDE_FUZZ_SECONDS").unwrap_or(0));
    let mut seed = number("NEARSIDE_SEED").unwrap_or(0);
    loop {
        let mut held = Held { differences: Vec::new(), asked: 0, refused: 0, mode, seed };
        let makes = Server::makes();
        let nth = usize::try_from(seed).unwrap_or(0);
        let program = &makes[(nth + nth / PARTS) % makes.len()];
        let mut scene = Scene::of(program, mode, false);
        held.everybody(&mut scene, USERS.iter().map(|user| Some(user.0)).chain([None]));
        let hits = scene.hits();
        let mut scene = Scene::of(program, mode, true);
        held.everybody(&mut scene, [None].into_iter());
        let Held { differences, asked, refused, .. } = held;
        eprintln!(
            "{mode:?}, {program}, seed {seed}: {asked} asked, {refused} refused, {hits} hits, {:?}",
            began.elapsed()
        );
        assert!(
            differences.is_empty(),
            "{program}, seed {seed}: {}\n{}",
            differences.len(),
            differences.join("\n")
        );
        let has_point = asked > 5_000 && refused * 5 > asked && hits > 30;
        assert!(has_point, "the test has lost its point: {refused} of {asked}, {hits} hits");
        if began.elapsed() >= long {
            return;
        }
        seed += 1;
    }
}

/// One in [`PARTS`].
fn every(phrases: Vec<Phrase>, part: usize) -> Vec<Phrase> {
    phrases.into_iter().skip(part).step_by(PARTS).collect()
}

struct Held {
    differences: Vec<String>,
    asked: u64,
    refused: u64,
    mode: Mode,
    seed: u64,
}

impl Held {
    fn everybody(&mut self, scene: &mut Scene, users: impl Iterator<Item = Option<&'static str>>) {
        // Redis 8.2 says nothing to an `AUTH` that fails in a transaction, or behind another in one packet.
        let is_mute = scene.behind("INFO server").contains("redis_version:8.");
        for (nth, user) in users.enumerate() {
            for (at, way) in WAYS.iter().enumerate() {
                let is_mute = is_mute && matches!(way, Way::Pipelined | Way::Steps | Way::Whole);
                if is_mute && user == Some("off") {
                    continue;
                }
                let mut rng = Rng::with_seed(self.seed.wrapping_mul(31));
                let part = (nth + at + usize::try_from(self.seed).unwrap_or(0)) % PARTS;
                let (mut first, mut then) = (every(reads(), part), every(others(), part));
                rng.shuffle(&mut first);
                if self.seed.is_multiple_of(2) {
                    // A read that is refused voids what is kept for its user.
                    first.sort_by_key(|phrase| phrase.line.contains("oth:"));
                }
                if self.seed > 0 {
                    rng.shuffle(&mut then);
                }
                then.retain(|phrase| !is_mute || !phrase.line.starts_with("AUTH "));
                scene.seed();
                let _kept = warm(scene, user, &first);
                first.extend(then);
                self.talk(scene, user, *way, &way.steps(user, &first));
                for steps in way.endings(user) {
                    self.talk(scene, user, *way, &steps);
                }
                if self.differences.len() >= ENOUGH {
                    return;
                }
            }
        }
    }

    /// One conversation on both sides.
    fn talk(&mut self, scene: &mut Scene, user: Option<&str>, way: Way, steps: &[Step]) {
        let (mut pair, mut was_permitted) = (scene.pair(), false);
        for step in steps {
            let bytes: Vec<u8> = step.iter().flat_map(|said| said.bytes.clone()).collect();
            for (said, replies) in step.iter().zip(pair.ask(&bytes, step.len())) {
                self.asked += 1;
                let [Some(direct), Some(ours)] = &replies else {
                    if replies != [None, None] {
                        self.differ(user, way, said, &replies);
                    }
                    return;
                };
                self.refused += u64::from(direct.starts_with(b"-NOPERM") || direct.starts_with(b"-NOAUTH"));
                // What was refused here, and there not, has not been queued.
                let is_aborted = said.of.is_some() && was_permitted && ours.starts_with(b"-EXECABORT");
                let same = said.blur.same(direct, ours);
                was_permitted = !same && is_permitted(self.mode, &said.line, direct, ours);
                let same = same || was_permitted || is_aborted;
                if !same {
                    self.differ(user, way, said, &replies);
                }
            }
        }
    }

    fn differ(&mut self, user: Option<&str>, way: Way, said: &Said, [direct, ours]: &[Option<Vec<u8>>; 2]) {
        let show = |reply: &Option<Vec<u8>>| match reply {
            Some(reply) => reply[..reply.len().min(160)].escape_ascii().to_string(),
            None => "nothing".to_owned(),
        };
        let who = user.unwrap_or("nobody");
        let line = said.of.as_ref().map_or_else(|| said.line.clone(), |of| format!("{} of {of}", said.line));
        self.differences.push(format!(
            "{who}, {way:?}: {line}\n    {}\n    ours: {}",
            show(direct),
            show(ours)
        ));
    }
}

/// What may be kept is: by who may do everything, and, where that is not the same, by the user itself. It is
/// given up when these leave.
fn warm(scene: &Scene, user: Option<&str>, reads: &[Phrase]) -> Vec<Talk> {
    let mine = user.filter(|_| scene.mode == Mode::Through);
    let warmed = |user| {
        let mut talk = scene.proxy.connect();
        talk.ask(&["AUTH", user, "pw"]);
        for phrase in
            reads.iter().filter(|phrase| ["root", "all"].contains(&user) || !phrase.line.contains("oth:"))
        {
            talk.ask(&phrase.line.split(' ').collect::<Vec<_>>());
        }
        talk
    };
    ["root"].into_iter().chain(mine).map(warmed).collect()
}
