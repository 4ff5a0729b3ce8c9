//! Thousands of runs, each out of a seed of its own.

use super::plan::Plan;
use super::world::World;

#[test]
fn all_is_well() {
    let start = std::time::Instant::now();
    let mut bad = 0;
    for seed in 0..100 {
        match World::new(seed, Plan::any, None, false).run() {
            Err((why, _)) => {
            bad += 1;
            if bad < 10 { eprintln!("{seed}: {why}"); }
            }
            Ok(w) => if seed < 20 { eprintln!("{seed} {w:?}") }
        }
    }
    eprintln!("{bad} bad, {:?}", start.elapsed());
    assert_eq!(bad, 0);
}

#[test]
fn one() {
    let Some(seed) = std::env::var("NEARSIDE_SEED").ok().and_then(|seed| seed.parse().ok()) else { return };
    match World::new(seed, Plan::any, None, true).run() {
        Ok(worth) => eprintln!("{worth:?}"),
        Err((why, log)) => eprintln!("{log}\n{why}"),
    }
}
