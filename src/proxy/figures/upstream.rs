//! Of connections to the upstream.

use super::{Figures, count, ratio};
use crate::telemetry::metrics::Sheet;

impl Figures {
    pub(super) fn upstream(&self, sheet: &mut Sheet) {
        let (shared, settings) = (&self.shared, self.shared.settings());
        let now = shared.connections();
        for (kind, state, count) in [
            ("lane", "in_use", now.lanes),
            ("lease", "in_use", now.leases_lent),
            ("lease", "idle", now.leases_idle),
            ("pinned", "in_use", now.pinned_lent),
            ("pinned", "idle", now.pinned_idle),
            ("control", "in_use", now.control),
        ] {
            sheet.put("nearside_upstream_connections", &[kind, state], count);
        }
        for (pool, used, most) in [
            ("shared", now.budgeted(), settings.max_connections),
            ("pinned", now.pinned(), settings.max_pinned),
        ] {
            sheet.put("nearside_upstream_connections_limit", &[pool], most);
            let used = ratio(used as u64, most as u64);
            sheet.put("nearside_upstream_connections_used_ratio", &[pool], used);
        }
        sheet.put("nearside_upstream_leases_waiting", &[], now.leases_waiting);
        let (lending, lanes) = (&shared.lending, &shared.lane_events);
        for (name, counter) in [
            ("nearside_upstream_leases_opened_total", &lending.opened),
            ("nearside_upstream_leases_reused_total", &lending.reused),
            ("nearside_upstream_leases_closed_dirty_total", &lending.closed_dirty),
            ("nearside_upstream_lease_timeouts_total", &lending.waits_failed),
            ("nearside_upstream_popped_lost_total", &lending.popped_elements_lost),
            ("nearside_upstream_lanes_opened_total", &lanes.opened),
            ("nearside_upstream_lanes_lost_total", &lanes.lost),
            ("nearside_upstream_lanes_failed_total", &lanes.failed),
        ] {
            sheet.put(name, &[], count(counter));
        }
        sheet.put("nearside_upstream_moves_total", &[], shared.generation());
    }
}
