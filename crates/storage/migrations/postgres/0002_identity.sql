-- Why: an organization owns tenants, a tenant owns keys; a key is found by its public prefix before a tenant is known.
-- Names sort by bytes (COLLATE "C"), so that lists and their cursors have one order on every server.

CREATE TABLE organizations (
    id          uuid        CONSTRAINT organizations_id PRIMARY KEY,
    name        text        COLLATE "C" NOT NULL CONSTRAINT organizations_name UNIQUE,
    created_at  timestamptz NOT NULL
);

CREATE TABLE tenants (
    id              uuid        CONSTRAINT tenants_id PRIMARY KEY,
    organization_id uuid        NOT NULL REFERENCES organizations,
    name            text        COLLATE "C" NOT NULL,
    isolation       text        NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT tenants_name UNIQUE (organization_id, name)
);

CREATE TABLE api_keys (
    id           uuid        CONSTRAINT api_keys_id PRIMARY KEY,
    tenant_id    uuid        NOT NULL REFERENCES tenants,
    name         text        COLLATE "C" NOT NULL,
    kind         text        NOT NULL,
    scopes       text        NOT NULL, -- JSON
    prefix       text        COLLATE "C" NOT NULL CONSTRAINT api_keys_prefix UNIQUE,
    hash         bytea       NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    replaced_by  uuid,                 -- the key that took over its name
    created_at   timestamptz NOT NULL
);

-- A name belongs to one key at a time; revoked and replaced keys have given theirs up.
CREATE UNIQUE INDEX api_keys_name ON api_keys (tenant_id, name)
    WHERE revoked_at IS NULL AND replaced_by IS NULL;
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, id);

-- An organization is seen only by the role that crosses tenants; foreign keys are checked regardless.
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY every_organization ON organizations TO devmesh_relay USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON organizations TO devmesh_relay;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenants TO devmesh_app
    USING (id = current_tenant()) WITH CHECK (id = current_tenant());
CREATE POLICY every_tenant ON tenants TO devmesh_relay USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON tenants TO devmesh_app;
GRANT SELECT ON tenants TO devmesh_relay;

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON api_keys TO devmesh_app
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY every_tenant ON api_keys TO devmesh_relay USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON api_keys TO devmesh_app;
GRANT SELECT ON api_keys TO devmesh_relay;
