-- Makes the application's own log of texts complete. In `log_owes` stands what a text still lacks there: its `row`, or
-- the status of its `receipt`. If a text's kind is not among :kinds, only a newer version knows its words, and that
-- version's workers log it.

-- name: log_owed
-- The texts about these tasks or episodes that the application's log lacks something of. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
  )
  AND log_owes IS NOT NULL AND kind = ANY (CAST(:kinds AS text[]));

-- name: log_owed_of_claim
-- The same for the texts of a claim. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid) AND log_owes IS NOT NULL;

-- name: log_owed_of
-- The same for these messages. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND log_owes IS NOT NULL;

-- name: log_owed_lately
-- The same for the texts of the last day, in random order: so a row that is refused again and again keeps no other from
-- its turn. The last 15 seconds are left to the runs that are sending. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE log_owes IS NOT NULL AND kind = ANY (CAST(:kinds AS text[]))
  AND sent_at BETWEEN orchestration.clock() - interval '1 day' AND orchestration.clock() - interval '15 seconds'
ORDER BY random()
LIMIT :most;

-- name: as_sent
-- A message as it was when it was sent; no row where the application's log keeps no content of texts. Reading changes
-- nothing.
SELECT n.sent_at AS read_at, n.id::text, n.kind, n.channel, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id,
       n.owed_since, n.sla_due_at, n.due_at,
       reported.id IS NOT NULL AS has_reported, reported.recipient_id AS reported_recipient_id,
       reported.reason AS reported_reason, false AS reported_is_settled, false AS reported_is_uncertain,
       coalesce(orchestration.audience_of(reported.audience, reported.kind) = 'ASSIGNEE', true)
           AS reported_is_to_assignee
FROM orchestration.notification n
LEFT JOIN orchestration.notification reported ON reported.id = n.because_of
WHERE n.id = CAST(:id AS uuid) AND orchestration.log_takes_content();

-- name: bring_log_up_to_date
-- Writes the missing rows and receipts of these texts into the application's log. Twice, or two at once: the first
-- locks the message's row, and leaves nothing owed.
WITH owed AS MATERIALIZED (
    -- A worker of a version without log_owes may have written the row and not said so here.
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
SELECT orchestration.log_notification(logged.n, convert_from(decode(:content, 'hex'), 'UTF8'), logged.is_new)
FROM logged;
