-- Our ledger of a care database that has been in use for two years. The statements are run once, one after the other,
-- on empty tables. Each is given :messages or nothing.

-- name: long_ago
-- Live since before the first row.
UPDATE orchestration.go_live
SET go_live_at = now() - interval '3 years', workflows_live_at = now() - interval '3 years';

-- name: told_of_tasks
-- Each task's nurse has been told; one in fifty texts has failed, one in fifty was not delivered, and so on.
INSERT INTO orchestration.notification
    (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, state, reason, claim_id,
     claimed_at, claims, lease_until, run_id, attempts, attempted_at, provider_sid, sent_at, logged_at, created_at,
     over_at)
SELECT orchestration.task_created_key(t.id::text, t.assigned_to_user_id::text), 'task-created', t.id::text,
       t.episode_id::text, t.assigned_to_user_id::text, t.severity::text, orchestration.urgency(t.severity::text),
       t.created_at, t.state,
       CASE WHEN t.state IN ('FAILED', 'CANCELLED', 'UNDELIVERED') THEN 'what a person reads of it' END,
       gen_random_uuid(), t.created_at, 0, t.created_at + interval '30 seconds', gen_random_uuid()::text, 1,
       t.created_at, t.sid, CASE WHEN t.sid IS NOT NULL THEN t.created_at END,
       CASE WHEN t.sid IS NOT NULL THEN t.created_at END, t.created_at,
       CASE WHEN t.status IN ('RESOLVED', 'CANCELLED') THEN t.created_at + interval '1 hour' END
FROM (
    SELECT *, CASE WHEN state IN ('DELIVERED', 'SENT', 'UNDELIVERED') THEN 'SM' || replace(id::text, '-', '') END AS sid
    FROM (
        SELECT *, CASE WHEN assigned_to_user_id IS NULL OR place % 50 = 1 THEN 'FAILED'
                       WHEN place % 50 = 2 THEN 'UNDELIVERED'
                       WHEN place % 50 = 3 AND status IN ('RESOLVED', 'CANCELLED') THEN 'CANCELLED'
                       WHEN place % 50 IN (4, 5) THEN 'SENT'
                       ELSE 'DELIVERED' END AS state
        FROM (SELECT *, row_number() OVER (ORDER BY created_at) AS place FROM "EscalationTask") AS each
    ) AS each
) AS t
ORDER BY t.created_at;

-- name: checked_in
INSERT INTO orchestration.notification
    (business_key, kind, episode_id, recipient_id, urgency, owed_since, state, reason, claim_id, claimed_at, claims,
     lease_until, run_id, attempts, attempted_at, provider_sid, sent_at, due_at, created_at)
SELECT orchestration.check_in_key(e.id::text), 'check-in', e.id::text, e.patient_id::text, 3, e.due_at,
       e.state, CASE WHEN e.state <> 'DELIVERED' THEN 'what a person reads of it' END, gen_random_uuid(), e.created_at,
       0, e.due_at, gen_random_uuid()::text, 1, e.due_at, e.sid, CASE WHEN e.sid IS NOT NULL THEN e.due_at END,
       e.due_at, e.created_at
FROM (
    SELECT *, CASE WHEN state = 'DELIVERED' THEN 'SM' || replace(id::text, '-', '') END AS sid
    FROM (
        SELECT *, created_at + interval '1 day' AS due_at,
               CASE WHEN created_at > now() - interval '1 day' THEN 'SCHEDULED'
                    WHEN row_number() OVER (ORDER BY created_at) % 30 = 1 THEN 'CANCELLED'
                    WHEN row_number() OVER (ORDER BY created_at) % 50 = 1 THEN 'FAILED'
                    ELSE 'DELIVERED' END AS state
        FROM "Episode"
    ) AS each
) AS e
ORDER BY e.created_at;

-- name: reported_unreached
-- A supervisor has been told of each task whose nurse was not reached.
INSERT INTO orchestration.notification
    (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, state, claim_id, claimed_at,
     claims, lease_until, run_id, attempts, attempted_at, provider_sid, sent_at, logged_at, because_of, created_at)
SELECT orchestration.unreached_key(f.task_id, f.recipient_id) || ':' || supervisor.id, 'nurse-unreached', f.task_id,
       f.episode_id, supervisor.id::text, f.severity, f.urgency, f.created_at, 'DELIVERED', gen_random_uuid(),
       f.created_at, 0, f.created_at, gen_random_uuid()::text, 1, f.created_at,
       'SM' || replace(gen_random_uuid()::text, '-', ''), f.created_at, f.created_at, f.id, f.created_at
FROM orchestration.notification f
CROSS JOIN (SELECT min(id::text) AS id FROM "User" WHERE role IN ('SUPERVISOR', 'ADMIN')) AS supervisor
WHERE f.kind = 'task-created' AND f.state IN ('FAILED', 'UNDELIVERED')
ORDER BY f.created_at;

-- name: breaches
-- Alerts about missed SLAs, of all open tasks that have missed theirs, and of as many closed tasks as :messages needs.
INSERT INTO orchestration.notification
    (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, state, claim_id, claimed_at,
     claims, lease_until, run_id, attempts, attempted_at, provider_sid, sent_at, logged_at, sla_due_at, created_at)
SELECT orchestration.sla_key(kind.name, t.id::text, t.sla_due_at) || kind.suffix, kind.name, t.id::text,
       t.episode_id::text, coalesce(kind.recipient, t.assigned_to_user_id::text), t.severity::text,
       orchestration.urgency(t.severity::text), t.sla_due_at,
       CASE WHEN t.assigned_to_user_id IS NULL THEN 'SENT' ELSE 'DELIVERED' END, gen_random_uuid(), t.sla_due_at, 0,
       t.sla_due_at, gen_random_uuid()::text, 1, t.sla_due_at, 'SM' || replace(gen_random_uuid()::text, '-', ''),
       t.sla_due_at, t.sla_due_at, t.sla_due_at, t.sla_due_at
FROM (
    SELECT * FROM "EscalationTask"
    WHERE sla_due_at < now()
    ORDER BY status IN ('RESOLVED', 'CANCELLED'), created_at DESC
    LIMIT greatest((:messages - (SELECT count(*) FROM orchestration.notification)) / 3, 0)
) AS t
CROSS JOIN LATERAL (
    SELECT min(id::text) AS supervisor FROM "User" WHERE role IN ('SUPERVISOR', 'ADMIN')
) AS people
CROSS JOIN LATERAL (
    VALUES ('sla-warning', '', NULL), ('sla-breach', '', NULL), ('sla-escalation', ':' || supervisor, supervisor)
) AS kind (name, suffix, recipient)
ORDER BY t.sla_due_at;

-- name: history
-- The history that the trigger would have written: three changes of each message, and a doubt of some.
INSERT INTO orchestration.notification_event
    (notification_id, at, from_state, to_state, attempt, claim_id, run_id, reason)
SELECT n.id, n.created_at, move.from_state, move.to_state, 1, n.claim_id, n.run_id, n.reason
FROM (SELECT *, row_number() OVER (ORDER BY created_at) AS place FROM orchestration.notification) AS n
CROSS JOIN LATERAL (
    VALUES (1, NULL, 'QUEUED'), (2, 'QUEUED', CASE WHEN place % 100 = 1 THEN 'IN_DOUBT' ELSE 'SENDING' END),
           (3, CASE WHEN place % 100 = 1 THEN 'IN_DOUBT' ELSE 'SENDING' END, n.state)
) AS move (number, from_state, to_state)
WHERE move.number < 3 OR place % 2 = 1
ORDER BY n.created_at, move.number;

-- name: lost_attempts
-- An attempt was given up for some messages; a few of their texts went out all the same.
INSERT INTO orchestration.lost_attempt (notification_id, began_at, given_up_at, fingerprints, found_sid, found_at)
SELECT id, created_at, created_at + interval '1 minute', ARRAY[md5(id::text), md5('canonical' || id)],
       CASE WHEN place % 200 = 1 THEN 'SM' || md5('late' || id) END, CASE WHEN place % 200 = 1 THEN created_at END
FROM (SELECT *, row_number() OVER (ORDER BY created_at) AS place FROM orchestration.notification) AS n
WHERE place % 20 = 1
ORDER BY created_at;

-- name: under_way
-- Messages under way: fifty in every state, under leases and with times that have not come.
UPDATE orchestration.notification n
SET state = amid.state,
    reason = CASE WHEN amid.state IN ('IN_DOUBT', 'HELD') THEN 'what a person reads of it' END,
    lease_until = now() + interval '1 day', look_at = now() + interval '1 day', receipt_at = now() + interval '1 day',
    doubtful_since = attempted_at, doubted_at = attempted_at,
    provider_sid = CASE WHEN amid.state = 'SENT' THEN provider_sid END
FROM (
    SELECT id, (ARRAY['QUEUED', 'SENDING', 'IN_DOUBT', 'SENT'])[1 + number % 4] AS state
    FROM (
        SELECT n.id, row_number() OVER (ORDER BY n.created_at DESC) AS number
        FROM orchestration.notification n
        JOIN "EscalationTask" t ON t.id::text = n.task_id
        WHERE n.kind = 'task-created' AND n.state = 'DELIVERED' AND n.urgency > 0
          AND t.status NOT IN ('RESOLVED', 'CANCELLED')
    ) AS told
    WHERE number <= 200
    UNION ALL
    (SELECT id, 'HELD' FROM orchestration.notification WHERE kind = 'check-in' AND state = 'FAILED' LIMIT 50)
) AS amid
WHERE n.id = amid.id;
