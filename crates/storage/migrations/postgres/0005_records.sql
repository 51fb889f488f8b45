-- Why: audit records arrive in batches of many tenants, perhaps twice, perhaps after their tenant is gone (hence no
-- foreign key); answers to creating calls are kept so that a repeated call answers the same.

CREATE TABLE audit_records (
    id               uuid        CONSTRAINT audit_records_id PRIMARY KEY,
    tenant_id        uuid        NOT NULL,
    ended_at         timestamptz NOT NULL,
    key_id           uuid,
    service          text        NOT NULL,
    action           text        NOT NULL,
    tool             text,
    provider         text,
    outcome          text        NOT NULL,
    status           bigint      NOT NULL,
    duration_ms      bigint      NOT NULL,
    request_bytes    bigint      NOT NULL,
    response_bytes   bigint      NOT NULL,
    arguments_sha256 text,
    trace_id         text,
    request_id       text,
    job_id           uuid
);
CREATE INDEX audit_records_of_tenant ON audit_records (tenant_id, id);
CREATE INDEX audit_records_of_trace ON audit_records (tenant_id, trace_id);
CREATE INDEX audit_records_age ON audit_records (ended_at);

CREATE TABLE answers (
    tenant_id       uuid        NOT NULL REFERENCES tenants,
    idempotency_key text        COLLATE "C" NOT NULL,
    fingerprint     text        NOT NULL,
    status          bigint,               -- NULL while the first call is still running
    body            bytea       NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT answers_id PRIMARY KEY (tenant_id, idempotency_key)
);
CREATE INDEX answers_age ON answers (created_at);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_records', 'answers'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO devmesh_app
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        EXECUTE format('CREATE POLICY every_tenant ON %I TO devmesh_relay USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

GRANT SELECT ON audit_records TO devmesh_app;
GRANT SELECT, INSERT, DELETE ON audit_records TO devmesh_relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON answers TO devmesh_app;
GRANT SELECT, DELETE ON answers TO devmesh_relay;
