-- The ledger's moves. Each is one statement, so it happens whole or not at all, and says why it is safe to run
-- twice or at the same time as itself. Times are the database's. :lease and :pause are in seconds.
-- Rows are locked with SKIP LOCKED and inserted in the order of their keys, so no two statements wait for each other.

-- name: claim_new_tasks
-- The question: which open tasks, created since we went live, have an assignee who has no row in the ledger (or
-- no assignee, and no row saying so)? And which rows did a run that died leave behind? Both are claimed here, the
-- most severe alone and first: while more severe ones are on their way, less severe ones wait their turn, but not
-- for a run that has been silent for two seconds.
-- Few become claims of one row, many become claims of :batch rows. While runs are not taken up (no worker is there),
-- each lease is twice as long as the one before, up to eight times: else the broker would fill with dead runs.
-- Two at once: a new row is inserted once (unique key, the other skips it), an old one is locked by one of them
-- (the other skips it), so no row is in two claims.
WITH on_its_way AS MATERIALIZED (
    SELECT count(*) AS rows,
           min(urgency) FILTER (WHERE state = 'QUEUED' AND claimed_at > now() - interval '2 seconds') AS most_urgent
    FROM orchestration.notification
    WHERE kind = 'task-created' AND state IN ('QUEUED', 'SENDING') AND lease_until > now()
),
abandoned AS MATERIALIZED (
    SELECT id, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since
    FROM orchestration.notification
    WHERE kind = 'task-created' AND state = 'QUEUED' AND lease_until <= now()
    ORDER BY urgency, owed_since
    LIMIT :most
    FOR UPDATE SKIP LOCKED
),
owed AS MATERIALIZED (
    SELECT NULL::uuid AS id,
           orchestration.task_created_key(t.id::text, t.assigned_to_user_id::text) AS business_key,
           t.id::text AS task_id,
           t.episode_id::text AS episode_id,
           t.assigned_to_user_id::text AS recipient_id,
           t.severity::text AS severity,
           orchestration.urgency(t.severity::text) AS urgency,
           coalesce(greatest(t.created_at, t.updated_at), now()) AS owed_since
    FROM public."EscalationTask" t
    WHERE (t.status IN ('RESOLVED', 'CANCELLED')) IS NOT TRUE
      AND coalesce(t.created_at, t.updated_at, now())
          >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.business_key = orchestration.task_created_key(t.id::text, t.assigned_to_user_id::text)
            AND n.state <> 'CANCELLED'
      )
    ORDER BY urgency, owed_since
    LIMIT :most
),
turn AS MATERIALIZED (
    SELECT waiting.*,
           row_number() OVER (ORDER BY owed_since, business_key) - 1 AS place,
           count(*) OVER () AS total
    FROM (
        SELECT *, min(urgency) OVER () AS first_urgency
        FROM (SELECT * FROM abandoned UNION ALL SELECT * FROM owed) AS candidate
    ) AS waiting
    CROSS JOIN on_its_way
    WHERE urgency = first_urgency
      AND urgency <= coalesce(on_its_way.most_urgent, urgency)
      AND on_its_way.rows < :enough
),
claim AS MATERIALIZED (
    SELECT number, gen_random_uuid() AS claim_id FROM generate_series(0, :few + 2 * :most / :batch) AS number
),
claimable AS MATERIALIZED (
    SELECT turn.*, claim.claim_id
    FROM turn
    JOIN claim ON claim.number = turn.place / CASE WHEN turn.total <= :few THEN 1 ELSE :batch END
),
claimed_again AS (
    UPDATE orchestration.notification n
    SET claim_id = claimable.claim_id, claimed_at = now(), claims = least(claims, 3) + 1, run_id = NULL,
        lease_until = now() + make_interval(secs => :lease * power(2, least(claims, 3))),
        reason = 'claimed again: the run that had it did not finish'
    FROM claimable
    WHERE n.id = claimable.id
    RETURNING n.claim_id, n.task_id, n.episode_id, n.severity, n.urgency, n.owed_since
),
claimed_first AS (
    INSERT INTO orchestration.notification
        (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, state, claim_id,
         claimed_at, claims, lease_until)
    SELECT business_key, 'task-created', task_id, episode_id, recipient_id, severity, urgency, owed_since, 'QUEUED',
           claim_id, now(), 1, now() + make_interval(secs => :lease)
    FROM claimable
    WHERE id IS NULL
    ORDER BY business_key
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING claim_id, task_id, episode_id, severity, urgency, owed_since
)
SELECT claim_id::text, task_id, episode_id, severity
FROM (SELECT * FROM claimed_again UNION ALL SELECT * FROM claimed_first) AS claimed
ORDER BY urgency, owed_since;

-- name: claim_named_tasks
-- Somebody asks for these tasks by name: each is claimed unless its assignee has been told, or may have been, or
-- another claim has it under a lease. What failed before gets a new try, once a claim.
-- Twice, or two at once: what this claim has, or has tried, is not claimed anew; the unique key and the lock let
-- one of two claims have a row.
WITH named AS MATERIALIZED (
    SELECT orchestration.task_created_key(t.id::text, t.assigned_to_user_id::text) AS business_key,
           t.id::text AS task_id,
           t.episode_id::text AS episode_id,
           t.assigned_to_user_id::text AS recipient_id,
           t.severity::text AS severity,
           orchestration.urgency(t.severity::text) AS urgency
    FROM public."EscalationTask" t
    WHERE t.id = ANY (:task_ids)
),
abandoned AS (
    SELECT n.id
    FROM orchestration.notification n
    JOIN named USING (business_key)
    WHERE n.state = 'QUEUED' AND n.lease_until <= now()
    FOR UPDATE OF n SKIP LOCKED
),
claimed_again AS (
    UPDATE orchestration.notification n
    SET claim_id = CAST(:claim_id AS uuid), claimed_at = now(), claims = 1, run_id = NULL,
        lease_until = now() + make_interval(secs => :lease), reason = 'claimed again by name'
    FROM abandoned
    WHERE n.id = abandoned.id
    RETURNING n.task_id, n.episode_id, n.severity
),
claimed_first AS (
    INSERT INTO orchestration.notification
        (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, state, claim_id,
         claimed_at, claims, lease_until)
    SELECT business_key, 'task-created', task_id, episode_id, recipient_id, severity, urgency, now(), 'QUEUED',
           CAST(:claim_id AS uuid), now(), 1, now() + make_interval(secs => :lease)
    FROM named
    WHERE NOT EXISTS (
        SELECT FROM orchestration.notification n
        WHERE n.business_key = named.business_key
          AND (n.state NOT IN ('FAILED', 'CANCELLED') OR n.claim_id = CAST(:claim_id AS uuid))
    )
    ORDER BY business_key
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING task_id, episode_id, severity
)
SELECT * FROM claimed_again UNION ALL SELECT * FROM claimed_first;

-- name: take_up
-- A run takes up what its claim still has to send, and the lease begins anew. Twice: the same rows again.
UPDATE orchestration.notification
SET run_id = :run_id, claimed_at = now(), claims = 0, lease_until = now() + make_interval(secs => :lease)
WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
RETURNING id::text, task_id, recipient_id, urgency, owed_since;

-- name: of_claim
-- Reading changes nothing.
SELECT id::text, task_id, recipient_id, state, reason, attempts, provider_sid, logged_at IS NOT NULL AS logged
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid)
ORDER BY urgency, owed_since;

-- name: in_hand_elsewhere
-- Of these tasks, what other claims than this one have or have done, the newest of each. Reading changes nothing.
SELECT DISTINCT ON (task_id) task_id, state
FROM orchestration.notification
WHERE task_id = ANY (CAST(:task_ids AS text[])) AND claim_id IS DISTINCT FROM CAST(:claim_id AS uuid)
ORDER BY task_id, created_at DESC;

-- name: unlogged
-- What was sent about these tasks and is not in the application's log. Reading changes nothing.
SELECT id::text, task_id, recipient_id, state, reason, attempts, provider_sid, false AS logged
FROM orchestration.notification
WHERE task_id = ANY (CAST(:task_ids AS text[]))
  AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED') AND logged_at IS NULL;

-- name: begin_attempt
-- Committed before the phone company is called. Twice, or two at once: only the first finds the row QUEUED under
-- its claim.
UPDATE orchestration.notification
SET state = 'SENDING', attempts = attempts + 1, attempted_at = now(), run_id = :run_id, reason = NULL,
    lease_until = now() + make_interval(secs => :lease)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
RETURNING attempts;

-- name: settle_sent
-- An answer settles the attempt that it belongs to: of this claim, with this number. It may come after the attempt was
-- taken for abandoned: IN_DOUBT is no obstacle.
-- The text was accepted: the ledger and the application's log say so together. Twice: the second finds this attempt
-- settled, and logs nothing.
WITH sent AS (
    UPDATE orchestration.notification
    SET state = 'SENT', provider_sid = :sid, sent_at = now(), logged_at = now(), reason = NULL, provider_code = NULL
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
    RETURNING sent_at
)
INSERT INTO public."NotificationLog" (task_id, nurse_id, method, status, sent_at)
SELECT :task_id, :recipient_id, 'SMS', 'SENT', sent_at FROM sent;

-- name: settle_sent_unlogged
-- The same where the application's log refuses its row: that the text went out must be known all the same.
UPDATE orchestration.notification
SET state = 'SENT', provider_sid = :sid, sent_at = now(), reason = NULL, provider_code = NULL
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT');

-- name: log_sent
-- Writes the application's log row that was refused before. Twice, or two at once: the row is locked by the first,
-- and logged_at is then set.
WITH unlogged AS (
    UPDATE orchestration.notification SET logged_at = now()
    WHERE id = CAST(:id AS uuid) AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED') AND logged_at IS NULL
    RETURNING sent_at
)
INSERT INTO public."NotificationLog" (task_id, nurse_id, method, status, sent_at)
SELECT :task_id, :recipient_id, 'SMS', 'SENT', sent_at FROM unlogged;

-- name: settle_refused
-- Certainly not sent, and not tried again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'FAILED', reason = :reason, provider_code = :code
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: settle_unclear
-- Set aside: nobody knows whether it was sent. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'IN_DOUBT', reason = :reason, provider_code = :code
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state = 'SENDING';

-- name: try_again
-- Certainly not sent, and this claim tries again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'QUEUED', reason = :reason, provider_code = :code, lease_until = now() + make_interval(secs => :lease)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: put_back
-- Certainly not sent through no fault of its own: the attempt does not count, and any claim may have it after the
-- pause. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'QUEUED', attempts = attempts - 1, reason = :reason, provider_code = :code, claim_id = NULL,
    lease_until = now() + make_interval(secs => :pause)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: give_back
-- A claim gives back what it has not begun; any other may have it after the pause. Twice: nothing is left to give.
UPDATE orchestration.notification
SET claim_id = NULL, reason = :reason, lease_until = now() + make_interval(secs => :pause)
WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED';

-- name: suppress
-- Not sent, for a reason; :state is CANCELLED or FAILED. Twice: the second finds the row no longer QUEUED.
UPDATE orchestration.notification
SET state = :state, reason = :reason, run_id = :run_id
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED';

-- name: doubt_abandoned_attempts
-- A process died between its call and its record: nobody knows whether the text went out. Twice, or two at once:
-- the second finds the rows in IN_DOUBT, or skips those that the first has locked.
UPDATE orchestration.notification
SET state = 'IN_DOUBT',
    reason = 'the process that was sending it ended before it recorded the answer'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENDING' AND lease_until <= now()
    FOR UPDATE SKIP LOCKED
);

-- name: counts
-- Reading changes nothing.
SELECT kind, state, count(*) AS count
FROM orchestration.notification
GROUP BY kind, state
ORDER BY kind, state;

-- name: last_hour
-- From when a message was owed until the phone company had it, in seconds. Reading changes nothing.
SELECT count(*) AS sent,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))::float AS p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))::float AS p95
FROM orchestration.notification
WHERE sent_at > now() - interval '1 hour';

-- name: oldest_due
-- What has waited longest of what is due and not sent yet. Reading changes nothing.
SELECT task_id, kind, state, reason, extract(epoch FROM now() - coalesce(due_at, owed_since))::float AS age
FROM orchestration.notification
WHERE state IN ('QUEUED', 'SENDING') OR (state = 'SCHEDULED' AND due_at <= now())
ORDER BY coalesce(due_at, owed_since)
LIMIT 1;

-- name: set_aside
-- What a person should look at, newest first. Reading changes nothing.
SELECT task_id, kind, state, reason, extract(epoch FROM now() - created_at)::float AS age
FROM orchestration.notification
WHERE state IN ('IN_DOUBT', 'HELD', 'FAILED') OR (state = 'SENT' AND logged_at IS NULL)
ORDER BY created_at DESC
LIMIT :most;
