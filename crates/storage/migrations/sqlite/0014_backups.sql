-- Why: so that the age of the last good back-up shows (storage::backup, backup_last_success_timestamp_seconds).

CREATE TABLE backups (
    made_at TEXT    NOT NULL,
    bytes   INTEGER NOT NULL,
    sha256  TEXT    NOT NULL
);

CREATE INDEX backups_age ON backups (made_at);
