//! Keys that are not known here yet. One that was made a moment ago is on its way: rest-api says whether there is such a key,
//! and the watch brings it. Nothing is learned of a key in any other way, so none that was revoked can come back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::PresentedKey;
use domain::limit::MAX_BURST;
use proto::v1::FindKeyRequest;
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use telemetry::Telemetry;
use tokio::time::{Instant, timeout};
use uplink::Link;

use super::Catalogue;
use crate::ws::rate::{Bucket, Taken};

telemetry::metrics! {
    /// Keys that were not known here.
    pub struct KeyLookupMetrics {
        /// Keys that were not known here, by what became of them: arrived, unknown (rest-api does not know them), remembered
        /// (it did not a moment ago), limited (too many were asked for), unavailable, late.
        lookups: counter "mcp_key_lookups_total" [outcome],
    }
}

/// Asks for keys that are not known here.
pub struct Newcomers {
    catalogue: Catalogue,
    link: Link,
    asked: Mutex<Asked>,
    metrics: KeyLookupMetrics,
}

/// What was asked lately. The bucket bounds how many are in it.
struct Asked {
    bucket: Bucket,
    unknown: HashMap<String, Instant>,
}

impl Newcomers {
    /// Asks through `link`, as often as the settings of `catalogue` allow.
    #[must_use]
    pub fn new(catalogue: Catalogue, link: Link, telemetry: &Telemetry) -> Self {
        let config = &catalogue.0.config;
        let (rate, burst) = (config.key_lookups, config.key_lookup_burst);
        let asked = Asked {
            bucket: Bucket::new(rate, burst.clamp(1, MAX_BURST), Instant::now()),
            unknown: HashMap::new(),
        };
        let metrics = KeyLookupMetrics::new(telemetry);
        // Shown before the first of each.
        for outcome in [
            "arrived",
            "unknown",
            "remembered",
            "limited",
            "unavailable",
            "late",
        ] {
            metrics.lookups.with([outcome]).increment(0);
        }
        Self {
            catalogue,
            link,
            asked: Mutex::new(asked),
            metrics,
        }
    }

    /// Waits for a key that is on its way; whether it is here now.
    pub(super) async fn arrives(&self, key: &PresentedKey) -> bool {
        let outcome = match self.look(key.prefix()).await {
            Ok(()) => "arrived",
            Err(why) => why,
        };
        self.metrics.lookups.with([outcome]).increment(1);
        tracing::debug!(outcome, "a key that was not known here was looked for");
        outcome == "arrived"
    }

    async fn look(&self, prefix: &str) -> Result<(), &'static str> {
        self.may_ask(prefix)?;
        let config = &self.catalogue.0.config;
        let mut client = CatalogueServiceClient::new(self.link.clone());
        let request = FindKeyRequest {
            prefix: prefix.to_owned(),
        };
        let asked = timeout(config.key_arrival.get(), client.find_key(request)).await;
        let Ok(Ok(answer)) = asked else {
            return Err("unavailable");
        };
        if !answer.into_inner().found {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.unknown.insert(prefix.to_owned(), Instant::now());
            return Err("unknown");
        }
        let coming = self.catalogue.key_comes(prefix);
        timeout(config.key_arrival.get(), coming)
            .await
            .map_err(|_| "late")
    }

    fn may_ask(&self, prefix: &str) -> Result<(), &'static str> {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.catalogue.0.config.key_unknown.get();
        asked
            .unknown
            .retain(|_, at| now.saturating_duration_since(*at) < kept);
        if asked.unknown.contains_key(prefix) {
            return Err("remembered");
        }
        match asked.bucket.take(now) {
            Taken::Yes => Ok(()),
            Taken::No(_) | Taken::Never => Err("limited"),
        }
    }
}
