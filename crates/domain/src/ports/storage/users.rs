//! Users.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;
use crate::id::TenantId;
use crate::key::ApiKey;
use crate::page::{Page, PageRequest};
use crate::user::User;

/// Users. The keys that their tokens stand for are not in the lists of [`super::Keys`].
#[async_trait]
pub trait Users: Send + Sync {
    /// Stores a new user with their key. Conflict on `name` when a user of the installation, or a live key of the tenant,
    /// has it.
    async fn create(&self, tenant: TenantId, user: &User, key: &ApiKey) -> Result<()>;
    /// One user.
    async fn get(&self, tenant: TenantId, name: &str) -> Result<User>;
    /// The tenant's users, newest first.
    async fn list(&self, tenant: TenantId, page: PageRequest) -> Result<Page<User>>;
    /// Stores a user as they are now. Their keys are revoked at this instant, and `key`, if there is one, is theirs from
    /// now on.
    async fn renew(
        &self,
        tenant: TenantId,
        user: &User,
        key: Option<&ApiKey>,
        at: DateTime<Utc>,
    ) -> Result<()>;
    /// Across tenants: the user who signs in with this name.
    async fn by_name(&self, name: &str) -> Result<Option<User>>;
}
