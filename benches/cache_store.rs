//! What the near cache's store costs, in time and in memory.
//!
//! ```text
//! cargo run --release --example cache_store -- looks
//! cargo run --release --example cache_store -- memory 512 1000000
//! ```
//!
//! `looks`: nanoseconds to find an entry and copy its reply, through a worker's own table and in the shared
//! store alone. `memory MiB N`: N small entries into a budget, then as many of mixed sizes; resident memory
//! beside the budget. The constant that stands for the store's own cost of an entry comes from the latter.
#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use nearside::cache::{Entry, Front, Hasher, Origin, Policy, Store, Time};

const USAGE: &str = "looks | memory MiB N";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["looks"] => {
            for keys in [100, 10_000, 1_000_000] {
                looks(keys, false);
                looks(keys, true);
            }
            Ok(())
        }
        ["memory", budget, entries] => memory(budget.parse::<u64>()? << 20, entries.parse()?),
        _ => Err(USAGE.into()),
    }
}

/// The `n`th entry: a key of 20 bytes and so many of value.
fn entry(hasher: &Hasher, n: u64, size: usize) -> Arc<Entry> {
    let args = format!("\r\n$20\r\nkey:{n:016}\r\n");
    let origin = Origin { lane: 1, epoch: 1, word: 0, deadline: Time::MAX, expires: Time::MAX, stale_for: 0 };
    let reply = format!("${size}\r\n{}\r\n", "x".repeat(size));
    let hash = hasher.entry(args.as_bytes());
    Arc::new(Entry::new(hash, 1, (0, 0), origin, args.as_bytes(), reply.as_bytes()))
}

fn looks(keys: u64, zipf: bool) {
    let (hasher, mut random) = (Hasher::new(1), fastrand::Rng::with_seed(1));
    let store = Arc::new(Store::new(2 << 30, Policy::Lru));
    let mut front = Front::new(Arc::clone(&store), store.front_bytes() / 2);
    let entries: Vec<Arc<Entry>> = (0..keys).map(|n| entry(&hasher, n, 64)).collect();
    let hashes: Vec<u64> = entries.iter().map(|entry| entry.hash).collect();
    entries.into_iter().for_each(|entry| store.insert(entry));
    store.tidy();
    // With Zipf's law key n is read as often as one in n.
    let spread = |at: f64| if zipf { (keys as f64).powf(at) - 1.0 } else { keys as f64 * at };
    let order: Vec<u64> = (0..200_000.max(keys)).map(|_| hashes[spread(random.f64()) as usize]).collect();
    let mut out = Vec::new();
    let mut give = |entry: &Arc<Entry>| {
        out.clear();
        out.extend_from_slice(entry.reply());
        entry.args()[8]
    };
    let in_front = best(&order, |hash| front.look(hash, &mut give).is_some());
    let alone = best(&order, |hash| store.get(hash).is_some_and(|entry| give(&entry) > 0));
    let how = if zipf { "Zipf" } else { "uniform" };
    println!("{keys:>8} keys, {how:>7}: table {in_front:6.1} ns, store alone {alone:6.1} ns");
}

/// Nanoseconds of one look in the quickest of some rounds: whoever else uses the machine only adds.
fn best(order: &[u64], mut look: impl FnMut(u64) -> bool) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        let found = order.iter().filter(|hash| look(**hash)).count();
        assert_eq!(black_box(found), order.len(), "an entry was lost");
        best = best.min(begun.elapsed().as_nanos() as f64 / order.len() as f64);
    }
    best
}

fn memory(budget: u64, entries: u64) -> Result<(), Box<dyn Error>> {
    let hasher = Hasher::new(1);
    let (store, before) = (Arc::new(Store::new(budget, Policy::Lru)), resident()?);
    let mut fronts = [(); 2].map(|()| Front::new(Arc::clone(&store), store.front_bytes() / 2));
    let mut peak = 0;
    for (round, name) in ["of 64 bytes", "of mixed sizes"].into_iter().enumerate() {
        for n in 0..entries {
            let size = match n {
                _ if round == 0 => 64,
                _ if n % 100 == 0 => 4000,
                _ if n % 7 == 0 => 300,
                _ => 64,
            };
            fronts[n as usize % 2].insert(entry(&hasher, n + round as u64 * entries, size));
            if n % 10_000 == 0 {
                peak = peak.max(resident()?);
            }
        }
        store.tidy();
        let part = |bytes: u64| bytes as f64 / budget as f64;
        let now = resident()?;
        println!(
            "values {name}: {} entries, {:.3} of the budget counted, {:.3} resident, at most {:.3}",
            store.len(),
            part(store.bytes()),
            part(now - before),
            part(peak.max(now) - before),
        );
    }
    Ok(())
}

/// Resident memory of this process, bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    Ok(statm.split(' ').nth(1).ok_or("no second word")?.parse::<u64>()? * 4096)
}
