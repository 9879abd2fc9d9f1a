-- The role that the running system uses, with the least rights that its work needs.
--
-- Run it as the role that runs `sequora migrate` and owns the application's tables (on Supabase: `postgres`), after the
-- first `sequora migrate`; it is safe to run again. With psql, or in Supabase's SQL editor:
--
--     psql "$OWNER_URL" --single-transaction --set ON_ERROR_STOP=1 --file role.sql
--     psql "$OWNER_URL" --command '\password sequora'
--
-- The second line asks for the password and sends only its hash, so it stands in no file and in no log. Then give
-- SUPABASE_DB_URL with this role to the system, and with the owner to `sequora migrate` alone.

-- A good run prints nothing: without this the server would report each policy that is not there to be dropped.
SET client_min_messages TO warning;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sequora') THEN
        CREATE ROLE sequora LOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO sequora', current_database());
END $$;

-- Our own schema: everything in it that is there, and everything that later migrations by this same owner will make.
GRANT USAGE ON SCHEMA orchestration TO sequora;
GRANT ALL ON ALL TABLES IN SCHEMA orchestration TO sequora;
GRANT ALL ON ALL SEQUENCES IN SCHEMA orchestration TO sequora;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA orchestration TO sequora;
ALTER DEFAULT PRIVILEGES IN SCHEMA orchestration GRANT ALL ON TABLES TO sequora;
ALTER DEFAULT PRIVILEGES IN SCHEMA orchestration GRANT ALL ON SEQUENCES TO sequora;
ALTER DEFAULT PRIVILEGES IN SCHEMA orchestration GRANT ALL ON FUNCTIONS TO sequora;

-- The application's tables, as the map in force names them: the tables that its views read, and the log that it writes.
-- Under row level security a role without a policy sees no row, and nobody would be texted; if a table does not have it
-- switched on, its policy does nothing. Views and foreign tables have no policies of their own.
--
-- With SEQUORA_ASSIGN=on tasks are given to nurses, and with SEQUORA_WRITE_BACK=on their answers are written into the
-- tasks. Each needs further rights. Before this file, in the same session, say one of these, or both:
--
--     SET sequora.assign = 'on';
--     SET sequora.write_back = 'on';
DO $$
DECLARE
    needed record;
    counter regclass;
BEGIN
    -- The schemas of types and functions that our functions name. A schema that everybody may use (an extension's, say)
    -- is left as it is: it may not be ours to grant.
    FOR needed IN
        SELECT DISTINCT right_."table" AS schema_name
        FROM orchestration.application_map m
        CROSS JOIN jsonb_to_recordset(m.rights)
            AS right_ ("table" text, command text, is_to_assign boolean, is_to_write_back boolean)
        WHERE right_.command = 'USAGE'
          AND (right_.is_to_assign IS NOT TRUE OR current_setting('sequora.assign', true) = 'on')
          AND (right_.is_to_write_back IS NOT TRUE OR current_setting('sequora.write_back', true) = 'on')
          AND NOT has_schema_privilege('sequora', to_regnamespace(right_."table")::oid, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO sequora', needed.schema_name);
    END LOOP;
    FOR needed IN
        SELECT right_.command, c.relkind IN ('r', 'p') AS has_policies,
               c.relnamespace::regnamespace AS schema_name, c.oid::regclass AS table_name,
               CASE WHEN (right_.command = 'UPDATE' OR c.oid = ANY (written.ids) AND right_.command = 'SELECT')
                         AND bool_and(right_."column" IS NOT NULL)
                    THEN format('(%s)', string_agg(DISTINCT quote_ident(right_."column"), ', ')) ELSE '' END AS columns,
               CASE right_.command WHEN 'SELECT' THEN 'sequora_reads' WHEN 'INSERT' THEN 'sequora_logs'
                                   ELSE 'sequora_updates' END AS policy,
               CASE right_.command WHEN 'INSERT' THEN 'WITH CHECK (true)' ELSE 'USING (true)' END AS condition
        FROM orchestration.application_map m
        CROSS JOIN jsonb_to_recordset(m.rights)
            AS right_ ("table" text, "column" text, command text, is_to_assign boolean, is_to_write_back boolean)
        JOIN pg_class c ON right_.command <> 'USAGE' AND c.oid = to_regclass(right_."table")
        -- From the log that we write, only the columns that find a row again may be read, and those that an expression
        -- of the map reads.
        CROSS JOIN LATERAL (
            SELECT ARRAY(
                SELECT to_regclass(log."table")::oid
                FROM jsonb_to_recordset(m.rights) AS log ("table" text, command text)
                WHERE log.command = 'INSERT'
            ) AS ids
        ) AS written
        WHERE (right_.is_to_assign IS NOT TRUE OR current_setting('sequora.assign', true) = 'on')
          AND (right_.is_to_write_back IS NOT TRUE OR current_setting('sequora.write_back', true) = 'on')
        GROUP BY right_.command, c.oid, c.relkind, c.relnamespace, written.ids
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO sequora', needed.schema_name);
        EXECUTE format('GRANT %s %s ON %s TO sequora', needed.command, needed.columns, needed.table_name);
        IF needed.command = 'INSERT' THEN
            -- A serial column uses its sequence with the rights of the role that inserts.
            FOR counter IN
                SELECT d.refobjid::regclass
                FROM pg_attrdef a
                JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
                JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid AND c.relkind = 'S'
                WHERE a.adrelid = needed.table_name
            LOOP
                EXECUTE format('GRANT USAGE ON SEQUENCE %s TO sequora', counter);
            END LOOP;
        END IF;
        IF needed.has_policies THEN
            EXECUTE format('DROP POLICY IF EXISTS %s ON %s', needed.policy, needed.table_name);
            EXECUTE format(
                'CREATE POLICY %s ON %s FOR %s TO sequora %s', needed.policy, needed.table_name, needed.command,
                needed.condition
            );
        END IF;
    END LOOP;
END $$;

RESET client_min_messages;
