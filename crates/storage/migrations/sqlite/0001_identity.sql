-- Why: an organization owns tenants, a tenant owns keys; a key is found by its public prefix before a tenant is known.
-- SQLite has no second lock between tenants: here the WHERE clauses are the only one.
-- Ids are the 16 bytes of a UUID; times are RFC 3339 text in UTC, which sorts like the instants.

CREATE TABLE organizations (
    id          BLOB NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    created_at  TEXT NOT NULL
);

CREATE TABLE tenants (
    id              BLOB NOT NULL PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations,
    name            TEXT NOT NULL,
    isolation       TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE api_keys (
    id           BLOB NOT NULL PRIMARY KEY,
    tenant_id    BLOB NOT NULL REFERENCES tenants,
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    scopes       TEXT NOT NULL, -- JSON
    prefix       TEXT NOT NULL UNIQUE,
    hash         BLOB NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT,
    replaced_by  BLOB,          -- the key that took over its name
    created_at   TEXT NOT NULL
);

-- A name belongs to one key at a time; revoked and replaced keys have given theirs up.
CREATE UNIQUE INDEX api_keys_name ON api_keys (tenant_id, name)
    WHERE revoked_at IS NULL AND replaced_by IS NULL;
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, id);
