-- Operators' orders about messages: cancel, release, resend. An id is a message's own, its task's or its episode's.

-- name: of_subject
-- The messages with this id, oldest first. Reading changes nothing.
SELECT n.id::text, n.kind, n.state
FROM orchestration.notification n
WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind) ORDER BY n.created_at;

-- name: cancel
-- Messages that were not sent are cancelled and not made again; nor are those that would follow from them. A message in
-- doubt is cancelled when its text is not found, and one whose digest may be out (its `named_by` is returned) when that
-- turns out not to be; while a digest is locked here, nobody claims it. Twice: nothing is left to cancel.
WITH meant AS MATERIALIZED (
    SELECT n.id, n.named_by FROM orchestration.notification n
    WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind) AND n.state IN ('SCHEDULED', 'QUEUED', 'HELD', 'IN_DOUBT')
),
digest AS MATERIALIZED (
    SELECT d.id, orchestration.may_be_out(d) AS may_be_out
    FROM orchestration.notification d
    WHERE d.id = ANY (ARRAY(SELECT named_by FROM meant WHERE named_by IS NOT NULL))
    ORDER BY d.id
    FOR SHARE OF d
),
in_doubt AS MATERIALIZED (SELECT ARRAY(SELECT id FROM digest WHERE may_be_out) AS digests),
changed AS (
    UPDATE orchestration.notification n
    SET state = CASE WHEN n.state = 'IN_DOUBT' OR n.named_by = ANY (in_doubt.digests) THEN n.state
                     ELSE 'CANCELLED' END,
        ended_by = :who,
        reason = CASE WHEN n.state = 'IN_DOUBT' OR n.named_by = ANY (in_doubt.digests) THEN n.reason
                      ELSE 'cancelled by an operator' END,
        cause = CASE WHEN n.state = 'IN_DOUBT' OR n.named_by = ANY (in_doubt.digests) THEN n.cause
                     ELSE 'CANCELLED_BY_OPERATOR' END
    FROM in_doubt
    WHERE (n.id = ANY (ARRAY(SELECT id FROM meant)) OR n.because_of = ANY (ARRAY(SELECT id FROM meant)))
      AND n.state IN ('SCHEDULED', 'QUEUED', 'HELD', 'IN_DOUBT') AND (n.ended_by IS NULL OR n.state = 'HELD')
    RETURNING n.id, n.kind, n.state, n.named_by
),
recorded AS (INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed)
SELECT id::text, kind, state, CASE WHEN state = 'SCHEDULED' THEN named_by::text END AS named_by FROM changed;

-- name: release
-- Messages that were held for a person are sent, by day. Twice: nothing is held any more.
WITH changed AS (
    UPDATE orchestration.notification n
    SET state = 'QUEUED', claim_id = NULL, claims = 0, runs = 0, attempts = 0, ended_by = NULL,
        owed_since = orchestration.clock(),
        due_at = CASE WHEN due_at IS NOT NULL THEN orchestration.clock() END,
        lease_until = orchestration.clock(), reason = 'released by an operator',
        cause = 'RELEASED_BY_OPERATOR'
    WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind) AND n.state = 'HELD'
    RETURNING n.id, n.kind, n.state
),
recorded AS (INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed)
SELECT id::text, kind, state FROM changed;

-- name: resend
-- The newest message of each kind, if it is over, is sent anew, as a row of its own. Twice: while the new row is under
-- way there is no further one; two at once collide on the unique key, and one does nothing.
WITH newest AS (
    SELECT DISTINCT ON (n.kind, n.recipient_id, n.sla_due_at) n.*, orchestration.first_of(n) AS first_id
    FROM orchestration.notification n
    WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind)
    ORDER BY n.kind, n.recipient_id, n.sla_due_at,
             n.state IN ('SCHEDULED', 'QUEUED', 'SENDING', 'IN_DOUBT', 'HELD') DESC, n.created_at DESC
),
changed AS (
    INSERT INTO orchestration.notification
        (business_key, occasion, kind, channel, audience, task_id, episode_id, recipient_id, severity, urgency,
         owed_since, sla_due_at, due_at, because_of, turn, resent_of, reply_to, state, lease_until, reason, cause)
    SELECT orchestration.resent_key(newest.first_id), newest.occasion, newest.kind, newest.channel,
           orchestration.audience_of(newest.audience, newest.kind), newest.task_id, newest.episode_id,
           newest.recipient_id, newest.severity, newest.urgency, orchestration.clock(), newest.sla_due_at,
           CASE WHEN newest.due_at IS NOT NULL OR orchestration.audience_of(newest.audience, newest.kind) = 'PATIENT'
                THEN orchestration.clock() END,
           newest.because_of, newest.turn, newest.first_id, newest.reply_to, 'QUEUED', orchestration.clock(),
           'sent again by an operator''s order', 'RESENT_BY_OPERATOR'
    FROM newest
    WHERE newest.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING id, kind, state
),
recorded AS (INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed)
SELECT id::text, kind, state FROM changed;
