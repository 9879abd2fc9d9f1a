-- Messages that are not sent, or not yet: ended, put off, or still without a recipient.

-- name: suppress
-- Ends a message without sending it; :state is CANCELLED or FAILED. With :ended_by it is not made again. Twice: the
-- second finds the row no longer QUEUED.
UPDATE orchestration.notification
SET state = :state, reason = :reason, cause = :cause, run_id = :run_id, ended_by = coalesce(:ended_by, ended_by)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: postpone
-- Sends a message not now but at :due_at. A message that gets its time for the first time is owed since then. A text
-- that tells supervisors of an unassigned task is not put off if it was made due meanwhile (`hurry_tellings` in
-- `assignments.sql`). Twice: the second finds the row no longer QUEUED.
UPDATE orchestration.notification
SET state = 'SCHEDULED', reason = :reason, cause = :cause, run_id = :run_id, claims = 0, runs = 0, lease_until = NULL,
    due_at = CASE WHEN kind = 'task-created' AND recipient_id IS NULL THEN least(due_at, :due_at) ELSE :due_at END,
    owed_since = CASE WHEN due_at IS NULL THEN :due_at ELSE owed_since END
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: schedule_escalations
-- Makes the wait after a breach alert, a row that falls due. Only for alerts whose fate is known or will be asked for,
-- and only if there is no escalation of that task and SLA yet: nothing is scheduled twice (unique key).
INSERT INTO orchestration.notification
    (business_key, occasion, kind, channel, audience, task_id, episode_id, severity, urgency, owed_since, sla_due_at,
     because_of, state, reason, cause, due_at)
SELECT orchestration.sla_key('sla-escalation', b.task_id, b.sla_due_at),
       orchestration.sla_key('sla-escalation', b.task_id, b.sla_due_at), 'sla-escalation', :channel, 'ON_CALL', b.task_id,
       b.episode_id, b.severity, b.urgency, b.escalation_due_at, b.sla_due_at, b.id, 'SCHEDULED',
       'waits for the nurse to act on the breach', 'NURSE_HAS_TIME', b.escalation_due_at
FROM (
    SELECT DISTINCT ON (task_id, sla_due_at) *,
           coalesce(sent_at, attempted_at, created_at) + make_interval(secs => :delay) AS escalation_due_at
    FROM orchestration.notification
    WHERE kind = 'sla-breach' AND task_id = ANY (CAST(:task_ids AS text[]))
      AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'IN_DOUBT', 'HELD')
    ORDER BY task_id, sla_due_at, created_at DESC
) AS b
WHERE NOT EXISTS (
    SELECT FROM orchestration.notification n
    WHERE n.kind = 'sla-escalation' AND n.task_id = b.task_id
      AND n.sla_due_at IS NOT DISTINCT FROM b.sla_due_at
)
ORDER BY 1
ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING;

-- name: escalations
-- The escalations of these tasks that wait. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE kind = 'sla-escalation' AND task_id = ANY (CAST(:task_ids AS text[])) AND state = 'SCHEDULED'
ORDER BY due_at;

-- name: address
-- A message that had no recipient gets one, and each further recipient a message of its own, under the same claim.
-- Twice: the second finds that it has a recipient. A recipient who has this message from another claim is left out; two
-- claims that address one recipient at the same moment collide on the unique key, and the later fails and asks anew.
WITH unaddressed AS MATERIALIZED (
    SELECT * FROM orchestration.notification
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED' AND recipient_id IS NULL
    FOR UPDATE
),
recipient AS MATERIALIZED (
    SELECT chosen.id, row_number() OVER (ORDER BY chosen.place) AS place
    FROM unnest(CAST(:recipient_ids AS text[])) WITH ORDINALITY AS chosen (id, place)
    CROSS JOIN unaddressed u
    WHERE NOT EXISTS (
        SELECT FROM orchestration.notification n
        WHERE n.business_key = u.business_key || ':' || chosen.id AND n.state NOT IN ('FAILED', 'CANCELLED')
    )
),
further AS (
    INSERT INTO orchestration.notification
        (business_key, kind, channel, audience, occasion, task_id, episode_id, recipient_id, severity, urgency,
         owed_since, sla_due_at, due_at, because_of, state, claim_id, claimed_at, claims, lease_until, run_id)
    SELECT u.business_key || ':' || recipient.id, u.kind, u.channel, u.audience, u.occasion, u.task_id, u.episode_id,
           recipient.id, u.severity, u.urgency, u.owed_since, u.sla_due_at, u.due_at, u.because_of, 'QUEUED',
           u.claim_id, u.claimed_at, u.claims, u.lease_until, u.run_id
    FROM unaddressed u CROSS JOIN recipient
    WHERE recipient.place > 1
    ORDER BY 1
)
UPDATE orchestration.notification n
SET recipient_id = recipient.id, business_key = n.business_key || ':' || recipient.id
FROM recipient
WHERE n.id = CAST(:id AS uuid) AND recipient.place = 1
RETURNING n.id;

-- name: unreached_recipients
-- The recipients whom a text about the tasks of these messages failed to reach, with the code, and how many seconds
-- ago. A text of the same occasion that went out counts as of this moment, so that its recipient gets no second one.
-- Reading changes nothing.
SELECT n.id::text AS notification_id, f.recipient_id, f.provider_code,
       CASE WHEN f.state = 'FAILED' OR f.occasion IS DISTINCT FROM n.occasion
            THEN extract(epoch FROM orchestration.clock() - coalesce(f.attempted_at, f.created_at))::float
            ELSE 0 END AS seconds_ago
FROM orchestration.notification n
JOIN orchestration.notification f ON f.task_id = n.task_id
WHERE n.id = ANY (CAST(:ids AS uuid[])) AND f.state IN ('FAILED', 'UNDELIVERED', 'HELD') AND f.recipient_id IS NOT NULL;
