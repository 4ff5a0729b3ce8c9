//! Of the near cache.

use super::Figures;
use crate::cache;
use crate::telemetry::metrics::Sheet;

/// What the cache counts for each reason stands under these beginnings.
const REASONS: [(&str, &str); 2] =
    [("misses_", "nearside_cache_misses_total"), ("killed_by_", "nearside_cache_discards_total")];

impl Figures {
    pub(super) fn cache(&self, sheet: &mut Sheet) {
        let near = &self.near;
        sheet.put_state("nearside_cache_mode", near.standing().mode);
        let (entries, bytes) = near.size();
        sheet.put("nearside_cache_bytes", &[], bytes);
        sheet.put("nearside_cache_limit_bytes", &[], near.settings.memory);
        sheet.put("nearside_cache_entries", &[], entries);
        sheet.put("nearside_cache_lanes", &[], near.lane_count());
        sheet.put("nearside_cache_hit_ratio", &[], near.hit_ratio());
        for ((name, _), count) in cache::Figures::NAMES.iter().zip(near.totals()) {
            put(sheet, name, count);
        }
    }
}

/// One of the cache's own figures: those of reasons are series of one counter, all others counters of their
/// own name.
fn put(sheet: &mut Sheet, name: &str, count: u64) {
    for (start, counter) in REASONS {
        if let Some(reason) = name.strip_prefix(start) {
            return sheet.put(counter, &[reason], count);
        }
    }
    match name {
        // Their sum is.
        "misses" => {}
        "unfit" => sheet.put("nearside_cache_discards_total", &[name], count),
        _ => sheet.put(&format!("nearside_cache_{name}_total"), &[], count),
    }
}
