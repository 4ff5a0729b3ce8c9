//! Hot keys: which are read most, how often, and how much of that the upstream never sees.
//!
//! Space-saving: so many counters, whatever there is; a newcomer takes the place of the least and inherits
//! its count, which says how much it may be overrated. Counts fade, half of them every [`HALF_LIFE`].

use std::collections::HashMap;

use super::Time;

/// Counters of one worker.
const PLACES: usize = 128;
/// The most of a name that is kept, bytes.
const NAME: usize = 256;
/// How long a read counts before it counts half, nanoseconds.
const HALF_LIFE: Time = 30_000_000_000;
/// Beyond it weights are brought back to 1, lest they grow beyond all bounds.
const HEAVY: f64 = 1e12;

/// One counter. Its counts are in units of what a read weighed at the landmark.
#[derive(Clone, Debug)]
struct Place {
    hash: u64,
    name: Box<[u8]>,
    reads: f64,
    /// How much of them it has inherited.
    inherited: f64,
    hits: f64,
}

/// The keys one worker reads most, by a sample of its reads.
#[derive(Debug, Default)]
pub struct Hot {
    places: Vec<Place>,
    all: f64,
    /// When a read weighs 1.
    landmark: Time,
    /// When the first one came.
    since: Time,
}

/// A key that is read much.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKey {
    /// Its name; the first 256 bytes of a longer one.
    pub name: Box<[u8]>,
    /// Reads of it per second, lately.
    pub rate: f64,
    /// The share of them that the upstream did not see.
    pub hits: f64,
    /// Its share of all reads.
    pub share: f64,
}

impl Hot {
    /// So many reads (`count`) of the key `name`, whose hash is `hash`; `hit`: the upstream does not see them.
    pub fn read(&mut self, hash: u64, name: &[u8], hit: bool, count: f64, now: Time) {
        if self.all == 0.0 {
            (self.landmark, self.since) = (now, now);
        }
        let weight = count * self.weight(now);
        let hits = if hit { weight } else { 0.0 };
        self.all += weight;
        if let Some(place) = self.places.iter_mut().find(|place| place.hash == hash) {
            (place.reads, place.hits) = (place.reads + weight, place.hits + hits);
            return;
        }
        let name = name[..name.len().min(NAME)].into();
        if self.places.len() < PLACES {
            self.places.push(Place { hash, name, reads: weight, inherited: 0.0, hits });
        } else if let Some(least) = self.places.iter_mut().min_by(|a, b| a.reads.total_cmp(&b.reads)) {
            let inherited = least.reads;
            *least = Place { hash, name, reads: inherited + weight, inherited, hits };
        }
    }

    fn weight(&mut self, now: Time) -> f64 {
        let weight = at(self.landmark, now);
        if weight < HEAVY {
            return weight;
        }
        self.landmark = now;
        self.all /= weight;
        for place in &mut self.places {
            place.reads /= weight;
            place.inherited /= weight;
            place.hits /= weight;
        }
        1.0
    }

    /// The `count` keys read most according to all of these.
    pub fn merged<'h>(all: impl Iterator<Item = &'h Self>, now: Time, count: usize) -> Vec<HotKey> {
        let mut merged: HashMap<u64, Place> = HashMap::new();
        let (mut reads, mut since) = (0.0, now);
        for hot in all.filter(|hot| hot.all > 0.0) {
            let today = 1.0 / at(hot.landmark, now);
            (reads, since) = (reads + hot.all * today, since.min(hot.since));
            for place in &hot.places {
                let sum = merged.entry(place.hash).or_insert_with(|| Place {
                    hash: place.hash,
                    name: place.name.clone(),
                    reads: 0.0,
                    inherited: 0.0,
                    hits: 0.0,
                });
                sum.reads += place.reads * today;
                sum.inherited += place.inherited * today;
                sum.hits += place.hits * today;
            }
        }
        // What is certain comes first: a newcomer's inheritance is somebody else's reads.
        let own = |place: &Place| place.reads - place.inherited;
        let mut keys: Vec<Place> = merged.into_values().collect();
        keys.sort_by(|a, b| own(b).total_cmp(&own(a)).then_with(|| a.name.cmp(&b.name)));
        keys.truncate(count);
        let seconds = seconds_counted(now.saturating_sub(since));
        let key = |place: Place| HotKey {
            rate: own(&place) / seconds,
            hits: (place.hits / own(&place)).clamp(0.0, 1.0),
            share: (own(&place) / reads).clamp(0.0, 1.0),
            name: place.name,
        };
        keys.into_iter().map(key).collect()
    }
}

/// What a read at `now` weighs.
fn at(landmark: Time, now: Time) -> f64 {
    (now.saturating_sub(landmark) as f64 / HALF_LIFE as f64).exp2()
}

/// How many seconds' worth of reads a faded count holds that has been counting for `age`.
fn seconds_counted(age: Time) -> f64 {
    let half_lives = age as f64 / HALF_LIFE as f64;
    let whole = HALF_LIFE as f64 / 1e9 / std::f64::consts::LN_2;
    // A rate over less than a second means little.
    (whole * (1.0 - (-half_lives).exp2())).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Time = 1_000_000_000;

    fn name(n: u64) -> Vec<u8> {
        format!("key:{n}").into_bytes()
    }

    #[test]
    fn the_keys_read_most_are_found_among_many_with_their_rates() {
        let (mut hot, mut random) = (Hot::default(), fastrand::Rng::with_seed(7));
        for tick in 0..60_000 {
            // A thousand reads a second: 300 of key 0, 100 of key 1, the rest spread over 10,000 keys.
            let n = match tick % 10 {
                0..3 => 0,
                3 => 1,
                _ => 2 + random.u64(..10_000),
            };
            hot.read(n, &name(n), n == 0, 1.0, tick * SECOND / 1000);
        }
        let keys = Hot::merged([&hot].into_iter(), 60 * SECOND, 2);
        assert_eq!(keys.iter().map(|key| key.name.to_vec()).collect::<Vec<_>>(), [name(0), name(1)]);
        assert!((keys[0].rate - 300.0).abs() < 15.0, "{keys:?}");
        assert!((keys[1].rate - 100.0).abs() < 15.0, "{keys:?}");
        assert!((keys[0].share - 0.3).abs() < 0.01, "{keys:?}");
        assert_eq!((keys[0].hits, keys[1].hits), (1.0, 0.0));
    }

    #[test]
    fn what_was_hot_fades_and_what_is_hot_comes_up() {
        let mut hot = Hot::default();
        (0..1000).for_each(|n| hot.read(1, b"old", true, 1.0, n));
        (0..100).for_each(|n| hot.read(2, b"new", true, 1.0, 300 * SECOND + n));
        let keys = Hot::merged([&hot].into_iter(), 300 * SECOND, 10);
        assert_eq!(keys.iter().map(|key| &*key.name).collect::<Vec<_>>(), [&b"new"[..], b"old"]);
        // Far beyond what a weight may be.
        hot.read(3, b"newest", false, 1.0, 10_000 * SECOND);
        let keys = Hot::merged([&hot].into_iter(), 10_000 * SECOND, 1);
        assert_eq!(&*keys[0].name, b"newest");
    }

    #[test]
    fn workers_are_added_up_and_a_sample_stands_for_all() {
        let mut hots = [Hot::default(), Hot::default()];
        for hot in &mut hots {
            (0..10).for_each(|n| hot.read(1, b"k", true, 16.0, n));
        }
        hots[0].read(2, b"l", false, 16.0, 0);
        let keys = Hot::merged(hots.iter(), 10, 10);
        assert_eq!(keys.len(), 2);
        assert!((keys[0].rate - 320.0).abs() < 1.0, "{keys:?}");
        assert!(Hot::merged([].into_iter(), 0, 10).is_empty());
    }

    #[test]
    fn it_holds_so_many_names_of_so_many_bytes() {
        let mut hot = Hot::default();
        (0..10_000).for_each(|n| hot.read(n, &[b'x'; 10_000], false, 1.0, 0));
        assert_eq!(hot.places.len(), PLACES);
        assert!(hot.places.iter().all(|place| place.name.len() == NAME));
    }
}
