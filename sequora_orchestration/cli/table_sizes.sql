-- The sizes of tables. Reading changes nothing: each is safe to run twice or at the same time as itself.

-- name: table_sizes
-- For each of these tables that exists: the bytes on disk with indexes, and the database's estimate of the rows.
-- Counting them would take the longer, the more there are.
SELECT each.name,
       pg_total_relation_size(c.oid) AS bytes,
       coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(c.reltuples, 0))::bigint AS rows
FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY AS each (name, place)
JOIN pg_class c ON c.oid = to_regclass(each.name)
ORDER BY each.place;
