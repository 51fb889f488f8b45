//! What its process takes, and what it tells of itself.

use std::future::Future;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Mesh;

impl Mesh {
    /// Resident memory, in megabytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_mb(&self) -> Result<f64> {
        self.memory_mb("VmRSS:")
    }

    /// The most resident memory until now, in megabytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_mb(&self) -> Result<f64> {
        self.memory_mb("VmHWM:")
    }

    /// Processor time until now, in the process and in the kernel for it, in seconds.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu_seconds(&self) -> Result<f64> {
        /// `USER_HZ` of proc(5), 100 on every Linux that runs here.
        const TICKS: f64 = 100.0;
        let pid = self.child.id().context("it has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(") ").context("no fields")?;
        // utime and stime are the 14th and 15th; the name in brackets was the second.
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
    }

    fn memory_mb(&self, field: &str) -> Result<f64> {
        let pid = self.child.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line
            .and_then(|line| line.trim().split(' ').next())
            .with_context(|| format!("no {field}"))?;
        Ok(kilobytes.parse::<f64>()? / 1024.0)
    }

    /// Bytes and lines of its log until now.
    ///
    /// # Errors
    /// When there is none.
    pub fn logged(&self) -> Result<(u64, u64)> {
        let mut file = std::fs::File::open(self.data.file("mesh.log"))?;
        let (mut bytes, mut lines, mut part) = (0, 0, vec![0; 1 << 16]);
        loop {
            let read = file.read(&mut part)?;
            if read == 0 {
                return Ok((bytes, lines));
            }
            bytes += read as u64;
            lines += part[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }

    /// Takes a CPU profile for that long; it is whole when the future ends.
    ///
    /// # Errors
    /// When the mesh has no token of its own.
    pub fn profile(&self, time: Duration) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        let token = std::fs::read_to_string(self.data.file("mesh/admin.key"))?;
        let url = format!("{}/debug/pprof/profile?seconds={}", self.api, time.as_secs());
        let request = self.http.get(url).bearer_auth(token.trim());
        Ok(async move {
            let answer = request.send().await?;
            let status = answer.status();
            let bytes = answer.bytes().await?;
            ensure!(
                status.is_success() && bytes.len() > 1_000,
                "{status}: {} bytes",
                bytes.len()
            );
            Ok(())
        })
    }
}
