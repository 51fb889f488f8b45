-- Why: what happens in a tenant as one log (domain::event), messages between agents (domain::message), and who may do what
-- across tenants of one organization (domain::grant).
--
-- An event is written in the transaction that makes it true, without a number: a counter would make every transaction of a
-- tenant wait for the one before. `number` is given right after the commit, in the order of `id`, to what is committed; so
-- whoever has seen number n has seen all below it.

CREATE TABLE events (
    id        bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT events_id PRIMARY KEY,
    tenant_id uuid        NOT NULL REFERENCES tenants,
    number    bigint,
    at        timestamptz NOT NULL,
    document  text        NOT NULL, -- JSON
    CONSTRAINT events_number UNIQUE (tenant_id, number)
);
CREATE INDEX events_fresh ON events (id) WHERE number IS NULL;
CREATE INDEX events_at ON events (at);

-- The last number that was given, and the last that is gone.
CREATE TABLE event_heads (
    tenant_id uuid   NOT NULL REFERENCES tenants CONSTRAINT event_heads_tenant PRIMARY KEY,
    number    bigint NOT NULL,
    pruned    bigint NOT NULL DEFAULT 0
);

-- One row: who gives numbers holds it.
CREATE TABLE event_turn (
    id   integer PRIMARY KEY CHECK (id = 1),
    turn bigint  NOT NULL
);
INSERT INTO event_turn (id, turn) VALUES (1, 0);

-- Each tenant that has a part in a message has a copy: the sender's, and each receiver's.
CREATE TABLE messages (
    tenant_id       uuid        NOT NULL REFERENCES tenants,
    id              uuid        NOT NULL,
    idempotency_key text        COLLATE "C",
    expires_at      timestamptz NOT NULL,
    document        text        NOT NULL, -- JSON
    CONSTRAINT messages_id PRIMARY KEY (tenant_id, id),
    CONSTRAINT messages_idempotency_key UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX messages_over ON messages (expires_at);

CREATE TABLE deliveries (
    tenant_id  uuid        NOT NULL REFERENCES tenants,
    message_id uuid        NOT NULL,
    agent_id   uuid        NOT NULL,
    agent      text        NOT NULL, -- its name
    state      text        NOT NULL,
    moved_at   timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT deliveries_id PRIMARY KEY (tenant_id, message_id, agent_id),
    CONSTRAINT deliveries_message FOREIGN KEY (tenant_id, message_id) REFERENCES messages ON DELETE CASCADE
);
CREATE INDEX deliveries_open ON deliveries (tenant_id, agent_id, message_id) WHERE state IN ('waiting', 'delivered');
CREATE INDEX deliveries_over ON deliveries (expires_at) WHERE state IN ('waiting', 'delivered');

-- What agents of the tenant `to_tenant` may do with those of `tenant_id`.
CREATE TABLE tenant_grants (
    tenant_id  uuid        NOT NULL REFERENCES tenants,
    to_tenant  uuid        NOT NULL REFERENCES tenants,
    verb       text        NOT NULL,
    granted_at timestamptz NOT NULL,
    CONSTRAINT tenant_grants_id PRIMARY KEY (tenant_id, to_tenant, verb)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['events', 'event_heads', 'messages', 'deliveries', 'tenant_grants'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO devmesh_app
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        EXECUTE format('CREATE POLICY every_tenant ON %I TO devmesh_relay USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON events TO devmesh_app;
GRANT SELECT ON event_heads TO devmesh_app;
GRANT SELECT, INSERT ON messages TO devmesh_app;
GRANT SELECT, INSERT, UPDATE ON deliveries TO devmesh_app;
GRANT SELECT, INSERT, DELETE ON tenant_grants TO devmesh_app;
GRANT SELECT, INSERT, DELETE, UPDATE (number) ON events TO devmesh_relay;
GRANT SELECT, INSERT, UPDATE ON event_heads TO devmesh_relay;
GRANT SELECT, UPDATE ON event_turn TO devmesh_relay;
GRANT SELECT, DELETE ON messages TO devmesh_relay;
GRANT SELECT, UPDATE, DELETE ON deliveries TO devmesh_relay;
GRANT SELECT ON tenant_grants TO devmesh_relay;
GRANT UPDATE (isolation) ON tenants TO devmesh_app;
