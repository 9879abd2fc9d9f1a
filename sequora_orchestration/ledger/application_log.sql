-- What the application's own log of texts lacks, and how it is made up for. What a text of a kind that is not among :kinds
-- says is known to a newer version, whose workers log it.

-- name: log_owed
-- What the application's log lacks of the texts about these tasks or episodes. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
  )
  AND log_owes IS NOT NULL AND kind = ANY (CAST(:kinds AS text[]));

-- name: log_owed_of_claim
-- The same of what a claim has sent. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid) AND log_owes IS NOT NULL;

-- name: log_owed_of
-- The same of these messages. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND log_owes IS NOT NULL;

-- name: log_owed_lately
-- The same of what was sent within the last day, in any order: a row that is refused again and again stands in no
-- other's way. What is just being sent has its run. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE log_owes IS NOT NULL AND kind = ANY (CAST(:kinds AS text[]))
  AND sent_at BETWEEN orchestration.clock() - interval '1 day' AND orchestration.clock() - interval '15 seconds'
ORDER BY random()
LIMIT :most;

-- name: as_sent
-- A message as it was when it was sent, and whether the application's log wants to know what it said. Reading changes
-- nothing.
SELECT n.sent_at AS read_at, n.id::text, n.kind, n.channel, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id,
       n.owed_since, n.sla_due_at, n.due_at,
       reported.id IS NOT NULL AS has_reported, reported.recipient_id AS reported_recipient_id,
       reported.reason AS reported_reason, false AS reported_is_settled, false AS reported_is_uncertain
FROM orchestration.notification n
LEFT JOIN orchestration.notification reported ON reported.id = n.because_of
WHERE n.id = CAST(:id AS uuid) AND orchestration.log_takes_content();

-- name: bring_log_up_to_date
-- Writes what the application's log lacks of these texts: their rows, or what their receipts say. Twice, or two at once:
-- a row is locked by the first, and then lacks nothing.
WITH owed AS MATERIALIZED (
    -- A worker of before log_owes was there may have written the row, and left it.
    SELECT id, log_owes = 'row' AND logged_at IS NULL AS is_new
    FROM orchestration.notification
    WHERE id = ANY (CAST(:ids AS uuid[])) AND log_owes IS NOT NULL
    ORDER BY id
    FOR NO KEY UPDATE
),
logged AS (
    UPDATE orchestration.notification n
    SET log_owes = NULL, logged_at = coalesce(n.logged_at, orchestration.clock())
    FROM owed
    WHERE n.id = owed.id
    RETURNING n, owed.is_new
)
SELECT orchestration.log_notification(logged.n, convert_from(decode(:content, 'hex'), 'UTF8'), logged.is_new) FROM logged;
