-- The daemon's last sign of life. The table is Dagster's.

-- name: last_heartbeat
-- Read when the part of the daemon that ticks last said that it is there, in seconds since 1970 by the daemon's clock. It
-- is taken from the body, as by Dagster: the column `timestamp` has no zone, and is in that of the daemon's session.
SELECT CAST(CAST(body AS json) ->> 'timestamp' AS double precision) AS said_at
FROM daemon_heartbeats WHERE daemon_type = 'SENSOR';
