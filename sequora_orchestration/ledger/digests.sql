-- Digests: many texts about new tasks that come as one. What becomes of a digest becomes of all that it tells of, by
-- triggers of the database (`migrations/versions/0020_digest.py`, mended by 0021). Whatever locks many messages locks
-- them in the order of their ids, so that no two wait for each other.

-- name: gather
-- Decides which of these messages have a text of their own and which wait for a digest: those after :limit texts in
-- :seconds (`gather` in `views.sql` says why that is safe to do twice, or two at once). Returns the messages that wait.
SELECT id::text, due_at
FROM orchestration.gather(
    CAST(:ids AS uuid[]), CAST(:claim_id AS uuid), :run_id, :kind, :channel, :limit, make_interval(secs => :seconds),
    :all_alone, :reason, :cause
);

-- name: named
-- The messages that these digests tell of, or have told of; of a second try since when the first has waited. Reading
-- changes nothing.
SELECT n.named_by::text AS digest_id, n.state = 'SCHEDULED' AS is_to_be_told, n.ended_by IS NOT NULL AS is_cancelled,
       coalesce(tried.created_at, n.created_at) AS waits_since, orchestration.clock() AS read_at, n.id::text, n.kind, n.channel, coalesce(n.claim_id::text, '') AS claim_id,
       n.task_id, n.episode_id, n.recipient_id, n.owed_since, n.sla_due_at, n.due_at
FROM orchestration.notification n
LEFT JOIN orchestration.notification tried ON tried.id = n.again_of
WHERE n.named_by = ANY (CAST(:ids AS uuid[])) AND n.state IN ('SCHEDULED', 'SENT', 'DELIVERED', 'UNDELIVERED')
ORDER BY n.urgency, n.owed_since, n.id;

-- name: drop_named
-- Ends messages that waited for a digest and that nobody needs any more. Twice, or when a message has left its digest:
-- the second finds nothing that waits.
WITH waiting AS MATERIALIZED (
    SELECT id FROM orchestration.notification
    WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SCHEDULED' AND named_by IS NOT NULL
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE orchestration.notification n
SET state = dropped.state, reason = dropped.reason, cause = dropped.cause,
    ended_by = coalesce(dropped.ended_by, n.ended_by), run_id = :run_id
FROM unnest(
    CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:causes AS text[]),
    CAST(:ended_by_each AS text[])
) AS dropped (id, state, reason, cause, ended_by)
JOIN waiting ON waiting.id = dropped.id
WHERE n.id = dropped.id AND n.state = 'SCHEDULED' AND n.named_by IS NOT NULL;

-- name: let_critical_go
-- A message that waits for a digest, and whose task has become critical, is queued: it has a text of its own, at once,
-- unless somebody has cancelled it. Returns whether any digest is still to be sent. Twice: the second finds them queued.
WITH critical AS MATERIALIZED (
    SELECT t.id
    FROM orchestration.care_tasks(ARRAY(
        SELECT n.task_id FROM orchestration.notification n WHERE n.state = 'SCHEDULED' AND n.named_by IS NOT NULL
    )) AS t
    WHERE t.severity = 'CRITICAL' AND NOT t.is_closed
),
waiting AS MATERIALIZED (
    SELECT n.id FROM orchestration.notification n
    JOIN critical ON critical.id = n.task_id
    WHERE n.state = 'SCHEDULED' AND n.named_by IS NOT NULL AND n.ended_by IS NULL
    ORDER BY n.id
    FOR NO KEY UPDATE OF n
),
let_go AS (
    UPDATE orchestration.notification n
    SET state = 'QUEUED', severity = 'CRITICAL', urgency = 0, owed_since = orchestration.clock(), claim_id = NULL,
        claims = 0, runs = 0, lease_until = orchestration.clock(), reason = 'its task has become critical',
        cause = 'BECAME_CRITICAL'
    FROM waiting
    WHERE n.id = waiting.id AND n.state = 'SCHEDULED' AND n.named_by IS NOT NULL
)
SELECT EXISTS (
           SELECT FROM orchestration.notification d
           WHERE d.kind = :kind AND d.state IN ('SCHEDULED', 'QUEUED', 'SENDING')
       ) AS waits,
       extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds;
