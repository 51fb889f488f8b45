#!/bin/sh
# Run once by the image of PostgreSQL, on an empty volume: a login for rest-api that owns its database and is no superuser,
# so that row-level security binds it. It may make roles, since the migrations make two.
set -eu
password=$(cat /run/secrets/database-password)
psql -v ON_ERROR_STOP=1 -v password="$password" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE devmesh LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE devmesh OWNER devmesh;
SQL
