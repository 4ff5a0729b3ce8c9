//! The book before a made-up upstream: seeded interleavings of everything that can happen, against
//! what each listener must have heard.

mod world;

use super::*;
use world::{Fake, Told, World, frame};

#[test]
fn whatever_happens_everybody_hears_what_they_must() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.act();
        }
        world.settle();
        world.check();
        while !world.fakes.is_empty() {
            world.go();
        }
        world.settle();
        world.check();
        assert!(!world.shares.any() && !world.book.is_wanted(), "seed {seed}");
    }
}

#[test]
fn a_loss_ends_everything_or_is_made_good() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.act();
        }
        let failure = Failure::Lost { reason: "the test".into() };
        world.book.disconnect(&failure, world.now);
        assert!(!world.shares.any(), "nobody is heard upstream");
        world.upstream.subscribed.clear();
        world.upstream.unread.clear();
        world.upstream.frames.clear();
        if seed % 2 == 0 {
            world.book.end();
            world.book.fail_waiting(&failure, world.now);
            world.book.flush();
            assert!(!world.book.is_wanted() && world.fakes.iter().all(|fake| !fake.waits.get()));
            continue;
        }
        world.book.flush();
        // Whoever was leaving has left.
        for (id, (kind, names)) in std::mem::take(&mut world.leaving) {
            names.iter().for_each(|name| _ = world.listens.remove(&(id, kind, name.to_vec())));
        }
        world.fakes.iter().for_each(|fake| fake.told.borrow_mut().retain(|told| *told != Told::Failed));
        world.book.connect(world.now);
        world.settle();
        world.check();
        for _ in 0..200 {
            world.act();
        }
        world.settle();
        world.check();
    }
}

#[test]
fn what_nobody_asked_for_is_out_of_step() {
    let now = Instant::now();
    for wrong in [&b":1\r\n"[..], b"+PONG\r\n", &frame(&[b"subscribe", b"a"], ":1\r\n")] {
        let mut book: Book<Fake> = Book::new(1, Arc::default());
        book.connect(now);
        assert_eq!(book.heard(&mut wrong.to_vec(), now), Err(OutOfStep));
    }
    let mut book = Book::new(1, Arc::default());
    book.connect(now);
    let who = Fake::new(1);
    book.join(&who, Channels::Exact, VecDeque::from([Bytes::from("a")]), now);
    assert_eq!(book.heard(&mut frame(&[b"subscribe", b"b"], ":1\r\n"), now), Err(OutOfStep));
}

#[test]
fn who_waits_too_long_is_told_and_its_late_confirmation_undone() {
    let (now, limit) = (Instant::now(), Duration::from_secs(5));
    let mut book = Book::new(1, Arc::default());
    book.connect(now);
    let who = Fake::new(1);
    who.waits.set(true);
    book.join(&who, Channels::Exact, VecDeque::from([Bytes::from("a")]), now);
    let failure = Failure::TimedOut { after: limit };
    book.give_up(now + limit / 2, limit, &failure);
    assert!(who.waits.get());
    book.give_up(now + limit, limit, &failure);
    assert_eq!(who.told.take(), [Told::Failed]);
    book.out.clear();
    book.heard(&mut frame(&[b"subscribe", b"a"], ":1\r\n"), now + limit).unwrap();
    assert_eq!(who.told.take(), []);
    assert_eq!(book.out, encode(&[b"UNSUBSCRIBE", b"a"]));
    book.heard(&mut frame(&[b"unsubscribe", b"a"], ":0\r\n"), now + limit).unwrap();
    assert!(!book.is_wanted());
}

#[test]
fn what_the_upstream_takes_away_is_over() {
    let now = Instant::now();
    let mut book = Book::new(1, Arc::default());
    book.connect(now);
    let who = Fake::new(1);
    who.waits.set(true);
    book.join(&who, Channels::Shard, VecDeque::from([Bytes::from("s")]), now);
    book.heard(&mut frame(&[b"ssubscribe", b"s"], ":1\r\n"), now).unwrap();
    book.heard(&mut frame(&[b"sunsubscribe", b"s"], ":0\r\n"), now).unwrap();
    assert!(!book.is_wanted());
}
