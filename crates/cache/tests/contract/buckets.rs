//! Buckets of rate limits.

use std::time::{Duration, Instant};

use domain::TenantId;
use domain::limit::{Bucket, Limit, Subject};
use futures::future::join_all;

use crate::subject::{SOON, Subject as Tested};

fn bucket(tenant_id: TenantId, subject: Subject, rate: &str, burst: u32) -> Bucket {
    let rate = rate.parse().unwrap();
    Bucket {
        tenant_id,
        subject,
        limit: Limit { rate, burst },
    }
}

pub async fn a_bucket_gives_its_burst_and_then_says_how_long_to_wait(subject: Tested) {
    let (here, there) = (subject.cache(), subject.cache());
    let bucket = [bucket(TenantId::generate(), Subject::Tenant, "1/m", 3)];
    for used in [1.0, 2.0, 3.0] {
        let taken = here.take(&bucket).await.unwrap();
        assert_eq!(taken.refused, None);
        assert!((taken.used[0] - used).abs() < 0.2, "{taken:?}");
    }
    let taken = there.take(&bucket).await.unwrap();
    let (place, wait) = taken.refused.expect("another participant has a fourth token");
    assert_eq!(place, 0);
    assert!(
        wait > Duration::from_secs(45) && wait <= Duration::from_mins(1),
        "{wait:?}"
    );
    assert!(taken.used[0] > 2.5 && taken.used[0] <= 3.0, "{taken:?}");
}

pub async fn a_call_that_one_bucket_refuses_takes_nothing_from_the_others(subject: Tested) {
    let cache = subject.cache();
    let tenant = TenantId::generate();
    let wide = bucket(tenant, Subject::Tenant, "1/m", 2);
    let narrow = bucket(tenant, Subject::Tool("a".to_owned()), "1/h", 1);
    let both = [wide.clone(), narrow];
    assert_eq!(cache.take(&both).await.unwrap().refused, None);
    let refused = cache.take(&both).await.unwrap().refused.unwrap();
    assert_eq!(refused.0, 1);
    assert_eq!(
        cache.take(std::slice::from_ref(&wide)).await.unwrap().refused,
        None,
        "a token was lost"
    );
    assert_eq!(cache.take(&[wide]).await.unwrap().refused.unwrap().0, 0);
}

pub async fn buckets_of_other_tenants_and_subjects_are_others(subject: Tested) {
    let cache = subject.cache();
    let tenant = TenantId::generate();
    for bucket in [
        bucket(tenant, Subject::Tenant, "1/h", 1),
        bucket(tenant, Subject::Key("a".to_owned()), "1/h", 1),
        bucket(tenant, Subject::Tool("a".to_owned()), "1/h", 1),
        bucket(TenantId::generate(), Subject::Tenant, "1/h", 1),
    ] {
        assert_eq!(
            cache.take(std::slice::from_ref(&bucket)).await.unwrap().refused,
            None,
            "{bucket:?}"
        );
        assert!(cache.take(&[bucket]).await.unwrap().refused.is_some());
    }
}

/// The figure of the product: two participants together get what the limit says, within 5 %.
pub async fn two_participants_together_get_what_the_limit_says(subject: Tested) {
    let bucket = [bucket(TenantId::generate(), Subject::Tenant, "200/s", 50)];
    let began = Instant::now();
    let hammer = |cache: std::sync::Arc<dyn domain::ports::Cache>| {
        let bucket = bucket.clone();
        async move {
            let mut accepted = 0_u32;
            while began.elapsed() < Duration::from_secs(3) {
                accepted += u32::from(cache.take(&bucket).await.unwrap().refused.is_none());
                tokio::task::yield_now().await;
            }
            accepted
        }
    };
    let accepted: u32 = join_all([hammer(subject.cache()), hammer(subject.cache())])
        .await
        .iter()
        .sum();
    let allowed = 50.0 + 200.0 * began.elapsed().as_secs_f64();
    let share = f64::from(accepted) / allowed;
    assert!((0.95..=1.05).contains(&share), "{accepted} of {allowed}");
}

pub async fn a_limit_that_becomes_wider_has_a_token_again_after_an_interval_of_its_own(subject: Tested) {
    let cache = subject.cache();
    let tenant = TenantId::generate();
    let narrow = [bucket(tenant, Subject::Tenant, "1/h", 1)];
    assert_eq!(cache.take(&narrow).await.unwrap().refused, None);
    assert!(cache.take(&narrow).await.unwrap().refused.is_some());
    let wide = [bucket(tenant, Subject::Tenant, "20/s", 2)];
    let passes = || async { cache.take(&wide).await.unwrap().refused.is_none().then_some(()) };
    test_support::eventually(SOON, passes).await.unwrap();
}
