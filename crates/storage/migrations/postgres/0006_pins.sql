-- Why: a key's holder may want some tools by themselves where there are too many to list (domain::pin).
-- Keys from before have none.

ALTER TABLE api_keys ADD COLUMN pins text NOT NULL DEFAULT '[]'; -- JSON
