-- Messages with everything that has happened to them.

-- name: stories
-- The messages about these tasks, and the check-ins of these episodes; or these messages themselves (:own_ids); or the
-- messages of a claim (:claim_id), or the one of them that an id names (:of). A message that a digest tells of is where
-- that digest is. Reading changes nothing.
WITH message AS MATERIALIZED (
    SELECT * FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[]))
       OR (task_id IS NULL AND episode_id = ANY (CAST(:episode_ids AS text[])))
       OR id = ANY (CAST(:own_ids AS uuid[]))
       OR (
           claim_id = CAST(:claim_id AS uuid)
           AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL)
       )
)
SELECT n.id::text, n.kind, n.channel, orchestration.audience_of(n.audience, n.kind) AS audience, n.task_id, n.episode_id,
       n.recipient_id, n.urgency, n.owed_since, n.created_at,
       CASE WHEN n.state = 'SCHEDULED' AND digest.state IN ('QUEUED', 'SENDING', 'IN_DOUBT') THEN digest.state
            ELSE n.state END AS state,
       CASE WHEN n.state = 'SCHEDULED' AND digest.state IN ('QUEUED', 'SENDING', 'IN_DOUBT')
            THEN coalesce(digest.reason, n.reason) ELSE n.reason END AS reason,
       n.cause, n.due_at, n.sla_due_at,
       n.because_of::text, n.again_of::text, n.resent_of::text, n.named_by::text, digest.kind AS digest_kind,
       coalesce(n.lease_until, digest.lease_until) AS lease_until, n.run_id,
       coalesce(n.attempted_at, digest.attempted_at) AS attempted_at,
       n.sent_at, coalesce(n.provider_sid, digest.provider_sid) AS provider_id, n.provider_code,
       coalesce(n.doubtful_since, digest.doubtful_since) AS doubtful_since, coalesce(n.look_at, digest.look_at) AS look_at,
       coalesce(n.receipt_at, digest.receipt_at) AS receipt_at,
       n.logged_at, n.log_owes,
       CASE WHEN n.state = 'IN_DOUBT' THEN n.doubt_ends_at
            WHEN digest.state = 'IN_DOUBT' THEN digest.doubt_ends_at END AS doubt_ends_at,
       CASE WHEN n.over_at > '-infinity' THEN n.over_at END AS over_at, n.ended_by,
       change.history AS changes, given.history AS orders, late.history AS found_late
FROM message n
LEFT JOIN orchestration.notification digest ON digest.id = n.named_by
LEFT JOIN (
    SELECT notification_id,
           json_agg(
               json_build_object('at', at, 'from_state', from_state, 'to_state', to_state, 'attempt', attempt,
                                 'claim_id', claim_id, 'run_id', run_id, 'reason', reason, 'cause', cause)
               ORDER BY id
           ) AS history
    FROM orchestration.notification_event
    WHERE notification_id = ANY (ARRAY(SELECT id FROM message))
    GROUP BY notification_id
) AS change ON change.notification_id = n.id
LEFT JOIN (
    SELECT notification_id,
           json_agg(json_build_object('at', at, 'who', who, 'verb', verb, 'why', why) ORDER BY id) AS history
    FROM orchestration.operator_action
    WHERE notification_id = ANY (ARRAY(SELECT id FROM message))
    GROUP BY notification_id
) AS given ON given.notification_id = n.id
LEFT JOIN (
    SELECT notification_id,
           json_agg(
               json_build_object('began_at', began_at, 'found_at', found_at, 'provider_id', found_sid) ORDER BY found_at
           ) AS history
    FROM orchestration.lost_attempt
    WHERE notification_id = ANY (ARRAY(SELECT id FROM message)) AND found_at IS NOT NULL
    GROUP BY notification_id
) AS late ON late.notification_id = n.id
ORDER BY n.created_at, n.id;

-- name: tries_of
-- A message, and all others by which the same was sent again, or tried once more. Reading changes nothing.
WITH first AS (
    SELECT orchestration.first_of(n) AS id FROM orchestration.notification n WHERE n.id = CAST(:own_id AS uuid)
),
sent AS (
    SELECT id FROM first
    UNION
    SELECT o.id FROM orchestration.notification o WHERE o.resent_of = (SELECT id FROM first)
)
SELECT id::text FROM sent
UNION
SELECT o.id::text FROM sent JOIN orchestration.notification o ON o.again_of = sent.id;

-- name: tasks_of_episode
-- The tasks of an episode that there are messages about. Reading changes nothing.
SELECT task_id FROM orchestration.notification
WHERE episode_id = :id AND task_id IS NOT NULL
GROUP BY task_id
ORDER BY min(created_at);

-- name: subject_of
-- What a message is about. Reading changes nothing.
SELECT id::text, kind, task_id, episode_id, severity FROM orchestration.notification WHERE id = CAST(:own_id AS uuid);

-- name: tasks_of_digest
-- The tasks that a digest tells of, or has told of. Reading changes nothing.
SELECT task_id FROM orchestration.notification
WHERE named_by = CAST(:own_id AS uuid) AND task_id IS NOT NULL
ORDER BY created_at, task_id;

-- name: lives_since
-- The time that the rules go by, since when which rows are looked at, and of which kinds texts have just been going out
-- (the index notification_sent has those of the last minute). Reading changes nothing.
SELECT orchestration.clock() AS now, go_live_at, workflows_live_at,
       ARRAY(
           SELECT DISTINCT kind FROM orchestration.notification
           WHERE sent_at > orchestration.clock() - interval '1 minute'
       ) AS kinds_going_out
FROM orchestration.go_live;

-- name: orders_about_kinds
-- What operators ordered about whole kinds since then: pause and resume. Reading changes nothing.
SELECT at, who, verb, kind, why FROM orchestration.operator_action
WHERE notification_id IS NULL AND kind IS NOT NULL AND at >= :since
ORDER BY id;
