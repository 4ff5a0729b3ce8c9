use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{By, Cause, Class, Meters, Snapshot, Tally};

const MS: u64 = 1_000_000;

fn taken(meters: &[Arc<Meters>]) -> Snapshot {
    Snapshot::of(meters.iter().map(|meters| &**meters))
}

#[test]
fn what_all_workers_have_counted_is_added_up() {
    let meters = [Arc::<Meters>::default(), Arc::default()];
    let tallies = meters.clone().map(|meters| Tally::new(meters, Instant::now()));
    for tally in &tallies {
        (0..3).for_each(|_| tally.command(Class::StringRead));
        // Two came together, one later; one was not answered by the upstream at all.
        tally.answered(Class::StringRead, By::Upstream, MS, 2 * MS, 4 * MS);
        tally.answered(Class::StringRead, By::Upstream, MS, 2 * MS, 4 * MS);
        tally.answered(Class::StringRead, By::Joined, 2 * MS, 0, 4 * MS);
        tally.settle();
        tally.error(Cause::Denied);
        tally.meters().client_in.plus(100);
    }
    let sum = taken(&meters);
    assert_eq!((sum.commands_total(), sum.errors_total(), sum.client_in), (6, 2, 200));
    assert_eq!((sum.answered_by(By::Upstream), sum.answered_by(By::Joined)), (4, 2));
    let (all, upstream) = (sum.latency(), sum.upstream_latency());
    assert_eq!((all.count(), all.sum_ns), (6, 2 * (3 + 3 + 2) * MS));
    assert_eq!((upstream.count(), upstream.sum_ns), (4, 2 * (2 + 2) * MS));
    assert_eq!(sum.own_share_ns(), Some(8 * MS / 6));
    assert_eq!(all, sum.total[Class::StringRead.index()]);

    let tally = &tallies[0];
    tally.command(Class::KeyWrite);
    tally.answered(Class::KeyWrite, By::Upstream, MS, 2 * MS, 3 * MS);
    assert_eq!(taken(&meters).since(&sum).latency().count(), 0, "the turn is not over");
    tally.settle();
    let new = taken(&meters).since(&sum);
    assert_eq!((new.commands_total(), new.errors_total(), new.client_in), (1, 0, 0));
    assert_eq!(new.latency().mean(), Some(Duration::from_millis(2)));
    assert_eq!(new.since(&new), Snapshot::default());
}

#[test]
fn what_waits_for_others_is_counted_and_not_timed() {
    let meters = [Arc::<Meters>::default()];
    let tally = Tally::new(Arc::clone(&meters[0]), Instant::now());
    tally.command(Class::Blocking);
    tally.answered(Class::Blocking, By::Upstream, MS, MS, 9_000 * MS);
    tally.settle();
    let sum = taken(&meters);
    assert_eq!((sum.commands_total(), sum.answered_by(By::Upstream), sum.latency().count()), (1, 1, 0));
}

#[test]
fn answers_from_memory_are_timed_once_a_turn() {
    let meters = [Arc::<Meters>::default()];
    let tally = Tally::new(Arc::clone(&meters[0]), Instant::now());
    assert_eq!(tally.settle_here(1), None, "there is nothing to look at the clock for");
    (0..5).for_each(|_| tally.answered_here(Class::StringRead, By::Memory, 1));
    (0..2).for_each(|_| tally.answered_here(Class::Connection, By::Here, 1));
    assert!(tally.settle_here(1).is_some());
    let sum = taken(&meters);
    assert_eq!((sum.answered_by(By::Memory), sum.answered_by(By::Here)), (5, 2));
    assert_eq!(sum.total[Class::StringRead.index()].count(), 5);
    assert_eq!((sum.latency().count(), sum.upstream_latency().count()), (7, 0));
}
