//! The catalogue's entities as they stand now, across tenants.

use std::collections::HashMap;

use domain::{Entity, EntityKind};
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::{BATCH, Connection, Db};
use crate::column::signed;
use crate::fault::Fault;
use crate::rows::key::{KeyRow, key_columns};
use crate::rows::limit::{LimitRow, limit_columns};
use crate::rows::provider::{ProviderRow, provider_columns};
use crate::rows::tenant::{TenantRow, tenant_columns};
use crate::rows::tool::{ToolRow, tool_columns};

type Row = <Db as sqlx::Database>::Row;

/// At most `limit` entities of a kind after an id, in the order of their ids, and the id of the last one.
pub(super) async fn after(
    connection: &mut Connection,
    kind: EntityKind,
    after: Uuid,
    limit: usize,
) -> Result<(Vec<Entity>, Option<Uuid>), Fault> {
    let mut query = select(kind);
    query.push("WHERE id > ").push_bind(after);
    query.push(" ORDER BY id LIMIT ").push_bind(signed(limit as u64));
    let rows = query.build().fetch_all(connection).await?;
    let entities = rows
        .iter()
        .map(|row| read(kind, row))
        .collect::<Result<Vec<_>, _>>()?;
    let last = entities.last().map(id_of);
    Ok((entities, last))
}

/// The entities of these kinds and ids; those that are gone are missing.
pub(super) async fn by_ids(
    connection: &mut Connection,
    wanted: &[(EntityKind, Uuid)],
) -> Result<HashMap<(EntityKind, Uuid), Entity>, Fault> {
    let mut ids: HashMap<EntityKind, Vec<Uuid>> = HashMap::new();
    for (kind, id) in wanted {
        ids.entry(*kind).or_default().push(*id);
    }
    let mut found = HashMap::with_capacity(wanted.len());
    for (kind, ids) in ids {
        for batch in ids.chunks(BATCH) {
            let mut query = select(kind);
            query.push("WHERE id IN (");
            let mut list = query.separated(", ");
            for id in batch {
                list.push_bind(*id);
            }
            query.push(")");
            for row in query
                .build()
                .persistent(false)
                .fetch_all(&mut *connection)
                .await?
            {
                let entity = read(kind, &row)?;
                found.insert((kind, id_of(&entity)), entity);
            }
        }
    }
    Ok(found)
}

fn select(kind: EntityKind) -> QueryBuilder<Db> {
    QueryBuilder::new(match kind {
        EntityKind::Tenant => concat!("SELECT ", tenant_columns!(), " FROM tenants "),
        EntityKind::Key => concat!("SELECT ", key_columns!(), " FROM api_keys "),
        EntityKind::Provider => concat!("SELECT ", provider_columns!(), " FROM providers "),
        EntityKind::Tool => concat!("SELECT ", tool_columns!(), " FROM tools "),
        EntityKind::Limit => concat!("SELECT ", limit_columns!(), " FROM rate_limits "),
    })
}

fn read(kind: EntityKind, row: &Row) -> Result<Entity, sqlx::Error> {
    Ok(match kind {
        EntityKind::Tenant => Entity::Tenant(TenantRow::from_row(row)?.into()),
        EntityKind::Key => Entity::Key(KeyRow::from_row(row)?.into()),
        EntityKind::Provider => Entity::Provider(ProviderRow::from_row(row)?.into()),
        EntityKind::Tool => Entity::Tool(Box::new(ToolRow::from_row(row)?.into())),
        EntityKind::Limit => Entity::Limit(LimitRow::from_row(row)?.into()),
    })
}

fn id_of(entity: &Entity) -> Uuid {
    match entity {
        Entity::Tenant(tenant) => tenant.id.0,
        Entity::Key(key) => key.id.0,
        Entity::Provider(provider) => provider.id.0,
        Entity::Tool(tool) => tool.id.0,
        Entity::Limit(limit) => limit.id.0,
    }
}
