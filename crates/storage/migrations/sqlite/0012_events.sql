-- Why: what happens in a tenant as one log (domain::event), messages between agents (domain::message), and who may do what
-- across tenants of one organization (domain::grant).
--
-- An event is written in the transaction that makes it true, without a number, which is given right after the commit, in
-- the order of `id`: on Postgres a counter would make every transaction of a tenant wait for the one before.

CREATE TABLE events (
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant_id BLOB NOT NULL REFERENCES tenants,
    number    INTEGER,
    at        TEXT NOT NULL,
    document  TEXT NOT NULL, -- JSON
    UNIQUE (tenant_id, number)
);
CREATE INDEX events_fresh ON events (id) WHERE number IS NULL;
CREATE INDEX events_at ON events (at);

-- The last number that was given, and the last that is gone.
CREATE TABLE event_heads (
    tenant_id BLOB NOT NULL PRIMARY KEY REFERENCES tenants,
    number    INTEGER NOT NULL,
    pruned    INTEGER NOT NULL DEFAULT 0
);

-- One row: who gives numbers holds it.
CREATE TABLE event_turn (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    turn INTEGER NOT NULL
);
INSERT INTO event_turn (id, turn) VALUES (1, 0);

-- Each tenant that has a part in a message has a copy: the sender's, and each receiver's.
CREATE TABLE messages (
    tenant_id       BLOB NOT NULL REFERENCES tenants,
    id              BLOB NOT NULL,
    idempotency_key TEXT,
    expires_at      TEXT NOT NULL,
    document        TEXT NOT NULL, -- JSON
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX messages_over ON messages (expires_at);

CREATE TABLE deliveries (
    tenant_id  BLOB NOT NULL REFERENCES tenants,
    message_id BLOB NOT NULL,
    agent_id   BLOB NOT NULL,
    agent      TEXT NOT NULL, -- its name
    state      TEXT NOT NULL,
    moved_at   TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, message_id, agent_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages ON DELETE CASCADE
);
CREATE INDEX deliveries_open ON deliveries (tenant_id, agent_id, message_id) WHERE state IN ('waiting', 'delivered');
CREATE INDEX deliveries_over ON deliveries (expires_at) WHERE state IN ('waiting', 'delivered');

-- What agents of the tenant `to_tenant` may do with those of `tenant_id`.
CREATE TABLE tenant_grants (
    tenant_id  BLOB NOT NULL REFERENCES tenants,
    to_tenant  BLOB NOT NULL REFERENCES tenants,
    verb       TEXT NOT NULL,
    granted_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, to_tenant, verb)
);
