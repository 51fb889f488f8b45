-- Why: a tool may say how a read of the same upstream tells whether a write that was cut off had its effect
-- (domain::readback). It stands beside the definition, so that a refresh of the description leaves it alone.

ALTER TABLE tools ADD COLUMN readback TEXT; -- JSON
