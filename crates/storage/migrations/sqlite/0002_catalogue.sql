-- Why: providers and their tools are what the edge holds in memory, and the numbered changes keep it current.
-- There is one writer at a time, so the counter's numbers become visible in their order.

CREATE TABLE providers (
    id              BLOB    NOT NULL PRIMARY KEY,
    tenant_id       BLOB    NOT NULL REFERENCES tenants,
    name            TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    base_url        TEXT    NOT NULL,
    auth            TEXT    NOT NULL, -- JSON
    selection       TEXT    NOT NULL, -- JSON
    allowed_hosts   TEXT    NOT NULL, -- JSON
    limits          TEXT    NOT NULL, -- JSON
    health          TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    created_at      TEXT    NOT NULL,
    refreshed_at    TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    description_url TEXT,
    skipped         TEXT    NOT NULL, -- JSON
    UNIQUE (tenant_id, name)
);

-- Apart from the provider, so that only the one statement that needs it reads it.
CREATE TABLE credentials (
    provider_id   BLOB NOT NULL PRIMARY KEY REFERENCES providers ON DELETE CASCADE,
    tenant_id     BLOB NOT NULL REFERENCES tenants,
    kek_id        TEXT NOT NULL,
    sealed_key    BLOB NOT NULL,
    sealed_secret BLOB NOT NULL
);

CREATE TABLE tools (
    id          BLOB NOT NULL PRIMARY KEY,
    tenant_id   BLOB NOT NULL REFERENCES tenants,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    name        TEXT NOT NULL,
    definition  TEXT NOT NULL, -- JSON: everything but the ids and the name
    fingerprint TEXT NOT NULL, -- SHA-256 of definition: a refresh compares these
    UNIQUE (tenant_id, name)
);
CREATE INDEX tools_of_provider ON tools (provider_id, name);

CREATE TABLE changes (
    number     INTEGER NOT NULL PRIMARY KEY,
    tenant_id  BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    entity_id  BLOB    NOT NULL,
    changed_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))
);
CREATE INDEX changes_of_entity ON changes (entity_id);

-- One row. Numbers up to `pruned` are no longer in `changes`.
CREATE TABLE change_counter (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch  TEXT    NOT NULL,
    number INTEGER NOT NULL,
    pruned INTEGER NOT NULL
);
INSERT INTO change_counter (id, epoch, number, pruned) VALUES (1, lower(hex(randomblob(16))), 0, 0);
