-- Why: how often a tenant, a key, a provider's tools or a tool may be called (domain::limit). A subject is text by name
-- (`key:ci`), so that a limit outlives the rotation of a key and the refresh of a provider.

CREATE TABLE rate_limits (
    id         uuid        CONSTRAINT rate_limits_id PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES tenants,
    subject    text        COLLATE "C" NOT NULL,
    rate       text        NOT NULL,
    burst      bigint      NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT rate_limits_subject UNIQUE (tenant_id, subject)
);

ALTER TABLE rate_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON rate_limits TO devmesh_app
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY every_tenant ON rate_limits TO devmesh_relay USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO devmesh_app;
GRANT SELECT ON rate_limits TO devmesh_relay;
