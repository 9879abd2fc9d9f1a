-- What `sequora doctor` asks of the care database: of its catalog, and of two rows of ours. Reading changes nothing: each
-- is safe to run twice.

-- name: server
-- Off UTC is a session in which it is another time than that in winter or in summer.
SELECT current_setting('server_version') AS version,
       CAST(current_setting('server_version_num') AS integer) / 10000 AS major,
       pg_is_in_recovery() OR CAST(current_setting('default_transaction_read_only') AS boolean) AS is_read_only,
       EXTRACT(timezone FROM timestamptz '2026-01-01') <> 0 OR EXTRACT(timezone FROM timestamptz '2026-07-01') <> 0
           AS is_off_utc,
       clock_timestamp() AS now;

-- name: compilation
-- As it is for our own statements, whatever the server's default is.
SELECT current_setting('jit') AS jit;

-- name: columns
SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, NULL) AS type_name
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = to_regnamespace('public')
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relname = ANY (CAST(:tables AS text[]));

-- name: missing_rights
-- The role's own, those of roles that it is a member of, and those of everybody.
SELECT 'USAGE on the schema ' || nspname AS lacking
FROM pg_namespace
WHERE nspname IN ('public', 'orchestration') AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT DISTINCT needed.privilege || ' on "' || c.relname || '"'
FROM unnest(CAST(:tables AS text[]), CAST(:columns AS text[]), CAST(:privileges AS text[]))
    AS needed (table_name, column_name, privilege)
JOIN pg_class c ON c.relname = needed.table_name AND c.relnamespace = to_regnamespace('public')
WHERE NOT has_column_privilege(c.oid, needed.column_name, needed.privilege)
UNION ALL
SELECT DISTINCT privilege || ' on tables of the schema orchestration'
FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
WHERE c.relnamespace = to_regnamespace('orchestration') AND c.relkind IN ('r', 'p')
  AND NOT has_table_privilege(c.oid, privilege)
UNION ALL
SELECT DISTINCT 'EXECUTE on functions of the schema orchestration'
FROM pg_proc
WHERE pronamespace = to_regnamespace('orchestration') AND NOT has_function_privilege(oid, 'EXECUTE');

-- name: row_security
-- The tables on which it applies to this role; how many policies let the role see or write rows, and whether those let
-- it do so with all rows: at least one permissive policy without a condition, and no restrictive one with a condition.
SELECT c.relname AS table_name,
       count(*) FILTER (WHERE policy.polpermissive) AS policies,
       coalesce(bool_or(policy.polpermissive AND policy.condition = 'true'), false)
           AND NOT coalesce(bool_or(NOT policy.polpermissive AND policy.condition <> 'true'), false) AS all_rows
FROM unnest(CAST(:tables AS text[]), CAST(:commands AS text[])) AS needed (table_name, command)
JOIN pg_class c ON c.relname = needed.table_name AND c.relnamespace = to_regnamespace('public')
LEFT JOIN LATERAL (
    SELECT p.polpermissive,
           pg_get_expr(
               CASE WHEN needed.command = 'INSERT' THEN coalesce(p.polwithcheck, p.polqual) ELSE p.polqual END,
               p.polrelid
           ) AS condition
    FROM pg_policy p
    WHERE p.polrelid = c.oid
      AND p.polcmd IN ('*', CASE WHEN needed.command = 'INSERT' THEN 'a' ELSE 'r' END)
      AND EXISTS (
          SELECT FROM unnest(p.polroles) AS grantee
          WHERE CASE WHEN grantee = 0 THEN true ELSE pg_has_role(grantee, 'USAGE') END
      )
) AS policy ON true
WHERE row_security_active(c.oid)
GROUP BY c.relname;

-- name: indexes
-- One that an interrupted run has left invalid serves nobody.
SELECT c.relname AS name
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace('public') AND c.relname = ANY (CAST(:names AS text[])) AND i.indisvalid;

-- name: go_live
SELECT go_live_at, workflows_live_at, orchestration.clock() AS now FROM orchestration.go_live;
