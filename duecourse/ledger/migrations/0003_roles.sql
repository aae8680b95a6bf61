-- The application's role: it reads and writes, and cannot rewrite history. Migrations run as the schema's owner.
-- Roles belong to the whole server, so another database may have made it already.
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'duecourse_app') THEN
        CREATE ROLE duecourse_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
-- So that one login may do both; an owner that is not the role's is none the worse for not being a member.
DO $$ BEGIN
    GRANT duecourse_app TO CURRENT_USER;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
GRANT USAGE ON SCHEMA public TO duecourse_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO duecourse_app;
REVOKE UPDATE ON events, allocations, receipts FROM duecourse_app;
REVOKE INSERT, UPDATE ON schema_migrations FROM duecourse_app;
GRANT UPDATE (reversed) ON allocations TO duecourse_app;
GRANT DELETE ON data_keys, owners, contact_points TO duecourse_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO duecourse_app;
REVOKE EXECUTE ON FUNCTION ensure_months(date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_months(date, date) TO duecourse_app;
DO $$ BEGIN
    -- Imports stage their rows in temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO duecourse_app', current_database());
END $$;
