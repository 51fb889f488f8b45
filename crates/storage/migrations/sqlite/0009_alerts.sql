-- Why: what Alertmanager told of, so that a notification that comes again changes nothing, and so that people can say
-- afterwards which alerts were worth their time (domain::alert). An alert that fires is open once.

CREATE TABLE alerts (
    id          BLOB NOT NULL PRIMARY KEY,
    tenant_id   BLOB NOT NULL REFERENCES tenants,
    fingerprint TEXT NOT NULL,
    alertname   TEXT NOT NULL,
    priority    TEXT NOT NULL,
    severity    TEXT NOT NULL,
    team        TEXT NOT NULL,
    summary     TEXT NOT NULL,
    runbook_url TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    ended_at    TEXT,
    verdict     TEXT,
    reviewed_by TEXT,
    reviewed_at TEXT,
    UNIQUE (tenant_id, fingerprint, started_at)
);

CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, fingerprint) WHERE ended_at IS NULL;
CREATE INDEX alerts_of_tenant ON alerts (tenant_id, id);
CREATE INDEX alerts_age ON alerts (ended_at);
