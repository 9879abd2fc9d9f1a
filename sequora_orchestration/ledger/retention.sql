-- Deletes messages that have long been over.

-- name: old_subjects
-- The tasks of events older than :kept seconds, among the :most events after the event :after; or their episodes where
-- there is no task. Events' ids rise with time, so no other index is needed; and every message has an event. Reading
-- changes nothing.
WITH walked AS MATERIALIZED (
    SELECT id, notification_id, at < orchestration.clock() - make_interval(secs => :kept) AS is_old
    FROM orchestration.notification_event
    WHERE id > :after
    ORDER BY id
    LIMIT :most
),
subject AS MATERIALIZED (
    SELECT DISTINCT n.task_id, CASE WHEN n.task_id IS NULL THEN n.episode_id END AS episode_id
    FROM walked
    JOIN orchestration.notification n ON n.id = walked.notification_id
    WHERE walked.is_old
)
SELECT max(id) AS last, count(*) FILTER (WHERE is_old) = :most AS goes_on,
       ARRAY(SELECT task_id FROM subject WHERE task_id IS NOT NULL) AS task_ids,
       ARRAY(SELECT episode_id FROM subject WHERE episode_id IS NOT NULL) AS episode_ids
FROM walked;

-- name: open_tasks
-- Those of these tasks that a sensor's question can still find: without their messages they would count as new. Reading
-- changes nothing.
SELECT t.id
FROM orchestration.care_task t
WHERE t.key = ANY (:ids) AND NOT t.is_closed;

-- name: recent_episodes
-- Those of these episodes that the question about new episodes finds, now or with another delay (:check_in_delay is the
-- longest): without their messages they would count as new. An episode's row may say that it was created in the future.
-- Reading changes nothing.
SELECT e.id
FROM orchestration.care_episode e
WHERE e.key = ANY (:ids)
  AND coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at))
      >= orchestration.clock() - make_interval(days => 7, secs => :check_in_delay);

-- name: delete_what_is_over
-- All messages about a task or episode, with their history and the operators' orders about them, if every one of them
-- is over and nothing has happened to it for :kept seconds. They go together: a younger message may refer to an older
-- one, and `resend` counts them. Twice, or two at once: the second finds nothing, or skips rows that the first has
-- locked.
WITH candidate AS MATERIALIZED (
    SELECT id,
           bool_and(
               state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
               AND greatest(created_at, claimed_at, attempted_at, sent_at, due_at)
                   < orchestration.clock() - make_interval(secs => :kept)
           ) OVER (PARTITION BY task_id, CASE WHEN task_id IS NULL THEN episode_id END) AS all_are_over
    FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[]))
       OR (task_id IS NULL AND episode_id = ANY (CAST(:episode_ids AS text[])))
),
deletable AS MATERIALIZED (
    SELECT n.id
    FROM orchestration.notification n
    WHERE n.id = ANY (ARRAY(SELECT id FROM candidate WHERE all_are_over))
      AND n.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
    FOR UPDATE SKIP LOCKED
),
orders AS (
    DELETE FROM orchestration.operator_action WHERE notification_id = ANY (ARRAY(SELECT id FROM deletable))
)
DELETE FROM orchestration.notification WHERE id = ANY (ARRAY(SELECT id FROM deletable));

-- name: delete_old_digests_and_canaries
-- Digests that are over, none of whose tasks has a message left, and test texts; and the operators' orders about them.
-- Twice, or two at once: the second finds nothing, or skips rows that the first has locked.
WITH deletable AS MATERIALIZED (
    SELECT d.id
    FROM orchestration.notification d
    WHERE d.kind IN ('task-digest', 'canary')
      AND d.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
      AND greatest(d.created_at, d.claimed_at, d.attempted_at, d.sent_at, d.due_at)
          < orchestration.clock() - make_interval(secs => :kept)
      AND NOT EXISTS (SELECT FROM orchestration.notification n WHERE n.named_by = d.id)
    FOR UPDATE SKIP LOCKED
),
orders AS (
    DELETE FROM orchestration.operator_action WHERE notification_id = ANY (ARRAY(SELECT id FROM deletable))
)
DELETE FROM orchestration.notification WHERE id = ANY (ARRAY(SELECT id FROM deletable));

-- name: delete_old_pauses
-- Operators' orders about whole kinds, pause and resume. Twice: nothing is left to delete.
DELETE FROM orchestration.operator_action
WHERE notification_id IS NULL AND at < orchestration.clock() - make_interval(secs => :kept);

-- name: delete_old_assignments
-- The assignments of tasks that are closed and have no message left. Twice: nothing is left to delete.
DELETE FROM orchestration.assignment a
WHERE a.created_at < orchestration.clock() - make_interval(secs => :kept)
  AND NOT EXISTS (SELECT FROM orchestration.notification n WHERE n.task_id = a.task_id)
  AND NOT EXISTS (SELECT FROM orchestration.care_task t WHERE NOT t.is_closed AND t.id = a.task_id);

-- name: delete_old_inbound
-- What people texted to us, :most at a time, with the commands in it; and our answers that are about no task. What is
-- not older by a day than the newest stays: it is still listed each time, and would be obeyed anew. Twice: nothing is
-- left to delete.
WITH old AS MATERIALIZED (
    SELECT i.sid
    FROM orchestration.inbound i
    JOIN orchestration.inbound_reading r ON r.channel = i.channel
    WHERE i.read_at < orchestration.clock() - make_interval(secs => :kept)
      AND i.received_at < r.newest_at - interval '1 day'
    ORDER BY i.read_at
    LIMIT :most
),
answers AS (
    DELETE FROM orchestration.notification
    WHERE business_key = ANY (ARRAY(SELECT 'reply:' || sid FROM old)) AND task_id IS NULL
      AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
)
DELETE FROM orchestration.inbound WHERE sid = ANY (ARRAY(SELECT sid FROM old));

-- name: delete_old_task_numbers
-- The small numbers of tasks on phones that were texted about them long ago. Twice: nothing is left to delete.
DELETE FROM orchestration.task_number WHERE texted_at < orchestration.clock() - make_interval(secs => :kept);

-- name: delete_old_reconciliations
-- What was found of days that are compared no more, for their messages are gone. Twice: nothing is left to delete.
WITH orphans AS (
    DELETE FROM orchestration.orphan
    WHERE day < CAST((orchestration.clock() - make_interval(secs => :kept)) AT TIME ZONE 'UTC' AS date)
)
DELETE FROM orchestration.reconciliation
WHERE day < CAST((orchestration.clock() - make_interval(secs => :kept)) AT TIME ZONE 'UTC' AS date);
