-- Why: once a minute rest-api looks for secrets that an old key-encryption key has sealed; the payloads of imports hold
-- some, among all the other jobs.
CREATE INDEX jobs_imports ON jobs (tenant_id) WHERE kind = 'provider_import';
