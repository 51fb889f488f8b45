-- Why: providers and their tools are what the edge holds in memory, and the numbered changes keep it current.
-- A change's number is given under the lock of the one counter row, which the transaction takes last and holds until
-- it commits: numbers become visible in their order, so that whoever has seen n has seen all below it.
-- Documents are text, not jsonb: the order of a schema's properties is part of what an agent reads.

CREATE TABLE providers (
    id              uuid        CONSTRAINT providers_id PRIMARY KEY,
    tenant_id       uuid        NOT NULL REFERENCES tenants,
    name            text        COLLATE "C" NOT NULL,
    kind            text        NOT NULL,
    base_url        text        NOT NULL,
    auth            text        NOT NULL, -- JSON
    selection       text        NOT NULL, -- JSON
    allowed_hosts   text        NOT NULL, -- JSON
    limits          text        NOT NULL, -- JSON
    health          text        NOT NULL,
    version         bigint      NOT NULL,
    created_at      timestamptz NOT NULL,
    refreshed_at    timestamptz NOT NULL,
    description     text        NOT NULL,
    description_url text,
    skipped         text        NOT NULL, -- JSON
    CONSTRAINT providers_name UNIQUE (tenant_id, name)
);

-- Apart from the provider, so that only the one statement that needs it reads it.
CREATE TABLE credentials (
    provider_id   uuid  CONSTRAINT credentials_id PRIMARY KEY REFERENCES providers ON DELETE CASCADE,
    tenant_id     uuid  NOT NULL REFERENCES tenants,
    kek_id        text  NOT NULL,
    sealed_key    bytea NOT NULL,
    sealed_secret bytea NOT NULL
);

CREATE TABLE tools (
    id          uuid CONSTRAINT tools_id PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    provider_id uuid NOT NULL REFERENCES providers ON DELETE CASCADE,
    name        text COLLATE "C" NOT NULL,
    definition  text NOT NULL, -- JSON: everything but the ids and the name
    fingerprint text NOT NULL, -- SHA-256 of definition: a refresh compares these
    CONSTRAINT tools_name UNIQUE (tenant_id, name)
);
CREATE INDEX tools_of_provider ON tools (provider_id, name);

CREATE TABLE changes (
    number     bigint      CONSTRAINT changes_id PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    kind       text        NOT NULL,
    entity_id  uuid        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX changes_of_entity ON changes (entity_id);

-- One row. Numbers up to `pruned` are no longer in `changes`.
CREATE TABLE change_counter (
    id     integer PRIMARY KEY CHECK (id = 1),
    epoch  text    NOT NULL,
    number bigint  NOT NULL,
    pruned bigint  NOT NULL
);
INSERT INTO change_counter (id, epoch, number, pruned) VALUES (1, gen_random_uuid()::text, 0, 0);

GRANT SELECT, UPDATE (number) ON change_counter TO devmesh_app;
GRANT SELECT, UPDATE (number, pruned) ON change_counter TO devmesh_relay;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['providers', 'credentials', 'tools', 'changes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO devmesh_app
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
    END LOOP;
    -- No policy and no grant on credentials: what crosses tenants never sees a secret, sealed or not.
    FOREACH name IN ARRAY ARRAY['providers', 'tools', 'changes'] LOOP
        EXECUTE format('CREATE POLICY every_tenant ON %I TO devmesh_relay USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON providers, credentials, tools TO devmesh_app;
GRANT SELECT, INSERT ON changes TO devmesh_app;
GRANT SELECT ON providers, tools TO devmesh_relay;
GRANT SELECT, DELETE ON changes TO devmesh_relay;
