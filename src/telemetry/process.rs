//! What the system says of this process. The one place that knows where Linux says it; elsewhere nothing is
//! said.

/// The process at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// Processor time of all its threads, seconds.
    pub cpu_seconds: f64,
    /// Memory that is not swapped out.
    pub resident_bytes: u64,
    /// Addresses in use.
    pub virtual_bytes: u64,
    /// Open files and connections.
    pub open_files: Option<usize>,
    /// The most it may have; `None`: no limit is set.
    pub most_files: Option<u64>,
    /// When it started, seconds since 1970.
    pub started: Option<f64>,
}

impl Process {
    /// This one; `None` where the system does not say. Reads a few files of `/proc`: not for the path of
    /// requests.
    #[cfg(target_os = "linux")]
    pub fn now() -> Option<Self> {
        use rustix::process::{Resource, getrlimit};
        let own = procfs::process::Process::myself().ok()?;
        let stat = own.stat().ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        let boot = procfs::boot_time_secs().ok();
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            resident_bytes: stat.rss * procfs::page_size(),
            virtual_bytes: stat.vsize,
            open_files: own.fd_count().ok(),
            most_files: getrlimit(Resource::Nofile).current,
            started: boot.map(|boot| boot as f64 + stat.starttime as f64 / ticks),
        })
    }

    /// The same on any other system.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Option<Self> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::Process;

    #[test]
    fn it_is_of_this_process() {
        let process = Process::now().unwrap();
        assert!(process.resident_bytes > 100_000 && process.virtual_bytes > process.resident_bytes);
        assert!(process.cpu_seconds >= 0.0 && process.open_files.is_some_and(|open| open > 2));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - process.started.unwrap();
        assert!((-2.0..24.0 * 3600.0).contains(&age), "{age}");
    }
}
