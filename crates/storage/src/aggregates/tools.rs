//! Tools: reading them, and storing those of an import.

use std::collections::{HashMap, HashSet};

use domain::ports::storage::ToolDiff;
use domain::{EntityKind, Page, PageRequest, ProviderId, StoreError, TenantId, Tool};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::unit::Unit;
use super::{BATCH, Db};
use crate::cursor;
use crate::fault::Fault;
use crate::rows::tool::{ToolRow, definition, tool_columns};

const BY_NAME: &str = concat!(
    "SELECT ",
    tool_columns!(),
    "
       FROM tools
      WHERE tenant_id = $1 AND name = $2"
);

const LIST: &str = concat!(
    "SELECT ",
    tool_columns!(),
    "
       FROM tools
      WHERE tenant_id = $1
        AND ($2 IS NULL OR provider_id = $2)
        AND ($3 IS NULL OR name > $3)
      ORDER BY name
      LIMIT $4"
);

const FINGERPRINTS: &str = "
    SELECT id, name, fingerprint
      FROM tools
     WHERE tenant_id = $1 AND provider_id = $2";

const TAKEN: &str = "SELECT name FROM tools WHERE tenant_id = ";

const DELETE: &str = "DELETE FROM tools WHERE id IN (";

const PUT: &str = "INSERT INTO tools (id, tenant_id, provider_id, name, definition, fingerprint) ";

const PUT_OVER: &str = "
    ON CONFLICT (id) DO UPDATE
       SET definition = excluded.definition,
           fingerprint = excluded.fingerprint";

/// A tool that is new or differs, ready to be stored.
struct Put<'a> {
    id: Uuid,
    name: &'a str,
    definition: String,
    fingerprint: String,
}

impl Unit {
    pub(super) async fn tool(&mut self, tenant: TenantId, name: &str) -> Result<Tool, Fault> {
        let row: ToolRow = sqlx::query_as(BY_NAME)
            .bind(tenant.0)
            .bind(name)
            .fetch_one(self.conn())
            .await?;
        Ok(row.into())
    }

    pub(super) async fn tools(
        &mut self,
        tenant: TenantId,
        provider: Option<ProviderId>,
        page: PageRequest,
    ) -> Result<Page<Tool>, Fault> {
        let rows: Vec<ToolRow> = sqlx::query_as(LIST)
            .bind(tenant.0)
            .bind(provider.map(|id| id.0))
            .bind(cursor::after_name(&page)?)
            .bind(cursor::rows_to_read(&page))
            .fetch_all(self.conn())
            .await?;
        let tools: Vec<Tool> = rows.into_iter().map(Into::into).collect();
        Ok(cursor::page(tools, &page, |tool| tool.name.clone()))
    }

    /// Makes these the provider's tools. Those whose name stays keep their id; those that are the same are not touched.
    pub(super) async fn import_tools(
        &mut self,
        tenant: TenantId,
        provider: ProviderId,
        tools: &[Tool],
    ) -> Result<ToolDiff, Fault> {
        let rows: Vec<(Uuid, String, String)> = sqlx::query_as(FINGERPRINTS)
            .bind(tenant.0)
            .bind(provider.0)
            .fetch_all(self.conn())
            .await?;
        let mut stored: HashMap<_, _> = rows
            .into_iter()
            .map(|(id, name, fingerprint)| (name, (id, fingerprint)))
            .collect();
        let mut diff = ToolDiff::default();
        let mut puts = Vec::new();
        let mut names = HashSet::new();
        for tool in tools {
            if !names.insert(&tool.name) {
                return Err(taken(&tool.name, "twice in this import").into());
            }
            let (definition, fingerprint) = definition(tool)?;
            let id = match stored.remove(&tool.name) {
                Some((_, same)) if same == fingerprint => continue,
                Some((id, _)) => {
                    diff.changed.push(tool.name.clone());
                    id
                }
                None => {
                    diff.added.push(tool.name.clone());
                    tool.id.0
                }
            };
            puts.push(Put {
                id,
                name: &tool.name,
                definition,
                fingerprint,
            });
        }
        let gone: Vec<Uuid> = stored.values().map(|(id, _)| *id).collect();
        diff.removed = stored.into_keys().collect();
        for names in [&mut diff.added, &mut diff.changed, &mut diff.removed] {
            names.sort_unstable();
        }
        self.delete_tools(tenant, &gone).await?;
        self.refuse_taken(tenant, provider, &diff.added).await?;
        self.put_tools(tenant, provider, &puts).await?;
        Ok(diff)
    }

    async fn delete_tools(&mut self, tenant: TenantId, gone: &[Uuid]) -> Result<(), Fault> {
        for batch in gone.chunks(BATCH) {
            let mut delete = QueryBuilder::<Db>::new(DELETE);
            let mut list = delete.separated(", ");
            for id in batch {
                list.push_bind(*id);
                self.changed(tenant, EntityKind::Tool, *id);
            }
            delete.push(") AND tenant_id = ").push_bind(tenant.0);
            delete.build().persistent(false).execute(self.conn()).await?;
        }
        Ok(())
    }

    /// Says which name another provider's tool has; the unique constraint would only say that there is one.
    async fn refuse_taken(
        &mut self,
        tenant: TenantId,
        provider: ProviderId,
        added: &[String],
    ) -> Result<(), Fault> {
        for batch in added.chunks(BATCH) {
            let mut query = QueryBuilder::<Db>::new(TAKEN);
            query
                .push_bind(tenant.0)
                .push(" AND provider_id <> ")
                .push_bind(provider.0);
            query.push(" AND name IN (");
            let mut list = query.separated(", ");
            for name in batch {
                list.push_bind(name.clone());
            }
            query.push(") ORDER BY name LIMIT 1");
            let found: Option<String> = query
                .build_query_scalar()
                .persistent(false)
                .fetch_optional(self.conn())
                .await?;
            if let Some(name) = found {
                return Err(taken(&name, "of another provider already").into());
            }
        }
        Ok(())
    }

    async fn put_tools(
        &mut self,
        tenant: TenantId,
        provider: ProviderId,
        puts: &[Put<'_>],
    ) -> Result<(), Fault> {
        for batch in puts.chunks(BATCH) {
            let mut insert = QueryBuilder::<Db>::new(PUT);
            insert.push_values(batch, |mut row, put| {
                row.push_bind(put.id)
                    .push_bind(tenant.0)
                    .push_bind(provider.0)
                    .push_bind(put.name.to_owned())
                    .push_bind(put.definition.clone())
                    .push_bind(put.fingerprint.clone());
            });
            insert.push(PUT_OVER);
            insert.build().persistent(false).execute(self.conn()).await?;
            for put in batch {
                self.changed(tenant, EntityKind::Tool, put.id);
            }
        }
        Ok(())
    }
}

fn taken(name: &str, whose: &str) -> StoreError {
    StoreError::conflict("name", format!("there is a tool `{name}` {whose}"))
}
