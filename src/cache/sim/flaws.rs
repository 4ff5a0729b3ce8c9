//! Each invariant left out in turn.

use super::Flaw;
use super::kit::MILLI;
use super::plan::{Does, Outside, Plan, Trouble};
use super::world::World;

fn plan(flaw: Flaw) -> Plan {
    let base = Plan::only(&[(Does::Set, 6)], &[(Outside::Set, 1), (Outside::Mset, 1)]);
    // Frames come one by one, and late.
    let slow = |plan| Plan { stalls: 60, stall: 10 * MILLI, late_pushes: 500, sessions: 6, ..plan };
    match flaw {
        Flaw::HitFresh => Plan {
            troubles: vec![(Trouble::HalfOpen, 1)],
            trouble: 40 * MILLI,
            length: 200 * MILLI,
            ..Plan::only(&[], &[(Outside::Set, 1)])
        },
        Flaw::FenceDeadline | Flaw::Fence => Plan {
            outside: 4 * MILLI,
            stalls: 60,
            stall: 40 * MILLI,
            ..Plan::only(&[], &[(Outside::Signal, 1)])
        },
        Flaw::InstallEpoch => {
            Plan { outside: 4 * MILLI, stall: 20 * MILLI, ..slow(Plan::only(&[], &[(Outside::Signal, 1)])) }
        }
        Flaw::LateStamp | Flaw::InstallStamp | Flaw::Join => {
            slow(Plan::only(&[(Does::Set, 5), (Does::Exec, 3)], &[]))
        }
        Flaw::NullPush | Flaw::HitEpoch => Plan::only(&[(Does::Set, 6)], &[(Outside::Flush, 1)]),
        Flaw::OwnSession => Plan { stalls: 80, ..Plan::only(&[(Does::Peek, 20)], &[(Outside::Set, 1)]) },
        Flaw::Together => Plan { yields: true, ..Plan::only(&[(Does::Mget, 200)], &[(Outside::Mset, 1)]) },
        Flaw::LostEpoch => Plan { trouble: 20 * MILLI, ..base },
        Flaw::HitWord | Flaw::InstallWord | Flaw::GlobalStart | Flaw::GlobalEnd | Flaw::GlobalMark => {
            Plan { dbs: 2, ..Plan::only(&[(Does::Swap, 6)], &[(Outside::Set, 1)]) }
        }
        Flaw::Ttl | Flaw::HitDeadline => {
            Plan::only(&[(Does::Expire, 2)], &[(Outside::Set, 2), (Outside::Expire, 2)])
        }
        Flaw::Order => Plan { depth: 4, ..base },
        _ => base,
    }
}

#[test]
fn survey() {
    let only = std::env::var("FLAW").ok();
    for flaw in Flaw::ALL {
        if only.as_ref().is_some_and(|only| !only.contains(&format!("{flaw:?}"))) {
            continue;
        }
        let mut found = 0;
        let mut first = None;
        for seed in 0..150 {
            if let Err((why, _)) = World::new(seed, |_| plan(flaw), &[flaw], false).run() {
                found += 1;
                first.get_or_insert((seed, why));
            }
        }
        let mut bad = 0;
        for seed in 0..20 {
            bad += usize::from(World::new(seed, |_| plan(flaw), &[], false).run().is_err());
        }
        eprintln!("{flaw:?}: {found}/150, {bad} {first:?}");
    }
}
