//! Thousands of runs, each out of a seed of its own.

use super::plan::Plan;
use super::world::World;

#[test]
fn all_is_well() {
    let start = std::time::Instant::now();
    let mut bad = 0;
    let mut t = [0u64; 8];
    for seed in 0..1000 {
        match World::new(seed, Plan::any, &[], false).run() {
            Err((why, _)) => {
                bad += 1;
                if bad < 10 {
                    eprintln!("{seed}: {why}");
                }
            }
            Ok(w) => {
                t[0] += w.reads;
                t[1] += w.hits;
                t[2] += w.joins;
                t[3] += w.together;
                if seed < 10 {
                    eprintln!("{seed} {w:?}")
                }
            }
        }
    }
    eprintln!("{bad} bad, {:?} {t:?}", start.elapsed());
    assert_eq!(bad, 0);
}

#[test]
fn one() {
    let Some(seed) = std::env::var("NEARSIDE_SEED").ok().and_then(|seed| seed.parse().ok()) else { return };
    match World::new(seed, Plan::any, &[], true).run() {
        Ok(worth) => eprintln!("{worth:?}"),
        Err((why, log)) => eprintln!("{log}\n{why}"),
    }
}
