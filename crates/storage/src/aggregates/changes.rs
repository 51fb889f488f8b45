//! The numbered changes of the catalogue, and the whole of it in pages.

use async_trait::async_trait;
use domain::ports::storage::Changes;
use domain::{Change, Entity, EntityKind, StoreError, TenantId};
use tokio::sync::watch;
use uuid::Uuid;

use super::entities;
use super::store::Store;
use crate::column::Word;
use crate::cursor;

const EPOCH: &str = "SELECT epoch FROM change_counter";

const HEAD: &str = "SELECT number FROM change_counter";

const KNOWN: &str = "SELECT pruned, number FROM change_counter";

const SINCE: &str = "
    SELECT number, tenant_id, kind, entity_id
      FROM changes
     WHERE number > $1
     ORDER BY number
     LIMIT $2";

/// The order of a snapshot: what others refer to comes first.
const ORDER: [EntityKind; 5] = [
    EntityKind::Tenant,
    EntityKind::Key,
    EntityKind::Provider,
    EntityKind::Tool,
    EntityKind::Limit,
];

type Row = (i64, Uuid, Word<EntityKind>, Uuid);

#[async_trait]
impl Changes for Store {
    async fn epoch(&self) -> Result<String, StoreError> {
        self.call("epoch", "change_counter", async {
            let mut unit = self.read_across().await?;
            Ok(sqlx::query_scalar(EPOCH).fetch_one(unit.conn()).await?)
        })
        .await
    }

    async fn head(&self) -> Result<i64, StoreError> {
        self.call("head", "change_counter", async {
            let mut unit = self.read_across().await?;
            Ok(sqlx::query_scalar(HEAD).fetch_one(unit.conn()).await?)
        })
        .await
    }

    async fn snapshot(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<(Vec<Entity>, Option<String>), StoreError> {
        self.call("snapshot", "changes", async {
            let (mut kinds, mut after) = remaining(after.as_deref())?;
            let mut unit = self.read_across().await?;
            let mut page = Vec::new();
            while let Some((kind, later)) = kinds.split_first() {
                let room = limit.max(1) as usize - page.len();
                let (entities, last) = entities::after(unit.conn(), *kind, after, room).await?;
                let full = entities.len() == room;
                page.extend(entities);
                if let Some(last) = last.filter(|_| full) {
                    return Ok((page, Some(cursor::encode(&format!("{}:{last}", kind.as_str())))));
                }
                (kinds, after) = (later, Uuid::nil());
            }
            Ok((page, None))
        })
        .await
    }

    async fn since(&self, number: i64, limit: u32) -> Result<Option<Vec<Change>>, StoreError> {
        self.call("since", "changes", async {
            let mut unit = self.read_across().await?;
            let (pruned, head): (i64, i64) = sqlx::query_as(KNOWN).fetch_one(unit.conn()).await?;
            if number < pruned || number > head {
                return Ok(None);
            }
            let rows: Vec<Row> = sqlx::query_as(SINCE)
                .bind(number)
                .bind(i64::from(limit))
                .fetch_all(unit.conn())
                .await?;
            let named: Vec<_> = rows.iter().map(|(_, _, kind, id)| (kind.0, *id)).collect();
            let entities = entities::by_ids(unit.conn(), &named).await?;
            let change = |(number, tenant, kind, id): Row| Change {
                number,
                tenant_id: TenantId(tenant),
                kind: kind.0,
                id,
                entity: entities.get(&(kind.0, id)).cloned(),
            };
            Ok(Some(rows.into_iter().map(change).collect()))
        })
        .await
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.signals.changes()
    }
}

/// Which kinds a snapshot still has to read, and after which id of the first of them.
fn remaining(after: Option<&str>) -> Result<(&'static [EntityKind], Uuid), StoreError> {
    let Some(after) = after else {
        return Ok((&ORDER, Uuid::nil()));
    };
    let key = cursor::decode(after)?;
    let (kind, id) = key.split_once(':').ok_or_else(cursor::malformed)?;
    let at = ORDER
        .iter()
        .position(|known| known.as_str() == kind)
        .ok_or_else(cursor::malformed)?;
    let id = Uuid::parse_str(id).map_err(|_| cursor::malformed())?;
    Ok((ORDER.get(at..).unwrap_or_default(), id))
}
