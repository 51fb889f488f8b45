//! API keys: their text, and when they are accepted.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use chrono::{DateTime, Duration, Utc};
use domain::key::KeyRefusal;
use domain::{ApiKey, KeyId, KeyKind, PresentedKey, Scope, TenantId};

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn stored(presented: &PresentedKey) -> ApiKey {
    ApiKey {
        id: KeyId::generate(),
        tenant_id: TenantId::generate(),
        name: "ci".into(),
        kind: KeyKind::Agent,
        scopes: KeyKind::Agent.default_scopes(),
        pins: Vec::new(),
        prefix: presented.prefix().to_owned(),
        hash: presented.hash().to_vec(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        created_at: noon(),
    }
}

#[test]
fn a_minted_key_is_read_back_from_its_text() {
    let minted = PresentedKey::mint(&[7; 38]);
    let read = PresentedKey::parse(&minted.reveal()).unwrap();
    assert_eq!((read.prefix(), read.hash()), (minted.prefix(), minted.hash()));
    assert!(
        stored(&minted)
            .verify(&read, noon())
            .unwrap()
            .may(Scope::ToolsCall)
    );
}

#[test]
fn only_the_exact_form_is_read() {
    let good = PresentedKey::mint(&[7; 38]).reveal().to_string();
    let bad = [
        good.replacen("dm_", "dn_", 1),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        good.to_uppercase(),
    ];
    for text in bad {
        assert_eq!(
            PresentedKey::parse(&text).err(),
            Some(KeyRefusal::Malformed),
            "{text}"
        );
    }
}

#[test]
fn a_wrong_secret_never_learns_that_the_key_was_revoked() {
    let right = PresentedKey::mint(&[7; 38]);
    let mut random = [7; 38];
    random[37] = 8;
    let wrong = PresentedKey::mint(&random);
    let key = ApiKey {
        revoked_at: Some(noon()),
        ..stored(&right)
    };
    assert_eq!(key.verify(&right, noon()).err(), Some(KeyRefusal::Revoked));
    assert_eq!(key.verify(&wrong, noon()).err(), Some(KeyRefusal::Unknown));
}

#[test]
fn a_key_is_refused_from_the_instant_on_that_it_expires() {
    let presented = PresentedKey::mint(&[7; 38]);
    let key = ApiKey {
        expires_at: Some(noon()),
        ..stored(&presented)
    };
    assert!(key.verify(&presented, noon() - Duration::milliseconds(1)).is_ok());
    assert_eq!(key.verify(&presented, noon()).err(), Some(KeyRefusal::Expired));
}

#[test]
fn no_kind_of_key_but_service_may_speak_as_a_service() {
    for kind in [KeyKind::Admin, KeyKind::User, KeyKind::Agent, KeyKind::Gateway] {
        assert!(!kind.default_scopes().contains(&Scope::Internal), "{kind:?}");
    }
}

#[test]
fn a_presented_key_is_never_printed() {
    let presented = PresentedKey::mint(&std::array::from_fn(|byte| u8::try_from(byte).unwrap()));
    let secret = presented.reveal().rsplit('_').next().unwrap().to_owned();
    assert!(!format!("{presented:?}").contains(&secret[..8]), "{presented:?}");
}
