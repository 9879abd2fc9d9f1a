-- The role that the running system uses, with the least rights it can do its work with.
--
-- Run it as the role that runs `sequora migrate` and owns the application's tables (on Supabase: `postgres`), after the
-- first `sequora migrate`; it is safe to run again. With psql, or in Supabase's SQL editor:
--
--     psql "$OWNER_URL" --single-transaction --set ON_ERROR_STOP=1 --file role.sql
--     psql "$OWNER_URL" --command '\password sequora'
--
-- The second line asks for the password and sends only its hash, so it stands in no file and in no log. Then give
-- SUPABASE_DB_URL with this role to the system, and with the owner to `sequora migrate` alone.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sequora') THEN
        CREATE ROLE sequora LOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO sequora', current_database());
END $$;

-- The application's tables: read four, write into one.
GRANT USAGE ON SCHEMA public TO sequora;
GRANT SELECT ON public."EscalationTask", public."User", public."Episode", public."Patient" TO sequora;
GRANT INSERT ON public."NotificationLog" TO sequora;

-- Our own schema: everything in it that is there, and everything that later migrations by this same owner will make.
GRANT USAGE ON SCHEMA orchestration TO sequora;
GRANT ALL ON ALL TABLES IN SCHEMA orchestration TO sequora;
GRANT ALL ON ALL SEQUENCES IN SCHEMA orchestration TO sequora;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA orchestration TO sequora;
ALTER DEFAULT PRIVILEGES IN SCHEMA orchestration GRANT ALL ON TABLES TO sequora;
ALTER DEFAULT PRIVILEGES IN SCHEMA orchestration GRANT ALL ON SEQUENCES TO sequora;
ALTER DEFAULT PRIVILEGES IN SCHEMA orchestration GRANT ALL ON FUNCTIONS TO sequora;

-- Under row level security a role without a policy sees no row, and nobody would be texted. Where a table does not have
-- it switched on, its policy does nothing.
DROP POLICY IF EXISTS sequora_reads ON public."EscalationTask";
DROP POLICY IF EXISTS sequora_reads ON public."User";
DROP POLICY IF EXISTS sequora_reads ON public."Episode";
DROP POLICY IF EXISTS sequora_reads ON public."Patient";
DROP POLICY IF EXISTS sequora_logs ON public."NotificationLog";
CREATE POLICY sequora_reads ON public."EscalationTask" FOR SELECT TO sequora USING (true);
CREATE POLICY sequora_reads ON public."User" FOR SELECT TO sequora USING (true);
CREATE POLICY sequora_reads ON public."Episode" FOR SELECT TO sequora USING (true);
CREATE POLICY sequora_reads ON public."Patient" FOR SELECT TO sequora USING (true);
CREATE POLICY sequora_logs ON public."NotificationLog" FOR INSERT TO sequora WITH CHECK (true);
