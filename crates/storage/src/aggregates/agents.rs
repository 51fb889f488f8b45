//! Agents and what is allowed of them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::storage::{AgentFilter, Agents, Known, Learned, TaskChange};
use domain::{Agent, AgentId, Event, Manifest, Page, PageRequest, StoreError, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::{Document, Word, unsigned};
use crate::cursor;
use crate::fault::Fault;

const PUT_MANIFEST: &str = "
    INSERT INTO agent_manifests (tenant_id, name, document)
    VALUES ($1, $2, $3)
    ON CONFLICT (tenant_id, name) DO UPDATE SET document = excluded.document";

const MANIFESTS: &str = "SELECT document FROM agent_manifests WHERE tenant_id = $1 ORDER BY name";

const REMOVE_MANIFEST: &str = "DELETE FROM agent_manifests WHERE tenant_id = $1 AND name = $2";

const COUNT_MANIFESTS: &str = "SELECT tenant_id, COUNT(*) FROM agent_manifests GROUP BY tenant_id";

const ADD: &str = "
    INSERT INTO agents (id, tenant_id, name, agent_type, state, check_at, version, changed_at, document)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const SAVE: &str = "
    UPDATE agents
       SET agent_type = $3, state = $4, check_at = $5, version = $6, changed_at = $7, document = $8
     WHERE tenant_id = $1 AND id = $2 AND version = $6 - 1";

const GET: &str = "SELECT document FROM agents WHERE tenant_id = $1 AND id = $2";

const BY_NAME: &str = "SELECT document FROM agents WHERE tenant_id = $1 AND name = $2";

const LIST: &str = "
    SELECT document
      FROM agents
     WHERE tenant_id = $1
       AND ($2 IS NULL OR id < $2)
       AND ($3 IS NULL OR state = $3)
       AND ($4 IS NULL OR agent_type = $4)
       AND (NOT $5 OR state <> 'offline')
     ORDER BY id DESC
     LIMIT $6";

const PRESENT: &str = "SELECT document FROM agents WHERE tenant_id = $1 AND state <> 'offline' ORDER BY id";

const KNOWN: &str = "
    SELECT document, chosen_at, experience,
           (SELECT COUNT(*)
              FROM tasks
             WHERE tasks.tenant_id = agents.tenant_id AND assignee = agents.id
               AND tasks.state IN ('assigned', 'accepted', 'in_progress'))
      FROM agents
     WHERE tenant_id = $1 AND state <> 'offline'
     ORDER BY id";

const LEARNED: &str = "SELECT learned, experience FROM agents WHERE tenant_id = $1 AND id = $2";

const LEARN: &str = "
    UPDATE agents
       SET learned = $3, experience = $4
     WHERE tenant_id = $1 AND id = $2 AND learned = $3 - 1";

const ALL_PRESENT: &str = "SELECT document FROM agents WHERE state <> 'offline'";

const SILENT: &str = "SELECT document FROM agents WHERE check_at <= $1 ORDER BY check_at LIMIT $2";

type KnownRow = (Document<Agent>, i64, Document<Value>, i64);

#[async_trait]
impl Agents for Store {
    async fn put_manifest(&self, tenant: TenantId, manifest: &Manifest) -> Result<(), StoreError> {
        self.call("put_manifest", "agent_manifests", async {
            same_tenant(tenant, manifest.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            sqlx::query(PUT_MANIFEST)
                .bind(tenant.0)
                .bind(&manifest.name)
                .bind(Document(manifest))
                .execute(unit.conn())
                .await?;
            unit.commit().await
        })
        .await
    }

    async fn manifests(&self, tenant: TenantId) -> Result<Vec<Manifest>, StoreError> {
        self.call("manifests", "agent_manifests", async {
            let mut unit = self.read(tenant).await?;
            let rows: Vec<Document<Manifest>> = sqlx::query_scalar(MANIFESTS)
                .bind(tenant.0)
                .fetch_all(unit.conn())
                .await?;
            Ok(rows.into_iter().map(|row| row.0).collect())
        })
        .await
    }

    async fn remove_manifest(&self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        self.call("remove_manifest", "agent_manifests", async {
            let mut unit = self.write(tenant).await?;
            let removed = sqlx::query(REMOVE_MANIFEST)
                .bind(tenant.0)
                .bind(name)
                .execute(unit.conn())
                .await?;
            if removed.rows_affected() == 0 {
                return Err(StoreError::NotFound.into());
            }
            unit.commit().await
        })
        .await
    }

    async fn add(&self, tenant: TenantId, agent: &Agent) -> Result<(), StoreError> {
        self.call("add", "agents", async {
            same_tenant(tenant, agent.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            sqlx::query(ADD)
                .bind(agent.id.0)
                .bind(tenant.0)
                .bind(&agent.name)
                .bind(Word(agent.agent_type))
                .bind(Word(agent.state))
                .bind(agent.check_at())
                .bind(agent.version)
                .bind(agent.changed_at)
                .bind(Document(agent))
                .execute(unit.conn())
                .await?;
            if let Some(event) = Event::of_agent(agent, None) {
                unit.happened(event);
            }
            unit.commit().await
        })
        .await
    }

    async fn save(
        &self,
        tenant: TenantId,
        agent: &Agent,
        before: &Agent,
        lost: &[TaskChange],
        wakes: bool,
    ) -> Result<(), StoreError> {
        self.call("save", "agents", async {
            same_tenant(tenant, agent.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            unit.save_agent(agent).await?;
            if let Some(event) = Event::of_agent(agent, Some(before)) {
                unit.happened(event);
            }
            unit.save_tasks(tenant, lost).await?;
            unit.nothing_is_left(agent).await?;
            if wakes {
                unit.tasks_moved();
            }
            unit.commit().await
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: AgentId) -> Result<Agent, StoreError> {
        self.call("get", "agents", async {
            let mut unit = self.read(tenant).await?;
            let row: Document<Agent> = sqlx::query_scalar(GET)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            Ok(row.0)
        })
        .await
    }

    async fn by_name(&self, tenant: TenantId, name: &str) -> Result<Agent, StoreError> {
        self.call("by_name", "agents", async {
            let mut unit = self.read(tenant).await?;
            let row: Document<Agent> = sqlx::query_scalar(BY_NAME)
                .bind(tenant.0)
                .bind(name)
                .fetch_one(unit.conn())
                .await?;
            Ok(row.0)
        })
        .await
    }

    async fn list(
        &self,
        tenant: TenantId,
        filter: &AgentFilter,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        self.call("list", "agents", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<Document<Agent>> = sqlx::query_scalar(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(filter.state.map(Word))
                .bind(filter.agent_type.map(Word))
                .bind(filter.present)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            Ok(cursor::page(agents(rows), &page, |agent| agent.id))
        })
        .await
    }

    async fn present(&self, tenant: TenantId) -> Result<Vec<Agent>, StoreError> {
        self.call("present", "agents", async {
            let mut unit = self.read(tenant).await?;
            let rows = sqlx::query_scalar(PRESENT).bind(tenant.0).fetch_all(unit.conn());
            Ok(agents(rows.await?))
        })
        .await
    }

    async fn known(&self, tenant: TenantId) -> Result<Vec<Known>, StoreError> {
        self.call("known", "agents", async {
            let mut unit = self.read(tenant).await?;
            let rows: Vec<KnownRow> = sqlx::query_as(KNOWN)
                .bind(tenant.0)
                .fetch_all(unit.conn())
                .await?;
            let known = |(agent, chosen_at, experience, held): KnownRow| Known {
                agent: agent.0,
                chosen_at: unsigned(chosen_at),
                experience: experience.0,
                held: u32::try_from(held).unwrap_or(u32::MAX),
            };
            Ok(rows.into_iter().map(known).collect())
        })
        .await
    }

    async fn learned(&self, tenant: TenantId, id: AgentId) -> Result<Learned, StoreError> {
        self.call("learned", "agents", async {
            let mut unit = self.read(tenant).await?;
            let (number, experience): (i64, Document<Value>) = sqlx::query_as(LEARNED)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            Ok(Learned {
                number,
                experience: experience.0,
            })
        })
        .await
    }

    async fn learn(&self, tenant: TenantId, id: AgentId, learned: &Learned) -> Result<(), StoreError> {
        self.call("learn", "agents", async {
            let mut unit = self.write(tenant).await?;
            let saved = sqlx::query(LEARN)
                .bind(tenant.0)
                .bind(id.0)
                .bind(learned.number)
                .bind(Document(&learned.experience))
                .execute(unit.conn())
                .await?;
            if saved.rows_affected() == 0 {
                return Err(StoreError::Stale.into());
            }
            unit.commit().await
        })
        .await
    }

    async fn silent(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Agent>, StoreError> {
        self.call("silent", "agents", async {
            let mut unit = self.read_across().await?;
            let rows = sqlx::query_scalar(SILENT)
                .bind(now)
                .bind(i64::from(limit))
                .fetch_all(unit.conn());
            Ok(agents(rows.await?))
        })
        .await
    }

    async fn all_present(&self) -> Result<Vec<Agent>, StoreError> {
        self.call("all_present", "agents", async {
            let mut unit = self.read_across().await?;
            Ok(agents(
                sqlx::query_scalar(ALL_PRESENT).fetch_all(unit.conn()).await?,
            ))
        })
        .await
    }

    async fn count_manifests(&self) -> Result<Vec<(TenantId, u64)>, StoreError> {
        self.call("count", "agent_manifests", async {
            let mut unit = self.read_across().await?;
            let rows: Vec<(Uuid, i64)> = sqlx::query_as(COUNT_MANIFESTS).fetch_all(unit.conn()).await?;
            let count = |(tenant, count)| (TenantId(tenant), unsigned(count));
            Ok(rows.into_iter().map(count).collect())
        })
        .await
    }
}

impl Unit {
    async fn save_agent(&mut self, agent: &Agent) -> Result<(), Fault> {
        let saved = sqlx::query(SAVE)
            .bind(agent.tenant_id.0)
            .bind(agent.id.0)
            .bind(Word(agent.agent_type))
            .bind(Word(agent.state))
            .bind(agent.check_at())
            .bind(agent.version)
            .bind(agent.changed_at)
            .bind(Document(agent))
            .execute(self.conn())
            .await?;
        if saved.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Stale.into())
        }
    }
}

fn agents(rows: Vec<Document<Agent>>) -> Vec<Agent> {
    rows.into_iter().map(|row| row.0).collect()
}
