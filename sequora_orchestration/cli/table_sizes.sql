-- What tables take up. The statements only read, so they are safe to run twice or at the same time as themselves.

-- name: table_sizes
-- Of those of these tables that exist: the bytes on disk with indexes, and how many rows the database believes they
-- have. Counting them would take longer the more there are.
SELECT each.name,
       pg_total_relation_size(c.oid) AS bytes,
       coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(c.reltuples, 0))::bigint AS rows
FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY AS each (name, place)
JOIN pg_class c ON c.oid = to_regclass(each.name)
ORDER BY each.place;
