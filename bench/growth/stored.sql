-- Fills Dagster's database with copies of a real system's rows, and the ledger with messages as a real system has them.
-- Run twice, the statements add as much again.

-- name: newest_run
-- A finished run of the job.
SELECT run_id FROM runs WHERE pipeline_name = :job AND status = 'SUCCESS' ORDER BY id DESC LIMIT 1;

-- name: copy_run
-- So many copies of a run, with its tags and events, each under an id of its own, created evenly between two times.
WITH copy AS MATERIALIZED (
    SELECT number, gen_random_uuid()::text AS run_id,
           CAST(:since AS timestamp) + (CAST(:until AS timestamp) - CAST(:since AS timestamp)) * number / :count AS at
    FROM generate_series(1, :count) AS number
),
copied_run AS (
    INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set,
                      create_timestamp, update_timestamp, start_time, end_time)
    SELECT copy.run_id, snapshot_id, pipeline_name, mode, status, replace(run_body, CAST(:run_id AS text), copy.run_id),
           partition, partition_set, at, at, extract(epoch FROM at), extract(epoch FROM at) + 0.1
    FROM runs CROSS JOIN copy
    WHERE runs.run_id = :run_id
    ORDER BY number
),
copied_tag AS (
    INSERT INTO run_tags (run_id, key, value)
    -- Ids are other ones in each run.
    SELECT copy.run_id, key, CASE WHEN value ~ '^[0-9a-f-]{36}$' THEN copy.run_id ELSE value END
    FROM run_tags CROSS JOIN copy
    WHERE run_tags.run_id = :run_id
    ORDER BY number
)
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT copy.run_id, replace(event, CAST(:run_id AS text), copy.run_id), dagster_event_type, at, step_key, asset_key,
       partition
FROM event_logs CROSS JOIN copy
WHERE event_logs.run_id = :run_id
ORDER BY number, event_logs.id;

-- name: copy_ticks
-- So many ticks, copies of each sensor's newest, of one status, evenly between two times.
INSERT INTO job_ticks
    (job_origin_id, selector_id, status, type, timestamp, tick_body, create_timestamp, update_timestamp)
SELECT job_origin_id, selector_id, :status, type, at, tick_body, at, at
FROM (
    SELECT DISTINCT ON (selector_id) *, count(*) OVER () AS all_sensors FROM job_ticks ORDER BY selector_id, id DESC
) AS newest
CROSS JOIN LATERAL (
    SELECT CAST(:since AS timestamp) + (CAST(:until AS timestamp) - CAST(:since AS timestamp)) * number / :count AS at
    FROM generate_series(1, :count) AS number
) AS copy
ORDER BY at;

-- name: ticks_of_a_day
-- So many ticks of one sensor; most of them found nothing.
INSERT INTO job_ticks
    (job_origin_id, selector_id, status, type, timestamp, tick_body, create_timestamp, update_timestamp)
SELECT 'a sensor', 'a sensor',
       CASE WHEN number % 100 = 0 THEN 'FAILURE' WHEN number % 50 = 1 THEN 'SUCCESS' ELSE 'SKIPPED' END, 'SENSOR', at,
       repeat('a tick ', 100), at, at
FROM generate_series(1, :count) AS number
CROSS JOIN LATERAL (
    SELECT CAST(:since AS timestamp) + (CAST(:until AS timestamp) - CAST(:since AS timestamp)) * number / :count AS at
) AS moment;

-- name: date_back_runs
-- Runs that have really been executed belong to the simulated day.
UPDATE runs SET create_timestamp = :now, update_timestamp = :now WHERE create_timestamp > :now;

-- name: stored
-- How much there is.
SELECT (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM event_logs) AS events,
       (SELECT count(*) FROM job_ticks) AS ticks;

-- name: work_done
-- Since the database was made: milliseconds of statements, transactions, and how many ticks and runs began.
SELECT active_time AS milliseconds, xact_commit + xact_rollback AS transactions,
       coalesce((SELECT max(id) FROM job_ticks), 0) AS ticks, coalesce((SELECT max(id) FROM runs), 0) AS runs
FROM pg_stat_database
WHERE datname = current_database();

-- name: messages
-- How many messages there are.
SELECT count(*) AS count FROM orchestration.notification;

-- name: a_day_of_tasks
-- So many tasks created now. Every fiftieth will stay open for ever.
INSERT INTO "EscalationTask" (id, episode_id, severity, status, assigned_to_user_id, created_at, reason_codes)
SELECT gen_random_uuid(), gen_random_uuid(), 'HIGH', CASE WHEN number % 50 = 0 THEN 'IN_PROGRESS' ELSE 'OPEN' END,
       gen_random_uuid(), orchestration.clock(), '{FEVER}'
FROM generate_series(1, :count) AS number;

-- name: tasks_are_resolved
-- Resolves the tasks that have been open for a week.
UPDATE "EscalationTask" SET status = 'RESOLVED'
WHERE status = 'OPEN' AND created_at <= orchestration.clock() - interval '7 days';

-- name: a_day_of_episodes
-- So many patients left hospital now.
INSERT INTO "Episode" (id, patient_id, created_at)
SELECT gen_random_uuid(), gen_random_uuid(), orchestration.clock() FROM generate_series(1, :count);

-- name: messages_begin
-- The messages about tasks and episodes created now: one to the nurse of each task, a warning for every second task,
-- and a check-in for each episode.
INSERT INTO orchestration.notification
    (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, state, lease_until, claim_id)
SELECT kind || '\:' || coalesce(task_id, episode_id), kind, task_id, episode_id, recipient_id, 'HIGH', 1,
       orchestration.clock(), 'QUEUED', orchestration.clock(), gen_random_uuid()
FROM (
    SELECT kind, id::text AS task_id, episode_id::text AS episode_id, assigned_to_user_id::text AS recipient_id
    FROM "EscalationTask" CROSS JOIN unnest(ARRAY['task-created', 'sla-warning']) AS kind
    WHERE created_at = orchestration.clock() AND (status IN ('RESOLVED', 'CANCELLED')) IS NOT TRUE
      AND (kind = 'task-created' OR hashtext(id::text) % 2 = 0)
    UNION ALL
    SELECT 'check-in', NULL, id::text, patient_id::text FROM "Episode" WHERE created_at = orchestration.clock()
) AS message;

-- name: messages_are_sending
-- Each move of the messages is an update, as in real life.
UPDATE orchestration.notification SET state = 'SENDING', attempts = 1, attempted_at = orchestration.clock()
WHERE state = 'QUEUED';

-- name: messages_are_sent
UPDATE orchestration.notification
SET state = 'SENT', sent_at = orchestration.clock(), provider_sid = 'SM' || id, receipt_at = orchestration.clock()
WHERE state = 'SENDING';

-- name: messages_are_delivered
UPDATE orchestration.notification SET state = 'DELIVERED', receipt_at = NULL WHERE state = 'SENT';
