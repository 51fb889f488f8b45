//! The figures of the Redis behind the caches, shown by one of those who use it.

use std::time::Duration;

use domain::ports::{
    Cache,
    cache::{CacheError, ServerFigures},
};
use telemetry::Telemetry;
use telemetry::metrics::{Declaration, Family, Gauge, Metric};

telemetry::metrics! {
    /// Redis itself. On the page of the one replica that reads them.
    pub struct ServerMetrics {
        /// Commands that Redis runs in a second, as it says itself. Read by one replica of rest-api for all.
        operations: gauge "redis_instantaneous_ops_per_sec" [],
        /// Bytes that Redis holds. Read by one replica of rest-api for all.
        memory: gauge "redis_used_memory_bytes" [],
        /// Clients that are connected to Redis. Read by one replica of rest-api for all.
        clients: gauge "redis_connected_clients" [],
        /// Clients that wait in a blocking command of Redis. Read by one replica of rest-api for all.
        blocked: gauge "redis_blocked_clients" [],
    }
}

/// Who holds it reads; whoever comes first when its time is over is the next.
const READER: &str = "figures:reader";
/// Three times the interval of the reader, so that one that fails is followed soon.
const TERM: Duration = Duration::from_secs(15);

/// The figures on this replica's page, as long as it is the one that reads them: two pages with them would count Redis twice.
pub struct ServerGauges {
    /// In the order of [`ServerMetrics::DECLARATIONS`]; without labels, so that a series can leave the page.
    gauges: Vec<Family<Gauge, 0>>,
    /// Tells the replicas apart.
    reader: String,
}

impl ServerGauges {
    /// Nothing is shown yet.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        let register =
            |declaration: &'static Declaration| Family::register(telemetry.registry(), declaration);
        Self {
            gauges: ServerMetrics::DECLARATIONS.iter().map(register).collect(),
            reader: domain::RecordId::generate().to_string(),
        }
    }

    /// Reads the figures if this replica is the one to do so. To be called a few times in a term of 15 s.
    ///
    /// # Errors
    /// When Redis does not answer; nothing is shown then.
    pub async fn read(&self, cache: &dyn Cache) -> Result<(), CacheError> {
        let figures = self.figures(cache).await;
        match figures.as_ref().ok().copied().flatten() {
            Some(figures) => self.show(figures),
            None => self.hide(),
        }
        figures.map(drop)
    }

    async fn figures(&self, cache: &dyn Cache) -> Result<Option<ServerFigures>, CacheError> {
        if self.is_reader(cache).await? {
            cache.server_figures().await
        } else {
            Ok(None)
        }
    }

    async fn is_reader(&self, cache: &dyn Cache) -> Result<bool, CacheError> {
        let own = self.reader.as_bytes();
        if cache.set_if_absent(READER, own, TERM).await? {
            return Ok(true);
        }
        let is_own = cache.get(READER).await?.is_some_and(|reader| reader == own);
        Ok(is_own && cache.expire(READER, TERM).await?)
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn show(&self, figures: ServerFigures) {
        let values = [
            figures.operations_per_second,
            figures.used_memory,
            figures.connected_clients,
            figures.blocked_clients,
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.with::<&str>([]).set(value as f64);
        }
    }

    fn hide(&self) {
        for gauge in &self.gauges {
            gauge.remove::<&str>([]);
        }
    }
}
