-- The catalog of a database, for a proposal of a map. Reading changes nothing: each is safe to run twice.

-- name: tables
-- Tables of every schema but the server's own and ours; a partitioned table as a whole, without its parts.
SELECT c.oid::bigint AS id, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS sql,
       n.nspname::text AS schema, c.relname::text AS name, c.relkind IN ('v', 'm') AS is_view,
       greatest(c.reltuples, 0)::bigint AS rows
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('information_schema', 'orchestration') AND NOT starts_with(n.nspname, 'pg_')
ORDER BY n.nspname <> 'public', n.nspname, c.relname;

-- name: columns
-- A domain counts as the type under it. An enum has its words in their order; a column that is a key by itself is marked
-- so, with the table to which it refers.
SELECT a.attrelid::bigint AS table_id, a.attname::text AS name, quote_ident(a.attname) AS sql,
       format_type(a.atttypid, a.atttypmod) AS type_name, format_type(base.oid, NULL) AS base_name,
       base.typcategory::text AS category,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must_be_given,
       a.attnotnull AS is_not_null,
       a.attgenerated <> '' AS is_generated,
       a.attidentity <> '' OR coalesce(strpos(pg_get_expr(d.adbin, d.adrelid), 'nextval(') > 0, false) AS is_counted,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = base.oid ORDER BY e.enumsortorder) AS labels,
       EXISTS (
           SELECT FROM pg_constraint k
           WHERE k.conrelid = a.attrelid AND k.contype = 'p' AND k.conkey = ARRAY[a.attnum]
       ) AS is_primary_key,
       (
           SELECT k.confrelid::bigint FROM pg_constraint k
           WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
           ORDER BY k.conname LIMIT 1
       ) AS refers_to,
       ARRAY(
           SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
           WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
           ORDER BY k.conname
       ) AS checks
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type base ON base.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY (CAST(:tables AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;

-- name: has_schema
SELECT to_regnamespace('orchestration') IS NOT NULL AS it_has;
