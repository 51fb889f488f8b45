-- Why: what Alertmanager told of, so that a notification that comes again changes nothing, and so that people can say
-- afterwards which alerts were worth their time (domain::alert). An alert that fires is open once.

CREATE TABLE alerts (
    id          uuid        CONSTRAINT alerts_id PRIMARY KEY,
    tenant_id   uuid        NOT NULL REFERENCES tenants,
    fingerprint text        COLLATE "C" NOT NULL,
    alertname   text        NOT NULL,
    priority    text        NOT NULL,
    severity    text        NOT NULL,
    team        text        NOT NULL,
    summary     text        NOT NULL,
    runbook_url text        NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    verdict     text,
    reviewed_by text,
    reviewed_at timestamptz,
    CONSTRAINT alerts_once UNIQUE (tenant_id, fingerprint, started_at)
);

CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, fingerprint) WHERE ended_at IS NULL;
CREATE INDEX alerts_of_tenant ON alerts (tenant_id, id);
CREATE INDEX alerts_age ON alerts (ended_at);

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON alerts TO devmesh_app
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY every_tenant ON alerts TO devmesh_relay USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON alerts TO devmesh_app;
GRANT SELECT, DELETE ON alerts TO devmesh_relay;
