//! `allocator_*`: jemalloc, where it is the allocator (feature `jemalloc`).

use tikv_jemalloc_ctl::{epoch, stats};

crate::metrics! {
    /// jemalloc's own figures.
    pub struct AllocatorMetrics {
        /// Bytes that the program holds.
        allocated: gauge "allocator_allocated_bytes" [],
        /// Bytes in pages that hold any of them.
        active: gauge "allocator_active_bytes" [],
        /// Bytes that the allocator keeps resident.
        resident: gauge "allocator_resident_bytes" [],
    }
}

impl AllocatorMetrics {
    /// Reads everything anew.
    pub(crate) fn sample(&self) {
        if epoch::advance().is_err() {
            return;
        }
        for (gauge, figure) in [
            (&self.allocated, stats::allocated::read()),
            (&self.active, stats::active::read()),
            (&self.resident, stats::resident::read()),
        ] {
            if let Ok(bytes) = figure {
                gauge.set(bytes as f64);
            }
        }
    }
}
