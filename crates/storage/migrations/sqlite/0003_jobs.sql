-- Why: a job and the message that announces it are written in one transaction, so that neither exists without the
-- other. The outbox row is the message; it goes when the broker has confirmed it, or when the job is claimed.

CREATE TABLE jobs (
    id              BLOB    NOT NULL PRIMARY KEY,
    tenant_id       BLOB    NOT NULL REFERENCES tenants,
    kind            TEXT    NOT NULL,
    payload         TEXT    NOT NULL, -- JSON
    effect          TEXT    NOT NULL,
    priority        TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    max_attempts    INTEGER NOT NULL,
    run_at          TEXT    NOT NULL,
    lease_owner     TEXT,
    lease_until     TEXT,
    effect_begun    BOOLEAN NOT NULL,
    result          TEXT,             -- JSON
    error           TEXT,             -- JSON
    trace           TEXT    NOT NULL, -- JSON
    idempotency_key TEXT,
    requested_by    BLOB,
    created_at      TEXT    NOT NULL,
    updated_at      TEXT    NOT NULL,
    ended_by        TEXT,             -- who ended the last attempt: the same end may be told twice
    published_at    TEXT,             -- when the broker confirmed the last message
    UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX jobs_of_tenant ON jobs (tenant_id, id);
CREATE INDEX jobs_pending ON jobs (run_at) WHERE state = 'pending';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_in_doubt ON jobs (kind) WHERE state = 'in_doubt';
CREATE INDEX jobs_finished ON jobs (updated_at) WHERE state IN ('done', 'failed');

-- AUTOINCREMENT: the id of a row that is gone is never given again, so a late confirmation cannot hit another row.
CREATE TABLE outbox (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant_id  BLOB    NOT NULL REFERENCES tenants,
    job_id     BLOB    NOT NULL UNIQUE REFERENCES jobs ON DELETE CASCADE,
    kind       TEXT    NOT NULL,
    attempt    INTEGER NOT NULL, -- the number that the claim must carry
    priority   TEXT    NOT NULL,
    urgency    INTEGER NOT NULL, -- priority as a number, the most urgent highest
    trace      TEXT    NOT NULL, -- JSON
    held_until TEXT    NOT NULL  -- no relay takes it before: first the job's run_at, then the end of a relay's hold
);
CREATE INDEX outbox_due ON outbox (urgency DESC, id);
