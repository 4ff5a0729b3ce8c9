//! Each invariant left out in turn.

use super::Flaw;
use super::plan::Plan;
use super::world::World;

#[test]
fn survey() {
    for flaw in Flaw::ALL {
        let mut found = 0;
        let mut first = None;
        for seed in 0..200 {
            if let Err((why, _)) = World::new(seed, Plan::any, Some(flaw), false).run() {
                found += 1;
                first.get_or_insert((seed, why));
            }
        }
        eprintln!("{flaw:?}: {found}/200 {first:?}");
    }
}
