-- Why: a tool may say how a read of the same upstream tells whether a write that was cut off had its effect
-- (domain::readback). It stands beside the definition, so that a refresh of the description leaves it alone.
-- The role that crosses tenants finds lost workers, and so asks for the checks of what they leave in doubt.

ALTER TABLE tools ADD COLUMN readback text; -- JSON

GRANT INSERT ON jobs TO devmesh_relay;
