-- Why: agents and the tasks that they are given (domain::agent, domain::task). What is searched by has a column of its
-- own; the noun itself is one document beside them. `version` rises with every change, so that of two that were decided
-- on the same state only one is stored. A task, its events, and the choice of its agent are one transaction.

CREATE TABLE agent_manifests (
    tenant_id BLOB NOT NULL REFERENCES tenants,
    name      TEXT NOT NULL,
    document  TEXT NOT NULL, -- JSON
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE agents (
    id         BLOB NOT NULL PRIMARY KEY,
    tenant_id  BLOB NOT NULL REFERENCES tenants,
    name       TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    state      TEXT NOT NULL,
    check_at   TEXT, -- when its silence is to be looked at
    version    INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    document   TEXT NOT NULL, -- JSON
    chosen_at  INTEGER NOT NULL DEFAULT 0, -- when it was last given a task, in milliseconds
    experience TEXT NOT NULL DEFAULT '{}', -- JSON: what was learned of it, by sort of task
    learned    INTEGER NOT NULL DEFAULT 0, -- how often that has changed
    UNIQUE (tenant_id, name)
);
CREATE INDEX agents_of_tenant ON agents (tenant_id, id);
CREATE INDEX agents_present ON agents (tenant_id) WHERE state <> 'offline';
CREATE INDEX agents_silent ON agents (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX agents_gone ON agents (changed_at) WHERE state = 'offline';

CREATE TABLE tasks (
    id              BLOB NOT NULL PRIMARY KEY,
    tenant_id       BLOB NOT NULL REFERENCES tenants,
    kind            TEXT NOT NULL,
    state           TEXT NOT NULL,
    urgency         INTEGER NOT NULL, -- priority as a number, the most urgent highest
    assignee        BLOB,
    parent_id       BLOB,
    due_at          TEXT, -- when something is to be done about it
    idempotency_key TEXT,
    version         INTEGER NOT NULL,
    finished_at     TEXT,
    document        TEXT NOT NULL, -- JSON
    UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX tasks_of_tenant ON tasks (tenant_id, id);
CREATE INDEX tasks_parts ON tasks (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX tasks_held ON tasks (tenant_id, assignee) WHERE state IN ('assigned', 'accepted', 'in_progress');
CREATE INDEX tasks_pending ON tasks (tenant_id, urgency DESC, id) WHERE state = 'pending';
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE task_events (
    tenant_id BLOB NOT NULL REFERENCES tenants,
    task_id   BLOB NOT NULL REFERENCES tasks ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    document  TEXT NOT NULL, -- JSON
    PRIMARY KEY (task_id, number)
);

CREATE TABLE routing_decisions (
    id         BLOB NOT NULL PRIMARY KEY,
    tenant_id  BLOB NOT NULL REFERENCES tenants,
    task_id    BLOB NOT NULL REFERENCES tasks ON DELETE CASCADE,
    decided_at TEXT NOT NULL,
    document   TEXT NOT NULL -- JSON
);
CREATE INDEX routing_decisions_of_task ON routing_decisions (task_id, id);
CREATE INDEX routing_decisions_of_tenant ON routing_decisions (tenant_id, decided_at);
