-- Why: a job and the message that announces it are written in one transaction, so that neither exists without the
-- other. The outbox row is the message; it goes when the broker has confirmed it, or when the job is claimed.

CREATE TABLE jobs (
    id              uuid        CONSTRAINT jobs_id PRIMARY KEY,
    tenant_id       uuid        NOT NULL REFERENCES tenants,
    kind            text        NOT NULL,
    payload         text        NOT NULL, -- JSON
    effect          text        NOT NULL,
    priority        text        NOT NULL,
    state           text        NOT NULL,
    attempt         bigint      NOT NULL,
    max_attempts    bigint      NOT NULL,
    run_at          timestamptz NOT NULL,
    lease_owner     text,
    lease_until     timestamptz,
    effect_begun    boolean     NOT NULL,
    result          text,                 -- JSON
    error           text,                 -- JSON
    trace           text        NOT NULL, -- JSON
    idempotency_key text,
    requested_by    uuid,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    ended_by        text,                 -- who ended the last attempt: the same end may be told twice
    published_at    timestamptz,          -- when the broker confirmed the last message
    CONSTRAINT jobs_idempotency_key UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX jobs_of_tenant ON jobs (tenant_id, id);
CREATE INDEX jobs_pending ON jobs (run_at) WHERE state = 'pending';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_in_doubt ON jobs (kind) WHERE state = 'in_doubt';
CREATE INDEX jobs_finished ON jobs (updated_at) WHERE state IN ('done', 'failed');

CREATE TABLE outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_id PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES tenants,
    job_id     uuid        NOT NULL CONSTRAINT outbox_job UNIQUE REFERENCES jobs ON DELETE CASCADE,
    kind       text        NOT NULL,
    attempt    bigint      NOT NULL, -- the number that the claim must carry
    priority   text        NOT NULL,
    urgency    bigint      NOT NULL, -- priority as a number, the most urgent highest
    trace      text        NOT NULL, -- JSON
    held_until timestamptz NOT NULL  -- no relay takes it before: first the job's run_at, then the end of a relay's hold
);
CREATE INDEX outbox_due ON outbox (urgency DESC, id);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['jobs', 'outbox'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO devmesh_app
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        EXECUTE format('CREATE POLICY every_tenant ON %I TO devmesh_relay USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON jobs TO devmesh_app;
GRANT SELECT, INSERT, DELETE ON outbox TO devmesh_app;
GRANT SELECT, UPDATE, DELETE ON jobs TO devmesh_relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO devmesh_relay;
