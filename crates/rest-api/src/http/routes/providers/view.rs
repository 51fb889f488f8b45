//! How the API shows and takes providers.

use chrono::{DateTime, Utc};
use domain::provider::{AuthScheme, DescriptionSource, Health, Selection, Skipped};
use domain::{Provider, ProviderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::LimitsView;
use crate::http::routes::keys::mirrored;

/// How calls are authenticated.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthView {
    /// Calls carry no credential.
    #[default]
    None,
    /// `Authorization: Bearer SECRET`.
    Bearer,
    /// `Authorization: Basic`, the secret being `user:password`.
    Basic,
    /// A header of this name carries the secret.
    Header {
        /// Header name.
        name: String,
    },
    /// A query parameter of this name carries the secret.
    Query {
        /// Parameter name.
        name: String,
    },
}

impl From<AuthScheme> for AuthView {
    fn from(auth: AuthScheme) -> Self {
        match auth {
            AuthScheme::None => Self::None,
            AuthScheme::Bearer => Self::Bearer,
            AuthScheme::Basic => Self::Basic,
            AuthScheme::Header { name } => Self::Header { name },
            AuthScheme::Query { name } => Self::Query { name },
        }
    }
}

impl From<AuthView> for AuthScheme {
    fn from(auth: AuthView) -> Self {
        match auth {
            AuthView::None => Self::None,
            AuthView::Bearer => Self::Bearer,
            AuthView::Basic => Self::Basic,
            AuthView::Header { name } => Self::Header { name },
            AuthView::Query { name } => Self::Query { name },
        }
    }
}

/// Which operations become tools. Globs match the operation id, `METHOD /path`, or a tag.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SelectionView {
    /// Only what matches one of these; everything when empty.
    pub allow: Vec<String>,
    /// Never what matches one of these.
    pub deny: Vec<String>,
}

impl From<Selection> for SelectionView {
    fn from(Selection { allow, deny }: Selection) -> Self {
        Self { allow, deny }
    }
}

impl From<SelectionView> for Selection {
    fn from(SelectionView { allow, deny }: SelectionView) -> Self {
        Self { allow, deny }
    }
}

/// Where a description comes from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceView {
    /// Fetched from this address at every refresh.
    Url {
        /// `http` or `https` address.
        url: String,
    },
    /// Handed over here.
    Inline {
        /// OpenAPI 3.x or Swagger 2.0, JSON or YAML.
        text: String,
    },
}

impl From<SourceView> for DescriptionSource {
    fn from(source: SourceView) -> Self {
        match source {
            SourceView::Url { url } => Self::Url { url },
            SourceView::Inline { text } => Self::Inline { text },
        }
    }
}

/// A provider that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderRequest {
    /// Short name; tool names begin with it.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,31}$")]
    pub name: String,
    /// Where its description comes from.
    pub source: SourceView,
    /// Where calls go; the description's first server when absent.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How calls are authenticated.
    #[serde(default)]
    pub auth: AuthView,
    /// The credential; needed by every `auth` but `none`. Stored encrypted, never shown.
    #[serde(default)]
    #[schema(write_only)]
    pub secret: Option<String>,
    /// Which operations become tools.
    #[serde(default)]
    pub selection: SelectionView,
    /// Private hosts that it may reach: names, `*.suffix`, addresses, CIDR blocks. Needs the scope `admin`.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Bounds of its calls.
    #[serde(default)]
    pub limits: LimitsView,
}

/// What is to be different; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderPatch {
    /// Which operations become tools, from the next refresh on.
    #[serde(default)]
    pub selection: Option<SelectionView>,
    /// Private hosts that it may reach. Needs the scope `admin`.
    #[serde(default)]
    pub allowed_hosts: Option<Vec<String>>,
    /// Bounds of its calls.
    #[serde(default)]
    pub limits: Option<LimitsView>,
}

mirrored! {
    /// Whether a provider answers.
    HealthName of Health {
        Unknown = "unknown",
        Healthy = "healthy",
        Unhealthy = "unhealthy",
    }
}

/// A provider, without its credential.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: ProviderId,
    /// Short name.
    pub name: String,
    /// What stands behind it: `openapi`.
    pub kind: String,
    /// Where calls go.
    pub base_url: String,
    /// How calls are authenticated.
    pub auth: AuthView,
    /// Which operations become tools.
    pub selection: SelectionView,
    /// Private hosts that it may reach.
    pub allowed_hosts: Vec<String>,
    /// Bounds of its calls.
    pub limits: LimitsView,
    /// Result of the last health check.
    pub health: HealthName,
    /// Counts changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its tools were last read from the description.
    pub refreshed_at: DateTime<Utc>,
}

impl From<Provider> for ProviderView {
    fn from(provider: Provider) -> Self {
        Self {
            id: provider.id,
            name: provider.name,
            kind: provider.kind.as_str().to_owned(),
            base_url: provider.base_url,
            auth: provider.auth.into(),
            selection: provider.selection.into(),
            allowed_hosts: provider.allowed_hosts,
            limits: provider.limits.into(),
            health: provider.health.into(),
            version: provider.version,
            created_at: provider.created_at,
            refreshed_at: provider.refreshed_at,
        }
    }
}

/// An operation that is no tool.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkippedView {
    /// `METHOD /path`.
    pub operation: String,
    /// Why.
    pub reason: String,
}

impl From<Skipped> for SkippedView {
    fn from(Skipped { operation, reason }: Skipped) -> Self {
        Self { operation, reason }
    }
}
