//! `process_*`, from `/proc` (Linux; elsewhere these series are absent).

use std::fs;

use super::limits;

/// The kernel's unit of CPU times in `/proc`: `USER_HZ`, which is 100 on every Linux that is in use.
const TICKS_PER_SECOND: f64 = 100.0;

crate::metrics! {
    /// The process as the kernel sees it.
    pub struct ProcessMetrics {
        /// Seconds of CPU time, user and system.
        cpu: counter "process_cpu_seconds_total" [],
        /// Bytes of memory that are resident.
        resident: gauge "process_resident_memory_bytes" [],
        /// Open file descriptors.
        open_fds: gauge "process_open_fds" [],
        /// When the process started, in seconds since 1970.
        start: gauge "process_start_time_seconds" [],
        /// Bytes of memory that the process may use: of its cgroup, else of the host.
        memory_limit: gauge "process_memory_limit_bytes" [],
        /// CPU cores that the process may use: of its cgroup, else of the host.
        cpu_limit: gauge "process_cpu_limit_cores" [],
    }
}

impl ProcessMetrics {
    /// Reads everything anew.
    pub(crate) fn sample(&self) {
        if let Some(stat) = Stat::read() {
            self.cpu.set_total(stat.cpu_seconds);
            if let Some(boot) = boot_time() {
                self.start.set(boot + stat.started_after_boot);
            }
        }
        if let Some(bytes) = kilobytes("/proc/self/status", "VmRSS:") {
            self.resident.set(bytes);
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            // Reading the directory opens one more.
            self.open_fds.set(entries.count().saturating_sub(1) as f64);
        }
        if let Some(bytes) = limits::memory_bytes().or_else(|| kilobytes("/proc/meminfo", "MemTotal:")) {
            self.memory_limit.set(bytes);
        }
        if let Some(cores) = limits::cpu_cores() {
            self.cpu_limit.set(cores);
        }
    }
}

/// The two figures of `/proc/self/stat`, in seconds.
struct Stat {
    cpu_seconds: f64,
    started_after_boot: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the command in parentheses and may hold anything; count from behind it (field 3).
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let cpu_seconds = (field(14)? + field(15)?) / TICKS_PER_SECOND;
        Some(Stat {
            cpu_seconds,
            started_after_boot: field(22)? / TICKS_PER_SECOND,
        })
    }
}

fn boot_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

/// A `Name:   123 kB` line, in bytes.
fn kilobytes(path: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse::<f64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024.0)
}
