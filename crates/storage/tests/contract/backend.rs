//! A fresh storage of either back end.

use std::ops::Deref;
use std::time::Duration;

use domain::ports::Storage;
use domain::{Organization, Tenant, TenantId};
use storage::{StorageOptions, connect};
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};
use tempfile::TempDir;

use crate::samples;

/// A fresh storage, and what is needed to open it once more.
pub struct Backend {
    pub url: String,
    pub storage: Storage,
    pub telemetry: Telemetry,
    _folder: Option<TempDir>,
}

impl Deref for Backend {
    type Target = Storage;

    fn deref(&self) -> &Storage {
        &self.storage
    }
}

impl Backend {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("mesh.db").display());
        Self::open(url, Some(folder)).await
    }

    pub async fn postgres() -> Self {
        Self::open(test_support::fresh_database().await.unwrap(), None).await
    }

    pub async fn open(url: String, folder: Option<TempDir>) -> Self {
        Self::open_with(url, folder, &options()).await
    }

    pub async fn open_with(url: String, folder: Option<TempDir>, options: &StorageOptions) -> Self {
        let telemetry = quiet();
        let storage = connect(&url, options, &telemetry).await.unwrap();
        Self {
            url,
            storage,
            telemetry,
            _folder: folder,
        }
    }

    /// Another process on the same database.
    pub async fn replica(&self) -> Storage {
        connect(&self.url, &options(), &quiet()).await.unwrap()
    }

    /// A tenant of the installation's first organization; the first call makes both.
    pub async fn tenant(&self, name: &str) -> TenantId {
        let (organization, tenant) = samples::organization_and_tenant(name);
        if self.bootstrap(&organization, &tenant).await {
            return tenant.id;
        }
        let first = self.tenants.all_ids().await.unwrap()[0];
        let organization_id = self.tenants.get(first).await.unwrap().organization_id;
        let tenant = Tenant {
            organization_id,
            ..tenant
        };
        self.tenants
            .create(&tenant, &samples::key(tenant.id, "first"))
            .await
            .unwrap();
        tenant.id
    }

    async fn bootstrap(&self, organization: &Organization, tenant: &Tenant) -> bool {
        let admin = samples::key(tenant.id, "admin");
        self.tenants
            .bootstrap(organization, tenant, &admin)
            .await
            .unwrap()
    }
}

pub fn options() -> StorageOptions {
    StorageOptions {
        acquire_timeout: Duration::from_secs(20),
        ..StorageOptions::default()
    }
}

/// A service's telemetry that prints nothing.
pub fn quiet() -> Telemetry {
    let info = ServiceInfo {
        name: "rest-api",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".into(),
        instance: "0".into(),
    };
    Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap()
}
