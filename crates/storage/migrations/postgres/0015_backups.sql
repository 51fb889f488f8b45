-- Why: so that the age of the last good back-up shows (storage::backup, backup_last_success_timestamp_seconds). Whoever
-- backs up writes it, with a login of their own that reads everything.

CREATE TABLE backups (
    made_at timestamptz NOT NULL,
    bytes   bigint      NOT NULL,
    sha256  text        NOT NULL
);

CREATE INDEX backups_age ON backups (made_at);
GRANT SELECT, DELETE ON backups TO devmesh_relay;
