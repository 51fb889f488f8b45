-- Why: audit records arrive in batches of many tenants, perhaps twice, perhaps after their tenant is gone (hence no
-- foreign key); answers to creating calls are kept so that a repeated call answers the same.

CREATE TABLE audit_records (
    id               BLOB    NOT NULL PRIMARY KEY,
    tenant_id        BLOB    NOT NULL,
    ended_at         TEXT    NOT NULL,
    key_id           BLOB,
    service          TEXT    NOT NULL,
    action           TEXT    NOT NULL,
    tool             TEXT,
    provider         TEXT,
    outcome          TEXT    NOT NULL,
    status           INTEGER NOT NULL,
    duration_ms      INTEGER NOT NULL,
    request_bytes    INTEGER NOT NULL,
    response_bytes   INTEGER NOT NULL,
    arguments_sha256 TEXT,
    trace_id         TEXT,
    request_id       TEXT,
    job_id           BLOB
);
CREATE INDEX audit_records_of_tenant ON audit_records (tenant_id, id);
CREATE INDEX audit_records_of_trace ON audit_records (tenant_id, trace_id);
CREATE INDEX audit_records_age ON audit_records (ended_at);

CREATE TABLE answers (
    tenant_id       BLOB NOT NULL REFERENCES tenants,
    idempotency_key TEXT NOT NULL,
    fingerprint     TEXT NOT NULL,
    status          INTEGER,          -- NULL while the first call is still running
    body            BLOB NOT NULL,
    created_at      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, idempotency_key)
);
CREATE INDEX answers_age ON answers (created_at);
