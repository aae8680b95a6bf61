#!/bin/sh
# Runs once, when the container makes its database: the application's login, which may not change the schema.
set -eu
psql -v ON_ERROR_STOP=1 -v password="${DUECOURSE_DB_PASSWORD}" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE duecourse_app NOLOGIN;
CREATE ROLE duecourse_login LOGIN PASSWORD :'password' IN ROLE duecourse_app;
SQL
