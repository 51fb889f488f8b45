//! How often passwords may be tried: as one user, and from one address. Shared by the replicas through the cache, each
//! replica's own while that is away.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use cache::{CacheOptions, MemoryCache};
use domain::TenantId;
use domain::limit::{Bucket, Limit, Subject};
use domain::ports::Cache;
use sha2::{Digest, Sha256};

/// Longest time for the shared buckets; whoever signs in waits for a hash anyway.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Who signs in names no tenant: these buckets are the installation's.
const INSTALLATION: TenantId = TenantId(uuid::Uuid::nil());

/// Counts attempts.
pub struct Attempts {
    shared: Arc<dyn Cache>,
    own: MemoryCache,
    per_user: Limit,
    per_address: Limit,
}

impl Attempts {
    /// With the limits of a user and of an address.
    #[must_use]
    pub fn new(shared: Arc<dyn Cache>, [per_user, per_address]: [Limit; 2]) -> Self {
        Self {
            shared,
            own: MemoryCache::new(&CacheOptions::default(), None),
            per_user,
            per_address,
        }
    }

    /// Takes one attempt, whatever comes of it.
    ///
    /// # Errors
    /// When there are too many: how long to wait.
    pub async fn take(&self, user: &str, address: Option<IpAddr>) -> Result<(), Duration> {
        // A name is whatever somebody sent: its hash is short, and tells the cache's operator nothing.
        let user = format!("sign-in:{}", hex::encode(&Sha256::digest(user)[..16]));
        let mut buckets = vec![bucket(user, self.per_user)];
        if let Some(address) = address {
            buckets.push(bucket(
                format!("sign-in-from:{}", network(address)),
                self.per_address,
            ));
        }
        let taken = match tokio::time::timeout(TIMEOUT, self.shared.take(&buckets)).await {
            Ok(Ok(taken)) => Some(taken),
            _ => self.own.take(&buckets).await.ok(),
        };
        match taken.and_then(|taken| taken.refused) {
            Some((_, wait)) => Err(wait),
            None => Ok(()),
        }
    }
}

fn bucket(name: String, limit: Limit) -> Bucket {
    Bucket {
        tenant_id: INSTALLATION,
        subject: Subject::Key(name),
        limit,
    }
}

/// Whoever has one address of IPv6 has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_network_of_ipv6_share_their_attempts() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
