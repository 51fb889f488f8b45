-- Why: how often a tenant, a key, a provider's tools or a tool may be called (domain::limit). A subject is text by name
-- (`key:ci`), so that a limit outlives the rotation of a key and the refresh of a provider.

CREATE TABLE rate_limits (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant_id  BLOB    NOT NULL REFERENCES tenants,
    subject    TEXT    NOT NULL,
    rate       TEXT    NOT NULL,
    burst      INTEGER NOT NULL,
    updated_at TEXT    NOT NULL,
    UNIQUE (tenant_id, subject)
);
