//! A trace: which key each request reads or writes. It follows from its seed alone.

use clap::Args;

/// Cold keys are drawn from so many: none comes twice soon enough to matter.
const COLD_KEYS: u64 = 10_000_000;

/// What the requests are like.
#[derive(Args, Clone)]
pub(crate) struct Shape {
    /// Keys, named as redis-benchmark names them: key:000000000000 and on
    #[arg(long, default_value_t = 100_000)]
    pub(crate) keys: u32,
    /// Exponent of the Zipf distribution of the keys; 0 is uniform
    #[arg(long, default_value_t = 0.0)]
    zipf: f64,
    /// Share of the requests that write
    #[arg(long, default_value_t = 0.0)]
    writes: f64,
    /// Share of the requests that read a key nobody has read lately, beyond `keys`
    #[arg(long, default_value_t = 0.0)]
    cold: f64,
    /// The same seed, the same trace
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One request.
#[derive(Clone, Copy)]
pub(crate) enum Op {
    Read(u32),
    Write(u32),
    Cold(u32),
}

/// Draws keys by their popularity: key 0 is the most popular.
struct Popularity {
    /// Share of the keys up to this one.
    up_to: Vec<f64>,
}

impl Popularity {
    fn new(keys: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut up_to = Vec::with_capacity(keys as usize);
        for rank in 1..=keys {
            sum += f64::from(rank).powf(-exponent);
            up_to.push(sum);
        }
        up_to.iter_mut().for_each(|share| *share /= sum);
        Self { up_to }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> u32 {
        let at = random.f64();
        let key = self.up_to.partition_point(|share| *share <= at);
        u32::try_from(key.min(self.up_to.len() - 1)).unwrap_or(u32::MAX)
    }
}

impl Shape {
    /// The first `count` requests.
    pub(crate) fn trace(&self, count: usize) -> Vec<Op> {
        let popularity = Popularity::new(self.keys, self.zipf);
        let mut random = fastrand::Rng::with_seed(self.seed);
        let one = |_| {
            let kind = random.f64();
            if kind < self.cold {
                return Op::Cold(self.keys + u32::try_from(random.u64(..COLD_KEYS)).unwrap_or(0));
            }
            let key = popularity.draw(&mut random);
            if kind < self.cold + self.writes { Op::Write(key) } else { Op::Read(key) }
        };
        (0..count).map(one).collect()
    }
}

/// The requests of one connection: the trace is dealt to all of them in turn.
pub(crate) fn share(trace: &[Op], index: usize, connections: usize) -> impl Iterator<Item = Op> + '_ {
    trace.iter().skip(index).step_by(connections).copied()
}

/// How many of the reads from `warm` on a perfect cache would have answered that drops an entry when its
/// key is written, and never else, with one such cache in each worker: of a key's reads by a worker, all
/// but the first after a write. Workers take the connections in turn. `swept`: every worker has read
/// every key before the trace.
pub(crate) fn perfect_hits(
    trace: &[Op],
    warm: usize,
    (connections, workers): (usize, usize),
    (keys, swept): (u32, bool),
) -> usize {
    // A bit for each worker.
    let mut held = vec![if swept { u64::MAX } else { 0 }; keys as usize];
    let mut hits = 0;
    for (i, op) in trace.iter().enumerate() {
        match *op {
            Op::Read(key) => {
                let bit = 1 << (i % connections % workers);
                let held = &mut held[key as usize];
                hits += usize::from(i >= warm && *held & bit != 0);
                *held |= bit;
            }
            Op::Write(key) => held[key as usize] = 0,
            Op::Cold(_) => {}
        }
    }
    hits
}
