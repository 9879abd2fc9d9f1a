-- Writes for which Dagster's event log and run storages use several statements, in one each. The tables are Dagster's.

-- name: store_events
-- Store events of a run in their order, and notify the listeners, as Dagster does after each event.
WITH stored AS (
    INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT * FROM unnest(
        CAST(:run_id AS text[]), CAST(:event AS text[]), CAST(:dagster_event_type AS text[]),
        CAST(:timestamp AS timestamp[]), CAST(:step_key AS text[]), CAST(:asset_key AS text[]),
        CAST(:partition AS text[])
    )
    RETURNING run_id, id
)
SELECT pg_notify('run_events', run_id || '_' || id) FROM stored;

-- name: store_events_and_status
-- Store events, and the run's new status; return the run's record, all NULL if the run was deleted. As with Dagster's
-- own update, the last to report wins. The body is left as it is: Dagster takes the status from its column alone.
WITH stored AS (
    INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT * FROM unnest(
        CAST(:run_id AS text[]), CAST(:event AS text[]), CAST(:dagster_event_type AS text[]),
        CAST(:timestamp AS timestamp[]), CAST(:step_key AS text[]), CAST(:asset_key AS text[]),
        CAST(:partition AS text[])
    )
    RETURNING run_id, id
),
reported AS (
    UPDATE runs
    SET status = :status, update_timestamp = :moment,
        start_time = coalesce(:start_time, start_time), end_time = coalesce(:end_time, end_time)
    WHERE run_id = :changed
    RETURNING id, run_body, status, create_timestamp, update_timestamp, start_time, end_time
)
SELECT pg_notify('run_events', stored.run_id || '_' || stored.id), reported.* FROM stored LEFT JOIN reported ON true;
