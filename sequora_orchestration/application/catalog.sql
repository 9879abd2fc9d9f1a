-- Questions to a database's catalog about a map's tables. Reading changes nothing: each is safe to run twice.

-- name: kind_of_table
SELECT c.relkind::text AS kind, cardinality(parse_ident(:table)) > 1 AS has_schema,
       c.relnamespace::regnamespace || '.' || quote_ident(c.relname) AS full_name
FROM pg_class c
WHERE c.oid = to_regclass(:table);

-- name: takes_updates
-- Whether it takes an UPDATE by itself, or by a trigger or a rule of a view. The bit of UPDATE is 1 << 2.
SELECT pg_relation_is_updatable(to_regclass(:table), true) & 4 <> 0 AS it_does;

-- name: columns_of_table
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type_name,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must_be_given,
       a.attidentity <> '' OR coalesce(strpos(pg_get_expr(d.adbin, d.adrelid), 'nextval(') > 0, false) AS is_counted,
       a.attidentity = 'a' AS is_always_counted, a.attnotnull AS is_not_null
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: types
-- Types by id; for an enum also its words in their order.
SELECT t.oid::bigint AS id, t.typcategory::text AS category, t.typtype::text AS kind, format_type(t.oid, NULL) AS name,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS words
FROM pg_type t
WHERE t.oid = ANY (CAST(:ids AS oid[]));

-- name: ids_of_tables
-- The ids of those tables that exist.
SELECT to_regclass(named.name)::oid::bigint AS id
FROM unnest(CAST(:tables AS text[])) AS named (name)
WHERE to_regclass(named.name) IS NOT NULL;

-- name: facts
-- Everything about these tables on which the views and the log's function depend, as one text.
SELECT coalesce(string_agg(fact, E'\n' ORDER BY fact), '') AS facts
FROM (
    SELECT concat_ws(' ', c.oid::regclass, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                     a.atthasdef, a.attidentity,
                     ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder))
               AS fact
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = ANY (CAST(:ids AS oid[]))
    UNION ALL
    SELECT concat_ws(' ', con.conrelid::regclass, con.conname, pg_get_constraintdef(con.oid))
    FROM pg_constraint con
    WHERE con.conrelid = ANY (CAST(:ids AS oid[])) AND con.contype = 'c'
) AS one;

-- name: uses
-- The tables and columns that a view of ours reads.
SELECT DISTINCT c.relnamespace::regnamespace || '.' || quote_ident(c.relname) AS table_name, a.attname AS column_name, format_type(a.atttypid, NULL) AS type_name,
       d.refobjid = to_regclass(:table) AS is_of_table
FROM pg_rewrite r
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid AND c.oid <> r.ev_class
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE r.ev_class = to_regclass(:view)
ORDER BY table_name, column_name;

-- name: schemas_of_uses
-- The schemas of everything that a view of ours uses, its types and functions among them.
SELECT DISTINCT used.schema AS schema_name
FROM pg_rewrite r
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjid <> r.ev_class
CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) AS used
WHERE r.ev_class = to_regclass(:view) AND used.schema IS NOT NULL;

-- name: schemas_of_types
-- The schemas of some types, and of the types of a table's columns.
SELECT DISTINCT t.typnamespace::regnamespace::text AS schema_name
FROM pg_type t
WHERE t.oid = ANY (CAST(:ids AS oid[])) OR t.oid IN (
    SELECT a.atttypid FROM pg_attribute a
    WHERE a.attrelid = to_regclass(:table) AND a.attname = ANY (CAST(:columns AS text[]))
);

-- name: seam_is_there
-- Whether all views and functions of the seam are there: the application's migrations may have dropped one.
SELECT (
           SELECT count(*) FROM pg_class
           WHERE relnamespace = to_regnamespace('orchestration') AND relkind = 'v'
             AND relname IN ('care_task', 'care_person', 'care_episode', 'care_patient', 'care_shift')
       ) = 5
       AND (
           SELECT count(DISTINCT proname) FROM pg_proc
           WHERE pronamespace = to_regnamespace('orchestration')
             AND proname IN ('log_notification', 'log_takes', 'log_takes_content', 'log_takes_receipts', 'assign_task',
                             'accept_task', 'resolve_task', 'writes_back')
       ) = 8 AS it_is;

-- name: functions_of_the_map
SELECT oid::regprocedure::text AS name
FROM pg_proc
WHERE pronamespace = to_regnamespace('orchestration') AND starts_with(proname, 'map_');

-- name: write_out_search_path
-- For this transaction, and for functions that keep its path by SET search_path FROM CURRENT: "$user" would be another
-- schema for another role. Run twice, the schemas stay the same.
SELECT set_config('search_path', coalesce(string_agg(quote_ident(one.name), ', ' ORDER BY one.place), ''), true) AS path
FROM unnest(current_schemas(false)) WITH ORDINALITY AS one (name, place);
