-- Why: row-level security is the second lock between tenants, and it binds only whoever neither owns the tables nor
-- may bypass it. Every transaction of the product therefore puts on one of two roles, whoever logged in:
--   devmesh_app    works for one tenant, named by the setting devmesh.tenant; without it, it sees no row;
--   devmesh_relay  does what crosses tenants: relay, sweeper, watch, key look-up, audit intake, retention.
-- Roles belong to the whole server, so another database of this server may have made them already.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['devmesh_app', 'devmesh_relay'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database's migration was quicker
            END;
        END IF;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted, current_user);
            EXCEPTION WHEN insufficient_privilege OR unique_violation THEN
                NULL; -- an administrator has granted it, or the first transaction will say that it is missing
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), wanted);
    END LOOP;
END
$$;

-- The tenant of the running transaction; NULL, which equals nothing, when none is set or it is empty.
CREATE FUNCTION current_tenant() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN NULLIF(current_setting('devmesh.tenant', true), '')::uuid;
