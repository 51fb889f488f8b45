-- Why: an alert is counted as a false positive once, however often people change their mind about it.

ALTER TABLE alerts ADD COLUMN called_false boolean NOT NULL DEFAULT FALSE;
