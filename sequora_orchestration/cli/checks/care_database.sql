-- The questions of `sequora doctor` to the care database: to its catalog, and about two rows of ours. Reading changes
-- nothing: each is safe to run twice.

-- name: server
SELECT current_setting('server_version') AS version,
       CAST(current_setting('server_version_num') AS integer) / 10000 AS major,
       pg_is_in_recovery() OR CAST(current_setting('default_transaction_read_only') AS boolean) AS is_read_only,
       clock_timestamp() AS now;

-- name: compilation
-- The setting as our own statements have it, whatever the server's default is.
SELECT current_setting('jit') AS jit;

-- name: go_live
SELECT go_live_at, workflows_live_at, orchestration.clock() AS now FROM orchestration.go_live;
