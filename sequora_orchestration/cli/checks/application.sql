-- The questions of `sequora doctor` to the catalog about the application's tables. Reading changes nothing: each is
-- safe to run twice.

-- name: missing_rights
-- The role has its own rights, those of roles that it is a member of, and those of everybody.
SELECT 'USAGE on the schema ' || nspname AS lacking
FROM pg_namespace
WHERE NOT has_schema_privilege(oid, 'USAGE')
  AND oid IN (
      SELECT to_regnamespace('orchestration')
      UNION ALL
      SELECT c.relnamespace FROM pg_class c WHERE c.oid = ANY (ARRAY(
          SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS name
      ))
      UNION ALL
      SELECT to_regnamespace(name) FROM unnest(CAST(:schemas AS text[])) AS name
  )
UNION ALL
SELECT DISTINCT needed.privilege || ' on "' || c.relname || '"'
FROM unnest(CAST(:tables AS text[]), CAST(:columns AS text[]), CAST(:privileges AS text[]))
    AS needed (table_name, column_name, privilege)
JOIN pg_class c ON c.oid = to_regclass(needed.table_name)
WHERE NOT CASE WHEN needed.column_name IS NOT NULL
                    THEN has_column_privilege(c.oid, needed.column_name, needed.privilege)
               -- The columns that an expression reads are not recorded.
               WHEN needed.privilege = 'SELECT' THEN has_table_privilege(c.oid, 'SELECT')
               ELSE has_any_column_privilege(c.oid, needed.privilege) END
UNION ALL
-- A serial column uses its sequence with the rights of the role that inserts.
SELECT DISTINCT 'USAGE on the sequence ' || c.oid::regclass
FROM unnest(CAST(:tables AS text[]), CAST(:privileges AS text[])) AS needed (table_name, privilege)
JOIN pg_attrdef a ON a.adrelid = to_regclass(needed.table_name)
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid
WHERE needed.privilege = 'INSERT' AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') END
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
-- The tables on which row security applies to this role; how many policies let the role see or write rows, and whether
-- they let it do so with all rows: at least one permissive policy without a condition, and no restrictive policy with
-- one.
SELECT c.relname AS table_name,
       count(*) FILTER (WHERE policy.polpermissive) AS policies,
       coalesce(bool_or(policy.polpermissive AND policy.condition = 'true'), false)
           AND NOT coalesce(bool_or(NOT policy.polpermissive AND policy.condition <> 'true'), false) AS all_rows
FROM unnest(CAST(:tables AS text[]), CAST(:commands AS text[])) AS needed (table_name, command)
JOIN pg_class c ON c.oid = to_regclass(needed.table_name)
LEFT JOIN LATERAL (
    SELECT p.polpermissive,
           pg_get_expr(
               CASE WHEN needed.command = 'INSERT' THEN coalesce(p.polwithcheck, p.polqual) ELSE p.polqual END,
               p.polrelid
           ) AS condition
    FROM pg_policy p
    WHERE p.polrelid = c.oid
      AND p.polcmd IN ('*', CASE needed.command WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' ELSE 'r' END)
      AND EXISTS (
          SELECT FROM unnest(p.polroles) AS grantee
          WHERE CASE WHEN grantee = 0 THEN true ELSE pg_has_role(grantee, 'USAGE') END
      )
) AS policy ON true
WHERE row_security_active(c.oid)
GROUP BY c.relname, needed.command;
