//! What the process may use: cgroup v2, from its own group up to the root; the least limit holds.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// Memory limit of the groups, in bytes.
pub(super) fn memory_bytes() -> Option<f64> {
    least(&groups(), "memory.max", |text| text.trim().parse().ok())
}

/// CPU limit of the groups, else the cores of the host.
pub(super) fn cpu_cores() -> Option<f64> {
    let host = || {
        std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.get() as f64)
    };
    least(&groups(), "cpu.max", cores).or_else(host)
}

/// `QUOTA PERIOD`, or `max PERIOD` for no limit.
fn cores(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

fn least(groups: &[PathBuf], file: &str, parse: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let limits = groups
        .iter()
        .filter_map(|group| parse(&fs::read_to_string(group.join(file)).ok()?));
    limits.min_by(f64::total_cmp)
}

/// The process's group and those around it.
fn groups() -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string("/proc/self/cgroup") else {
        return Vec::new();
    };
    let Some(own) = text.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Vec::new();
    };
    let root = Path::new(ROOT);
    root.join(own)
        .ancestors()
        .take_while(|path| path.starts_with(root))
        .map(Path::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_cores_and_max_is_no_limit() {
        assert_eq!(cores("150000 100000\n"), Some(1.5));
        assert_eq!(cores("max 100000\n"), None);
    }

    #[test]
    fn the_least_limit_on_the_way_up_holds() {
        let root = std::env::temp_dir().join(format!("telemetry-limits-{}", std::process::id()));
        let inner = root.join("inner");
        fs::create_dir_all(&inner).unwrap();
        fs::write(root.join("cpu.max"), "100000 100000").unwrap();
        fs::write(inner.join("cpu.max"), "max 100000").unwrap();
        let found = least(&[inner, root.clone()], "cpu.max", cores);
        fs::remove_dir_all(root).unwrap();
        assert_eq!(found, Some(1.0));
    }
}
