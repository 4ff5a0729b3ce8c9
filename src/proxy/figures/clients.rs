//! Of clients, and of what was decided about what they asked for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Figures, count, ratio};
use crate::telemetry::metrics::Sheet;

impl Figures {
    pub(super) fn clients(&self, sheet: &mut Sheet) {
        let (stats, config) = (&self.stats, Arc::clone(&self.force.borrow().config));
        let most = u64::from(config.maxclients);
        for (worker, clients) in stats.clients.iter().enumerate() {
            sheet.put("nearside_clients", &[&worker.to_string()], clients.load(Ordering::Relaxed));
        }
        sheet.put("nearside_clients_limit", &[], most);
        sheet.put("nearside_clients_used_ratio", &[], ratio(stats.connected() as u64, most));
        sheet.put("nearside_clients_accepted_total", &[], count(&stats.accepted));
        for (reason, counter) in [("maxclients", &stats.rejected), ("admission", &stats.turned_away)] {
            sheet.put("nearside_clients_turned_away_total", &[reason], count(counter));
        }
        for (reason, counter) in
            [("shed", &stats.shed), ("stalled", &stats.stalled), ("auth_timeout", &stats.auth_timeouts)]
        {
            sheet.put("nearside_clients_closed_total", &[reason], count(counter));
        }
        sheet.put("nearside_auth_failures_total", &[], count(&stats.auth_failures));
        sheet.put("nearside_auth_locked_out_total", &[], count(&stats.auth_locked_out));
        let (used, most) = (self.shared.memory().used() as u64, config.limits.memory);
        sheet.put("nearside_buffers_bytes", &[], used);
        sheet.put("nearside_buffers_limit_bytes", &[], most);
        sheet.put("nearside_buffers_used_ratio", &[], ratio(used, most));
        sheet.put("nearside_monitors", &[], self.monitors.count());
        let (feeds, losses) = self.shares.feeds();
        sheet.put("nearside_pubsub_shared_connections", &[], feeds);
        sheet.put("nearside_pubsub_shared_losses_total", &[], losses);
        self.tls(sheet);
    }

    fn tls(&self, sheet: &mut Sheet) {
        let handshakes = self.certificates.handshakes();
        for (result, counter) in
            [("done", &handshakes.done), ("failed", &handshakes.failed), ("timed_out", &handshakes.timed_out)]
        {
            sheet.put("nearside_tls_handshakes_total", &[result], count(counter));
        }
        sheet.put("nearside_tls_handshakes_resumed_total", &[], count(&handshakes.resumed));
        for (file, end) in self.certificates.ends() {
            #[allow(clippy::cast_precision_loss)] // exact for a hundred million years
            sheet.put("nearside_tls_certificate_expiry_timestamp_seconds", &[file], end as f64);
        }
        let (used, refused) = self.certificates.renewals();
        sheet.put("nearside_tls_files_changed_total", &["used"], used);
        sheet.put("nearside_tls_files_changed_total", &["refused"], refused);
    }

    /// Of rules and rates.
    pub(super) fn decisions(&self, sheet: &mut Sheet) {
        for (rule, count) in self.stats.denials.by_rule() {
            sheet.put("nearside_denied_total", &[&rule], count);
        }
        let rates = self.force.borrow().rates.clone();
        for (rate, counts) in rates.iter().flat_map(|rates| rates.decisions()) {
            for (decision, count) in ["refused", "delayed", "observed"].into_iter().zip(counts) {
                sheet.put("nearside_rate_decisions_total", &[rate, decision], count);
            }
        }
    }
}
