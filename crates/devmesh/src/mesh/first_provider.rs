//! The mesh's own HTTP API as the first provider, so that an agent has something real to call at once.

use std::collections::BTreeMap;
use std::time::Duration;

use control::keys::NewKey;
use control::providers::NewProvider;
use control::{Control, ControlError};
use domain::provider::{AuthScheme, CallLimits, DescriptionSource, Selection};
use domain::{JobState, KeyKind, PageRequest, Principal, Scope};
use url::{Host, Url};

use super::data_dir::DataDir;

const NAME: &str = "mesh";
const KEY_NAME: &str = "mesh-provider";
/// The file that says which address the provider was made for; an operator who removes the provider keeps it removed.
const NOTE: &str = "mesh-provider.url";
/// What agents may ask the mesh itself. Every agent key may see tools and jobs anyway; keys and the audit log are left
/// out, because whoever calls the tool would read them with the provider's key instead of the caller's.
const OPERATIONS: [&str; 8] = [
    "whoami",
    "list_tools",
    "get_tool",
    "list_providers",
    "get_provider",
    "list_skipped_operations",
    "list_jobs",
    "get_job",
];
/// The description is small and the worker is idle.
const PATIENCE: Duration = Duration::from_secs(15);

/// Makes the provider at the first start, and again when the mesh has moved to another port. A mesh without it works
/// all the same, so a failure is only logged.
pub(super) async fn ensure(control: Control, data: DataDir, api: Url) {
    let base_url = api.as_str().trim_end_matches('/');
    let made_for = std::fs::read_to_string(data.join(NOTE)).unwrap_or_default();
    if made_for.trim() == base_url || api.scheme() != "http" {
        return;
    }
    match make(&control, made_for.trim(), base_url).await {
        Ok(()) => {
            if let Err(failure) = data.write_private(NOTE, base_url) {
                tracing::warn!(error = %failure, "the provider `mesh` is there, but not the note of it");
            }
        }
        Err(reason) => tracing::warn!(reason, "the mesh's own API did not become a provider"),
    }
}

async fn make(control: &Control, made_for: &str, base_url: &str) -> Result<(), String> {
    let said = |error: ControlError| error.to_string();
    let Some(admin) = admin(control).await? else {
        return Err("no admin key is left to make it with".to_owned());
    };
    let providers = control
        .list_providers(&admin, PageRequest::first(PageRequest::MAX))
        .await
        .map_err(said)?
        .items;
    match providers.iter().find(|provider| provider.name == NAME) {
        // Made by us for an address where the mesh is no more, or, the database having been restored, may be no more.
        Some(ours) if ours.base_url == made_for || (made_for.is_empty() && is_here(&ours.base_url)) => {
            control.remove_provider(&admin, NAME, None).await.map_err(said)?
        }
        Some(_) => return Ok(()),
        // It was there and somebody removed it, or there are others already.
        None if !made_for.is_empty() || !providers.is_empty() => return Ok(()),
        None => {}
    }
    let secret = key(control, &admin).await.map_err(said)?;
    let job = control
        .add_provider(&admin, provider(base_url, secret)?)
        .await
        .map_err(said)?;
    let job = control.get_job(&admin, job.id, PATIENCE).await.map_err(said)?;
    match job.state {
        JobState::Done => Ok(()),
        state => Err(format!(
            "its import is {}: {}",
            state.as_str(),
            job.error.map(|error| error.message).unwrap_or_default()
        )),
    }
}

/// Whether this is an address of the machine itself.
fn is_here(url: &str) -> bool {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

/// Somebody of the first tenant who may: its first active admin key.
async fn admin(control: &Control) -> Result<Option<Principal>, String> {
    let tenants = control
        .storage
        .tenants
        .all_ids()
        .await
        .map_err(|error| error.to_string())?;
    let Some(tenant) = tenants.into_iter().min() else {
        return Ok(None);
    };
    let page = PageRequest::first(PageRequest::MAX);
    let keys = control
        .storage
        .keys
        .list(tenant, page)
        .await
        .map_err(|error| error.to_string())?;
    let now = control.clock.now();
    let active = |key: &&domain::ApiKey| key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now);
    let admin = |key: &&domain::ApiKey| key.scopes.contains(&Scope::Admin);
    Ok(keys
        .items
        .iter()
        .filter(active)
        .filter(admin)
        .min_by_key(|key| key.id)
        .map(domain::ApiKey::principal))
}

/// A key that can only read. One that an earlier start has left is replaced: its text is nowhere.
async fn key(control: &Control, admin: &Principal) -> Result<zeroize::Zeroizing<String>, ControlError> {
    let keys = control
        .list_keys(admin, PageRequest::first(PageRequest::MAX))
        .await?;
    for old in keys
        .items
        .iter()
        .filter(|key| key.name == KEY_NAME && key.revoked_at.is_none())
    {
        control.revoke_key(admin, old.id).await?;
    }
    let new = NewKey {
        name: KEY_NAME.to_owned(),
        kind: KeyKind::Gateway,
        scopes: Some([Scope::ToolsRead, Scope::JobsRead].into()),
        pins: Vec::new(),
        expires_at: None,
    };
    let (presented, _) = control.create_key(admin, new).await?;
    Ok(presented.reveal())
}

fn provider(base_url: &str, secret: zeroize::Zeroizing<String>) -> Result<NewProvider, String> {
    let text = rest_api::http::description()
        .to_json()
        .map_err(|error| error.to_string())?;
    let host = base_url.split_once("://").map_or(base_url, |(_, host)| host);
    Ok(NewProvider {
        name: NAME.to_owned(),
        source: DescriptionSource::Inline { text },
        base_url: Some(base_url.to_owned()),
        auth: AuthScheme::Bearer,
        secret: Some(secret),
        selection: Selection {
            allow: OPERATIONS.map(str::to_owned).to_vec(),
            deny: Vec::new(),
        },
        allowed_hosts: vec![host.to_owned()],
        limits: CallLimits::default(),
        trace: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_agents_may_call_exists_and_only_reads() {
        let description: serde_json::Value =
            serde_json::from_str(&rest_api::http::description().to_json().unwrap()).unwrap();
        let paths = description["paths"].as_object().unwrap();
        for id in OPERATIONS {
            let found = paths
                .values()
                .flat_map(|path| path.as_object().unwrap())
                .find(|(_, operation)| operation["operationId"] == id);
            let (method, _) = found.unwrap_or_else(|| panic!("rest-api has no operation {id}"));
            assert_eq!(method, "get", "{id}");
        }
    }
}
