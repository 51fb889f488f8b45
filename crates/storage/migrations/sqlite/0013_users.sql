-- Why: people who sign in with a password (domain::user), and tasks that are given to somebody by name
-- (domain::assignment). A user's tokens stand for a key of theirs, which is in no list of keys: it has no text to show.

ALTER TABLE api_keys ADD COLUMN user_id BLOB;
CREATE INDEX api_keys_of_user ON api_keys (tenant_id, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE users (
    id          BLOB NOT NULL PRIMARY KEY,
    tenant_id   BLOB NOT NULL REFERENCES tenants,
    name        TEXT NOT NULL UNIQUE,
    role        TEXT NOT NULL,
    password    TEXT NOT NULL, -- argon2id with its parameters and salt
    key_id      BLOB NOT NULL,
    disabled_at TEXT,
    password_at TEXT NOT NULL,
    created_at  TEXT NOT NULL
);
CREATE INDEX users_of_tenant ON users (tenant_id, id);

CREATE TABLE assignments (
    id          BLOB NOT NULL PRIMARY KEY,
    tenant_id   BLOB NOT NULL REFERENCES tenants,
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    priority    TEXT NOT NULL,
    assignee    TEXT NOT NULL,
    user_id     BLOB, -- who it is: this user,
    agent_id    BLOB, -- or this agent,
    task_id     BLOB, -- which does it as this task
    creator     TEXT NOT NULL,
    created_by  BLOB,
    created_at  TEXT NOT NULL,
    notified_at TEXT,
    done_at     TEXT
);
CREATE INDEX assignments_of_tenant ON assignments (tenant_id, id);
CREATE INDEX assignments_of_assignee ON assignments (tenant_id, assignee, id);
