//! The rules as they are worded: for every two operations, whether the second has to know the first.

use super::super::{History, INITIAL, NEVER, NOTHING, Op, Rules, Time, Version, What};

/// Whether the versions of the reads that returned nothing can be chosen such that all rules hold.
pub(super) fn fits(history: &History, rules: &Rules) -> bool {
    let nothings = nothings(history, rules);
    let mut versions: Vec<Version> = history.ops.iter().map(|op| op.version).collect();
    choose(history, rules, &nothings, &mut versions, 0)
}

/// The states of nothing, and since when each is possible.
fn nothings(history: &History, rules: &Rules) -> Vec<(Version, Time)> {
    let writes = || history.ops.iter().filter(|op| op.what.is_write());
    let deleted = writes().filter(|op| op.version % 2 == 1).map(|op| (op.version, op.inv));
    let vanished =
        writes().filter(|op| rules.vanishing && op.version % 2 == 0).map(|op| (op.version + 1, op.inv));
    let lapsed = history.lapses.iter().map(|lapse| (lapse.version, lapse.from));
    std::iter::once((INITIAL, 0)).chain(deleted).chain(vanished).chain(lapsed).collect()
}

fn choose(
    history: &History,
    rules: &Rules,
    nothings: &[(Version, Time)],
    versions: &mut Vec<Version>,
    at: usize,
) -> bool {
    let Some(op) = history.ops.get(at) else { return hold(history, rules, nothings, versions) };
    if op.version != NOTHING {
        return choose(history, rules, nothings, versions, at + 1);
    }
    nothings.iter().filter(|(_, from)| *from <= op.res).any(|(version, _)| {
        versions[at] = *version;
        choose(history, rules, nothings, versions, at + 1)
    })
}

fn hold(history: &History, rules: &Rules, nothings: &[(Version, Time)], versions: &[Version]) -> bool {
    let all = || history.ops.iter().copied().zip(versions.iter().copied()).enumerate();
    all().all(|(second, (op, version))| {
        let seen =
            all().any(|(_, (other, shown))| shown == version && !other.what.is_write() && other.res != NEVER);
        // A write that was never answered counts if somebody saw what it made.
        let counts = op.res != NEVER || (op.what.is_write() && version % 2 == 0 && seen);
        if !counts || op.what == What::Blind {
            return true;
        }
        made(history, &op, version)
            && (op.version != NOTHING || possible(history, nothings, versions, &op, version))
            && all().all(|(first, (other, shown))| {
                let sees = op.what.is_write() || op.what.is_read();
                first == second
                    || !sees
                    || !binds(history, rules, nothings, (first, &other, shown), (second, &op))
                    || not_behind(&op, version, shown)
            })
            && history.lapses.iter().all(|lapse| {
                let written =
                    history.ops.iter().any(|op| op.what.is_write() && op.version == lapse.version - 1);
                let sees = op.what.is_write() || op.what.is_read();
                !written || !sees || lapse.by >= op.inv || not_behind(&op, version, lapse.version)
            })
    })
}

/// Whether something that makes this state of nothing began by the end of `op`, and before something
/// newer was seen.
fn possible(
    history: &History,
    nothings: &[(Version, Time)],
    versions: &[Version],
    op: &Op,
    version: Version,
) -> bool {
    nothings.iter().any(|(other, from)| {
        let passed =
            history.ops.iter().zip(versions).any(|(other, shown)| other.res < *from && *shown > version);
        let lapsed = history.lapses.iter().any(|lapse| {
            let written = history.ops.iter().any(|op| op.what.is_write() && op.version == lapse.version - 1);
            written && lapse.by < *from && lapse.version > version
        });
        *other == version && *from <= op.res && !passed && !lapsed
    })
}

fn not_behind(op: &Op, version: Version, other: Version) -> bool {
    if op.what.is_write() && version.is_multiple_of(2) { version > other } else { version >= other }
}

/// Whether the second operation has to know what the first showed.
fn binds(
    history: &History,
    rules: &Rules,
    nothings: &[(Version, Time)],
    (first, a, shown): (usize, &Op, Version),
    (second, b): (usize, &Op),
) -> bool {
    if a.res == NEVER {
        return false;
    }
    if a.session == b.session && first < second && b.res != NEVER {
        return true;
    }
    let (from, to) = (rules.sessions[usize::from(a.session)], rules.sessions[usize::from(b.session)]);
    if b.what.is_write() || to.proxy.is_none() {
        return a.res < b.inv;
    }
    let at_once = from.proxy == to.proxy
        && match a.what {
            What::Write | What::Marked | What::Signal => true,
            What::Read if from.lane == to.lane => true,
            What::Read | What::Aside => only_marked(history, rules, nothings, shown, to.proxy),
            What::Hint | What::Blind => false,
        };
    if at_once { a.res < b.inv } else { a.res + rules.bound < b.inv }
}

/// Whether `version` was made by one marked, acknowledged write of that Nearside and by nothing else.
fn only_marked(
    history: &History,
    rules: &Rules,
    nothings: &[(Version, Time)],
    version: Version,
    proxy: Option<u8>,
) -> bool {
    let mut by = history.ops.iter().filter(|op| op.what.is_write() && op.version == version);
    let (Some(write), None) = (by.next(), by.next()) else { return false };
    let others = nothings.iter().filter(|(other, _)| *other == version).count();
    write.what == What::Marked
        && write.res != NEVER
        && rules.sessions[usize::from(write.session)].proxy == proxy
        && (version.is_multiple_of(2) || others == 1)
}

/// Whether somebody made that value, and began before it was seen.
fn made(history: &History, op: &Op, version: Version) -> bool {
    op.what.is_write()
        || version % 2 == 1
        || history
            .ops
            .iter()
            .any(|write| write.what.is_write() && write.version == version && write.inv <= op.res)
}
