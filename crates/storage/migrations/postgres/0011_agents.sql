-- Why: agents and the tasks that they are given (domain::agent, domain::task). What is searched by has a column of its
-- own; the noun itself is one document beside them. `version` rises with every change, so that of two that were decided
-- on the same state only one is stored. A task, its events, and the choice of its agent are one transaction.

CREATE TABLE agent_manifests (
    tenant_id uuid NOT NULL REFERENCES tenants,
    name      text COLLATE "C" NOT NULL,
    document  text NOT NULL, -- JSON
    CONSTRAINT agent_manifests_name PRIMARY KEY (tenant_id, name)
);

CREATE TABLE agents (
    id         uuid        CONSTRAINT agents_id PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES tenants,
    name       text        COLLATE "C" NOT NULL,
    agent_type text        NOT NULL,
    state      text        NOT NULL,
    check_at   timestamptz,          -- when its silence is to be looked at
    version    bigint      NOT NULL,
    changed_at timestamptz NOT NULL,
    document   text        NOT NULL, -- JSON
    chosen_at  bigint      NOT NULL DEFAULT 0,    -- when it was last given a task, in milliseconds
    experience text        NOT NULL DEFAULT '{}', -- JSON: what was learned of it, by sort of task
    learned    bigint      NOT NULL DEFAULT 0,    -- how often that has changed
    CONSTRAINT agents_name UNIQUE (tenant_id, name)
);
CREATE INDEX agents_of_tenant ON agents (tenant_id, id);
CREATE INDEX agents_present ON agents (tenant_id) WHERE state <> 'offline';
CREATE INDEX agents_silent ON agents (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX agents_gone ON agents (changed_at) WHERE state = 'offline';

CREATE TABLE tasks (
    id              uuid        CONSTRAINT tasks_id PRIMARY KEY,
    tenant_id       uuid        NOT NULL REFERENCES tenants,
    kind            text        NOT NULL,
    state           text        NOT NULL,
    urgency         bigint      NOT NULL, -- priority as a number, the most urgent highest
    assignee        uuid,
    parent_id       uuid,
    due_at          timestamptz,          -- when something is to be done about it
    idempotency_key text,
    version         bigint      NOT NULL,
    finished_at     timestamptz,
    document        text        NOT NULL, -- JSON
    CONSTRAINT tasks_idempotency_key UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX tasks_of_tenant ON tasks (tenant_id, id);
CREATE INDEX tasks_parts ON tasks (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX tasks_held ON tasks (tenant_id, assignee) WHERE state IN ('assigned', 'accepted', 'in_progress');
CREATE INDEX tasks_pending ON tasks (tenant_id, urgency DESC, id) WHERE state = 'pending';
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE task_events (
    tenant_id uuid   NOT NULL REFERENCES tenants,
    task_id   uuid   NOT NULL REFERENCES tasks ON DELETE CASCADE,
    number    bigint NOT NULL,
    document  text   NOT NULL, -- JSON
    CONSTRAINT task_events_number PRIMARY KEY (task_id, number)
);

CREATE TABLE routing_decisions (
    id         uuid        CONSTRAINT routing_decisions_id PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES tenants,
    task_id    uuid        NOT NULL REFERENCES tasks ON DELETE CASCADE,
    decided_at timestamptz NOT NULL,
    document   text        NOT NULL -- JSON
);
CREATE INDEX routing_decisions_of_task ON routing_decisions (task_id, id);
CREATE INDEX routing_decisions_of_tenant ON routing_decisions (tenant_id, decided_at);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['agent_manifests', 'agents', 'tasks', 'task_events', 'routing_decisions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO devmesh_app
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        EXECUTE format('CREATE POLICY every_tenant ON %I TO devmesh_relay USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON agent_manifests TO devmesh_app;
GRANT SELECT, INSERT, UPDATE ON agents, tasks TO devmesh_app;
GRANT SELECT, INSERT ON task_events, routing_decisions TO devmesh_app;
GRANT SELECT ON agent_manifests TO devmesh_relay;
GRANT SELECT, DELETE ON agents, tasks, task_events, routing_decisions TO devmesh_relay;
