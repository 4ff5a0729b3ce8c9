//! Of the process, and what it is.

use std::time::UNIX_EPOCH;

use super::Figures;
use crate::telemetry::metrics::Sheet;
use crate::telemetry::process::Process;

impl Figures {
    pub(super) fn process(&self, sheet: &mut Sheet) {
        sheet.put_info("nearside_build_info", &[env!("CARGO_PKG_VERSION")]);
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        sheet.put("nearside_start_time_seconds", &[], started.as_secs_f64());
        sheet.put("nearside_workers", &[], self.stats.clients.len());
        self.settings(sheet);
        let Some(process) = Process::now() else { return };
        sheet.put("process_cpu_seconds_total", &[], process.cpu_seconds);
        sheet.put("process_resident_memory_bytes", &[], process.resident_bytes);
        sheet.put("process_virtual_memory_bytes", &[], process.virtual_bytes);
        if let Some(open) = process.open_files {
            sheet.put("process_open_fds", &[], open);
        }
        if let Some(most) = process.most_files {
            sheet.put("process_max_fds", &[], most);
        }
        if let Some(started) = process.started {
            sheet.put("process_start_time_seconds", &[], started);
        }
    }
    fn settings(&self, sheet: &mut Sheet) {
        let settings = self.stats.reloads.now();
        sheet.put_info("nearside_config_info", &[&settings.hash]);
        sheet.put("nearside_config_reloads_total", &["applied"], settings.succeeded);
        sheet.put("nearside_config_reloads_total", &["refused"], settings.failed);
        // As it was started it was fine.
        let (at, fine) = settings.last.unwrap_or((self.started, true));
        sheet.put("nearside_config_last_reload_ok", &[], fine);
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        sheet.put("nearside_config_last_reload_timestamp_seconds", &[], at.as_secs_f64());
        sheet.put("nearside_config_restart_pending", &[], settings.needs_restart.len());
    }
}
