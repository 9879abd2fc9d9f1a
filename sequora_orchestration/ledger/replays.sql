-- Sending many messages again that ended alike, in a time. Why one of them is left out, as far as the ledger knows, says
-- `hindrances` in `views.sql`; whether it is still wanted, its kind's rules.

-- name: ended
-- The messages of these kinds that ended in these states in a time, and are in them, the most urgent first, with what
-- stands in the way of each. A message that went out counts from then; any other from when it got its state. Its cost
-- grows with the messages that are in these states, whenever they ended: they are found by the index on kind and state.
-- Reading changes nothing.
WITH ended AS MATERIALIZED (
    SELECT n.id
    FROM orchestration.notification n
    CROSS JOIN LATERAL (
        SELECT max(e.at) AS at FROM orchestration.notification_event e
        WHERE e.notification_id = n.id AND e.to_state = n.state AND e.from_state IS DISTINCT FROM e.to_state
        OFFSET 0
    ) AS change
    WHERE n.kind = ANY (CAST(:kinds AS text[])) AND n.state = ANY (CAST(:states AS text[]))
      AND n.state IN ('FAILED', 'UNDELIVERED', 'CANCELLED') AND n.created_at < :until
      AND coalesce(change.at, n.created_at) >= :since AND coalesce(change.at, n.created_at) < :until
    UNION ALL
    SELECT n.id
    FROM orchestration.notification n
    WHERE n.sent_at >= :since AND n.sent_at < :until AND n.state IN ('SENT', 'DELIVERED')
      AND n.kind = ANY (CAST(:kinds AS text[])) AND n.state = ANY (CAST(:states AS text[]))
)
SELECT n.id::text, n.kind, n.channel, n.state, n.severity, n.task_id, n.episode_id, n.reason,
       CASE WHEN n.resent_of IS NOT NULL THEN n.created_at
            WHEN tried.resent_of IS NOT NULL THEN tried.created_at END AS resent_at,
       h.hindrance
FROM (SELECT array_agg(id) AS ids FROM ended) AS found
CROSS JOIN LATERAL orchestration.hindrances(found.ids, :also_sent) h
JOIN orchestration.notification n ON n.id = h.id
LEFT JOIN orchestration.notification tried ON tried.id = n.again_of
ORDER BY n.urgency, n.owed_since, n.id;

-- name: as_new
-- These messages as they would be if they were sent again now: of :keeping kinds a message stays owed, and due, since
-- then; and one that has no recipient yet has waited for one since then. Reading changes nothing.
SELECT orchestration.clock() AS read_at, n.id::text, n.kind, n.channel, coalesce(n.claim_id::text, '') AS claim_id,
       n.task_id, n.episode_id, n.recipient_id, n.sla_due_at,
       CASE WHEN n.kind = ANY (CAST(:keeping AS text[])) OR n.recipient_id IS NULL THEN n.owed_since
            ELSE orchestration.clock() END AS owed_since,
       CASE WHEN n.kind = ANY (CAST(:keeping AS text[])) THEN n.due_at
            WHEN n.due_at IS NOT NULL THEN orchestration.clock() END AS due_at,
       n.kind = 'task-created' AND n.recipient_id IS NULL AND orchestration.has_no_taker(n.task_id) AS has_no_taker,
       reported.id IS NOT NULL AS has_reported, reported.recipient_id AS reported_recipient_id,
       reported.reason AS reported_reason,
       EXISTS (
           SELECT FROM orchestration.reached_since(
               n.task_id, reported.recipient_id, reported.state, reported.created_at, reported.attempted_at
           )
       ) OR reported.state = 'DELIVERED' AS reported_is_settled,
       reported.state IN ('SENT', 'IN_DOUBT') AS reported_is_uncertain
FROM orchestration.notification n
LEFT JOIN orchestration.notification reported ON reported.id = n.because_of
WHERE n.id = ANY (CAST(:ids AS uuid[]));

-- name: named_as_new
-- The messages of which these digests would tell if they were sent again: those that `repeat_digest` in `views.sql`
-- makes anew. Reading changes nothing.
SELECT d.id::text AS digest_id, true AS is_to_be_told, false AS is_cancelled, n.created_at AS waits_since,
       orchestration.clock() AS read_at, n.id::text, n.kind, n.channel, coalesce(n.claim_id::text, '') AS claim_id,
       n.task_id, n.episode_id, n.recipient_id, n.owed_since, n.sla_due_at, n.due_at
FROM orchestration.notification d
JOIN orchestration.notification n ON n.named_by = orchestration.first_of(d)
WHERE d.id = ANY (CAST(:ids AS uuid[])) AND n.state <> 'CANCELLED' AND n.ended_by IS NULL
  AND NOT orchestration.is_told_otherwise_since(n)
ORDER BY n.urgency, n.owed_since, n.id;

-- name: replay
-- Sends those of these messages again that are still in one of these states, and that nothing stands in the way of, each
-- as a message of its own, and records who has ordered it: with each, and once for all if they are the :is_first. Twice:
-- the new message stands in for the first one. Two at once: the second waits for the first, as does a sensor, and each
-- sees what the other has made. A `resend` at the same time collides on the unique key, and one does nothing.
WITH chosen AS (
    SELECT n.*, orchestration.first_of(n) AS first_id
    FROM orchestration.hindrances_by_now(CAST(:ids AS uuid[]), :also_sent) h
    JOIN orchestration.notification n ON n.id = h.id
    WHERE n.state = ANY (CAST(:states AS text[])) AND h.hindrance IS NULL
),
new AS (
    SELECT chosen.*, gen_random_uuid() AS new_id FROM chosen
),
changed AS (
    INSERT INTO orchestration.notification
        (id, business_key, occasion, kind, channel, audience, task_id, episode_id, recipient_id, severity, urgency,
         owed_since, sla_due_at, due_at, because_of, turn, resent_of, reply_to, state, lease_until, reason, cause)
    SELECT n.new_id, orchestration.resent_key(n.first_id), n.occasion, n.kind, n.channel,
           orchestration.audience_of(n.audience, n.kind), n.task_id, n.episode_id, n.recipient_id, n.severity,
           n.urgency,
           CASE WHEN n.kind = ANY (CAST(:keeping AS text[])) OR n.recipient_id IS NULL THEN n.owed_since
                ELSE orchestration.clock() END,
           n.sla_due_at,
           CASE WHEN n.kind = ANY (CAST(:keeping AS text[])) THEN n.due_at
                WHEN n.due_at IS NOT NULL THEN orchestration.clock() END,
           n.because_of, n.turn, n.first_id, n.reply_to, 'QUEUED', orchestration.clock(),
           'sent again by an operator''s order, with others that ended as ' || n.state, 'RESENT_BY_OPERATOR'
    FROM new n
    ORDER BY 2
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING id
),
recorded AS (
    INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
    SELECT CAST(:who AS text), CAST(:verb AS text), recorded.id, CAST(:why AS text)
    FROM (
        SELECT NULL::uuid AS id WHERE CAST(:is_first AS boolean) AND EXISTS (SELECT FROM changed)
        UNION ALL
        SELECT id FROM changed
    ) AS recorded
)
SELECT n.new_id::text AS id, n.id::text AS replayed_id, n.kind, n.severity, n.task_id, n.episode_id
FROM new n JOIN changed ON changed.id = n.new_id
ORDER BY n.urgency, n.owed_since, n.id;
