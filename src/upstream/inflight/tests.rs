use std::time::Duration;

use super::*;
use crate::upstream::{Heard, Lane, Mark, ServerInfo, Watch};

/// A caller that is only a name.
#[derive(Debug)]
struct Name;

impl Mark<Name> for () {
    fn replied(self, _: &[u8], _: &Lane<Name>) {}
}

impl Watch for () {
    fn tracks(&self) -> bool {
        false
    }
    fn opened(&self, _: &ServerInfo) {}
    fn lost(&self) {}
    fn pushed(&self, _: &[u8]) {}
}

impl Caller for Name {
    type Ticket = u32;
    type Mark = ();
    type Watch = ();
    fn answered(&self, _: u32, _: &[u8], _: &Heard<'_>) {}
    fn wants_request(&self, _: &u32, _: u64) -> bool {
        false
    }
    fn failed(&self, _: u32, _: &Failure, _: &[u8]) {}
    fn takes(&self, _: usize) -> bool {
        true
    }
    fn flush(self: &Rc<Self>) {}
    fn touched(&self) -> bool {
        false
    }
}

fn queue(requests: &[(u32, &str, bool)]) -> (Inflight<Name>, Instant) {
    let (now, mut queue) = (Instant::now(), Inflight::default());
    let caller = Rc::new(Name);
    for (ticket, request, repeatable) in requests {
        queue.push(Some((Rc::clone(&caller), *ticket)), (), request.as_bytes(), *repeatable, now);
    }
    (queue, now)
}

#[test]
fn replies_come_in_order_and_only_for_what_was_written() {
    let (mut q, _) = queue(&[(1, "aaa", true), (2, "bb", true)]);
    assert!(q.answer().is_none(), "nothing is written yet");
    q.wrote(3, 1);
    assert_eq!((q.front_request(), q.unwritten(), q.begun()), (&b"aaa"[..], &b"bb"[..], &b""[..]));
    assert_eq!(q.answer().unwrap().ticket, 1);
    assert!(q.answer().is_none(), "the second is not written");
    q.wrote(2, 1);
    assert_eq!(q.answer().unwrap().ticket, 2);
    assert!(q.is_empty() && q.unwritten().is_empty());
}

#[test]
fn a_lost_connection_repeats_reads_and_unsent_requests_only() {
    let (mut q, _) = queue(&[(1, "get", true), (2, "set", false), (3, "incr", false), (4, "late", false)]);
    q.wrote(3 + 3 + 2, 1); // `incr` is half written, so it was not executed
    q.lost("cut", true);
    assert_eq!(q.unwritten(), b"getincrlate");
    assert!(q.settle().is_none(), "the failed one waits for its turn");
    q.wrote(11, 1);
    assert_eq!(q.answer().unwrap().ticket, 1);
    assert!(q.answer().is_none(), "the failed one goes first");
    let (done, failure, request) = q.settle().unwrap();
    assert_eq!((done.ticket, &request[..]), (2, &b"set"[..]));
    assert!(matches!(failure, Failure::Lost { .. }));
    assert_eq!(q.answer().unwrap().ticket, 3);
    assert_eq!(q.answer().unwrap().ticket, 4);
}

#[test]
fn a_reply_too_large_to_wait_for_fails_its_like_in_their_places_and_repeats_the_rest() {
    let (mut q, _) = queue(&[(1, "big", true), (2, "get", true), (3, "big", true), (4, "set", false)]);
    q.wrote(12, 1);
    assert!(q.must_stay(), "a write is in flight");
    let (mut q, _) = queue(&[(1, "BIG", true), (2, "get", true), (3, "big", true), (4, "set", false)]);
    q.wrote(9, 1);
    assert!(!q.must_stay());
    q.too_large(|request| request == b"big");
    assert_eq!(q.unwritten(), b"getset");
    assert_eq!(
        q.settle().map(|(done, failure, request)| (done.ticket, failure, request)).unwrap(),
        (1, Failure::TooLarge, Bytes::from("BIG"))
    );
    assert!(q.settle().is_none());
    q.wrote(6, 1);
    assert_eq!(q.answer().unwrap().ticket, 2);
    assert_eq!(q.settle().unwrap().0.ticket, 3);
    assert_eq!(q.answer().unwrap().ticket, 4);
}

#[test]
fn a_read_is_repeated_once_not_for_ever() {
    let (mut q, _) = queue(&[(1, "get", true)]);
    q.wrote(3, 1);
    q.lost("cut", true);
    q.wrote(3, 1);
    q.lost("cut again", true);
    assert_eq!(q.settle().unwrap().0.ticket, 1);
    assert!(q.is_empty());
}

#[test]
fn a_stuck_request_frees_those_behind_it_that_may_be_sent_again() {
    let (mut q, now) = queue(&[(1, "script", false)]);
    let (reader, writer) = (Rc::new(Name), Rc::new(Name));
    for (ticket, caller, request, repeatable) in [
        (2, &reader, "get", true),
        (3, &writer, "get", true),
        (4, &writer, "set", false),
        (5, &reader, "ping", true),
    ] {
        q.push(Some((Rc::clone(caller), ticket)), (), request.as_bytes(), repeatable, now);
    }
    q.wrote(19, 1);
    let taken = q.take_innocent(|_| true);
    let seen: Vec<_> = taken.iter().map(|(done, request)| (done.ticket, &request[..])).collect();
    assert_eq!(seen, [(2, &b"get"[..]), (5, b"ping")], "a writer's reads stay in their order");
    let left: Vec<_> =
        std::iter::from_fn(|| q.answer()).map(|done| (done.ticket, done.caller.is_some())).collect();
    assert_eq!(left, [(1, true), (2, false), (3, true), (4, true), (5, false)]);
}

#[test]
fn a_timed_out_request_keeps_its_place_so_that_its_late_reply_is_nobody_elses() {
    let (mut q, now) = queue(&[(1, "slow", false)]);
    q.wrote(4, 1);
    let limit = Duration::from_secs(1);
    assert!(q.time_out(now, limit, || Failure::TooLarge).is_empty());
    let later = now + limit;
    q.push(Some((Rc::new(Name), 2)), (), b"next", false, later);
    q.wrote(4, 1);
    let late = q.time_out(later, limit, || Failure::TooLarge);
    assert_eq!((late.len(), late[0].0.ticket, &late[0].2[..]), (1, 1, &b"slow"[..]));
    assert_eq!(late[0].1, Failure::TimedOut { after: limit });
    assert!(q.time_out(later, limit, || Failure::TooLarge).is_empty(), "told once");
    assert!(q.answer().unwrap().caller.is_none());
    assert_eq!(q.answer().unwrap().ticket, 2);
}

#[test]
fn what_an_upstream_does_not_take_is_forgotten_in_time_and_never_sent() {
    let (mut q, now) = queue(&[(1, "set", false), (2, "half", false), (3, "never", false)]);
    q.wrote(3 + 2, 1);
    let limit = Duration::from_secs(1);
    q.push(Some((Rc::new(Name), 4)), (), b"young", false, now + limit);
    let late = q.time_out(now + limit, limit, || Failure::TooLarge);
    let told: Vec<_> =
        late.iter().map(|(done, failure, _)| (done.ticket, *failure == Failure::TooLarge)).collect();
    assert_eq!(told, [(1, false), (2, false), (3, true)]);
    assert_eq!(q.unwritten(), b"lfyoung");
    assert_eq!(q.begun(), b"lf");
    q.wrote(7, 1);
    let answered: Vec<_> =
        std::iter::from_fn(|| q.answer()).map(|done| (done.ticket, done.caller.is_some())).collect();
    assert_eq!(answered, [(1, false), (2, false), (4, true)]);
    assert!(q.is_empty());
}

#[test]
fn waiting_for_a_connection_ends() {
    let (mut q, now) = queue(&[(1, "a", true)]);
    let limit = Duration::from_secs(1);
    q.push(Some((Rc::new(Name), 2)), (), b"b", true, now + limit);
    q.give_up(now + limit, limit, &Failure::TooLarge);
    assert_eq!(q.settle().unwrap().0.ticket, 1);
    assert!(q.settle().is_none());
    assert_eq!(q.unwritten(), b"b");
}

/// Random pushes, writes, replies and losses: every request ends exactly once, in order.
#[test]
fn whatever_happens_every_request_ends_once_and_in_order() {
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut q, now) = queue(&[]);
        let (mut pushed, mut ended) = (0, 0);
        let caller = Rc::new(Name);
        for _ in 0..200 {
            match random.u8(0..10) {
                0..=3 => {
                    let request = vec![b'x'; random.usize(1..9)];
                    q.push(Some((Rc::clone(&caller), pushed)), (), &request, random.bool(), now);
                    pushed += 1;
                }
                4..=5 => q.wrote(random.usize(0..=q.unwritten().len()), 1),
                9 if random.bool() => q.lost("cut", random.bool()),
                _ => {
                    if let Some(done) = q.answer() {
                        assert_eq!(done.ticket, ended, "seed {seed}");
                        ended += 1;
                    }
                }
            }
            while let Some((done, ..)) = q.settle() {
                assert_eq!(done.ticket, ended, "seed {seed}");
                ended += 1;
            }
            assert_eq!(q.len(), (pushed - ended) as usize, "seed {seed}");
        }
    }
}

/// A request of three parts, of which the socket has taken so many bytes, and one after it.
fn parts(written: usize) -> Inflight<Name> {
    let (mut q, now) = queue(&[(1, "multi-get-exec", false)]);
    q.expect_more(2);
    q.push(Some((Rc::new(Name), 2)), (), b"next", false, now);
    q.wrote(written, 1);
    q
}

#[test]
fn a_request_of_several_parts_is_answered_part_by_part() {
    let mut q = parts(5);
    assert_eq!(q.answer().unwrap().ticket, 1, "the first part is written");
    q.wrote(9, 1);
    assert_eq!(q.answer().unwrap().ticket, 1);
    assert_eq!(q.answer().unwrap().ticket, 1);
    assert!(q.answer().is_none(), "the next is not written");
    q.wrote(4, 1);
    assert_eq!(q.answer().unwrap().ticket, 2);
    assert!(q.is_empty());
    assert!(parts(0).answer().is_none());
}

#[test]
fn a_request_of_several_parts_is_not_begun_again_once_it_has_had_a_reply() {
    let mut q = parts(5);
    q.lost("cut", true);
    assert_eq!(q.unwritten(), b"multi-get-execnext", "not executed: its end was missing");
    q.wrote(5, 1);
    q.answer().unwrap();
    q.lost("cut", true);
    assert_eq!(q.unwritten(), b"next");
    assert_eq!(q.settle().unwrap().0.ticket, 1);
    q.wrote(4, 1);
    assert_eq!(q.answer().unwrap().ticket, 2);
}
