-- Why: people who sign in with a password (domain::user), and tasks that are given to somebody by name
-- (domain::assignment). A user's tokens stand for a key of theirs, which is in no list of keys: it has no text to show.

ALTER TABLE api_keys ADD COLUMN user_id uuid;
CREATE INDEX api_keys_of_user ON api_keys (tenant_id, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE users (
    id          uuid        CONSTRAINT users_id PRIMARY KEY,
    tenant_id   uuid        NOT NULL REFERENCES tenants,
    name        text        COLLATE "C" NOT NULL CONSTRAINT users_name UNIQUE,
    role        text        NOT NULL,
    password    text        NOT NULL, -- argon2id with its parameters and salt
    key_id      uuid        NOT NULL,
    disabled_at timestamptz,
    password_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX users_of_tenant ON users (tenant_id, id);

CREATE TABLE assignments (
    id          uuid        CONSTRAINT assignments_id PRIMARY KEY,
    tenant_id   uuid        NOT NULL REFERENCES tenants,
    title       text        NOT NULL,
    description text        NOT NULL,
    priority    text        NOT NULL,
    assignee    text        COLLATE "C" NOT NULL,
    user_id     uuid,                 -- who it is: this user,
    agent_id    uuid,                 -- or this agent,
    task_id     uuid,                 -- which does it as this task
    creator     text        NOT NULL,
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    notified_at timestamptz,
    done_at     timestamptz
);
CREATE INDEX assignments_of_tenant ON assignments (tenant_id, id);
CREATE INDEX assignments_of_assignee ON assignments (tenant_id, assignee, id);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'assignments'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON %I TO devmesh_app
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        EXECUTE format('CREATE POLICY every_tenant ON %I TO devmesh_relay USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON users TO devmesh_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON assignments TO devmesh_app;
GRANT SELECT ON users TO devmesh_relay;
GRANT SELECT, DELETE ON assignments TO devmesh_relay;
