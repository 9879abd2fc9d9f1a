-- The ledger at a glance.

-- name: counts
-- Reading changes nothing.
SELECT kind, state, count(*) AS count
FROM orchestration.notification
GROUP BY kind, state
ORDER BY kind, state;

-- name: last_hour
-- How many texts were sent; and from when a new task's text was owed until the phone company had it, in seconds. What a
-- digest has told of had no text, and waited on purpose; a test text to the operator's own number is nobody's. Reading
-- changes nothing.
SELECT count(*) AS sent,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))
           FILTER (WHERE kind = 'task-created'))::float AS p50,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))
           FILTER (WHERE kind = 'task-created'))::float AS p95
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour' AND channel = 'SMS' AND named_by IS NULL
  AND audience IS DISTINCT FROM 'OPERATOR';

-- name: oldest_due
-- The message that has been due for longest and is not sent yet; of a digest and what waits for it, the digest. Reading
-- changes nothing.
SELECT id::text, task_id, episode_id, kind, state, reason,
       extract(epoch FROM orchestration.clock()
           - least(orchestration.due_since(notification), orchestration.clock()))::float AS age
FROM orchestration.notification
WHERE state IN ('QUEUED', 'SENDING')
   OR (state = 'SCHEDULED' AND due_at <= orchestration.clock() AND NOT orchestration.waits_for_digest(notification))
ORDER BY orchestration.due_since(notification)
LIMIT 1;

-- name: set_aside
-- Messages that a person should look at, newest first, and :most_counted of how many they are; none about a task that is
-- closed, and of those about the same, the one that decides whether it is sent again by a replay. Of a digest that failed
-- its tasks are shown, but of one that is held only the digest, for it is what a person releases. A call that nobody has
-- taken asks nothing of anybody: the supervisors know. Reading changes nothing.
WITH aside AS MATERIALIZED (
    SELECT n.*
    FROM orchestration.notification n
    CROSS JOIN LATERAL orchestration.stand_ins(ARRAY[n.id]) s
    WHERE (n.state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED') OR n.log_owes = 'row')
      AND (n.over_at >= n.created_at) IS NOT TRUE
      AND (n.task_id IS NOT NULL OR n.episode_id IS NOT NULL OR n.state IN ('IN_DOUBT', 'HELD'))
      AND (n.named_by IS NULL OR n.state <> 'HELD')
      AND NOT (n.channel = 'VOICE' AND n.state = 'UNDELIVERED')
      AND (n.state NOT IN ('FAILED', 'UNDELIVERED') OR n.log_owes = 'row' OR s.stand_in IS NULL)
    ORDER BY n.created_at DESC
    LIMIT :most_counted
)
SELECT id::text, task_id, episode_id, kind, state, reason,
       extract(epoch FROM orchestration.clock() - created_at)::float AS age,
       (SELECT count(*) FROM aside) AS counted
FROM aside
ORDER BY created_at DESC
LIMIT :most;

-- name: replays
-- The replays that operators have ordered in the last day, newest first, and how many messages each has sent again: those
-- that are recorded after the order itself, and before the same person's next one for the same reason. Reading changes
-- nothing.
WITH recorded AS MATERIALIZED (
    SELECT id, at, who, why, notification_id IS NULL AS is_order,
           count(*) FILTER (WHERE notification_id IS NULL) OVER (PARTITION BY who, why ORDER BY id) AS place
    FROM orchestration.operator_action
    WHERE verb = 'replay' AND at > orchestration.clock() - interval '1 day'
)
SELECT o.at, o.who, o.why,
       (
           SELECT count(*) FROM recorded m
           WHERE NOT m.is_order AND m.who = o.who AND m.why = o.why AND m.place = o.place
       ) AS messages
FROM recorded o
WHERE o.is_order
ORDER BY o.id DESC
LIMIT :most;

-- name: doubts
-- How the doubts of the last seven days ended; and how many texts were found after their message had been sent again.
-- Reading changes nothing.
SELECT count(*) FILTER (WHERE to_state = 'SENT' AND cause = 'FOUND') AS adopted,
       count(*) FILTER (WHERE to_state = 'QUEUED') AS sent_again,
       count(*) FILTER (WHERE to_state = 'HELD') AS held,
       (
           SELECT count(*)
           FROM orchestration.lost_attempt l
           JOIN orchestration.notification n ON n.id = l.notification_id
           WHERE l.found_at > orchestration.clock() - interval '7 days' AND n.provider_sid IS NOT NULL
       ) AS doubled
FROM orchestration.notification_event
WHERE from_state = 'IN_DOUBT' AND at > orchestration.clock() - interval '7 days';

-- name: answers
-- How many commands staff have sent by text in the last day, by verb; those that were answered with a link count as LINK,
-- and those that could not be done as NONE. Reading changes nothing.
SELECT CASE WHEN outcome IN ('DONE', 'NOT_WRITTEN') THEN verb WHEN outcome = 'LINK' THEN 'LINK' ELSE 'NONE' END AS verb,
       count(*) AS count
FROM orchestration.answer
WHERE at > orchestration.clock() - interval '1 day'
GROUP BY 1
ORDER BY 1;
