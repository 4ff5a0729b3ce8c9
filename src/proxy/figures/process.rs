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
}
