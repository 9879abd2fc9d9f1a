-- The ledger's moves. Each is one statement, so it happens whole or not at all, and says why it is safe to run
-- twice or at the same time as itself. Times are those of orchestration.clock(); :lease and :pause are in seconds.
-- Rows are locked with SKIP LOCKED and inserted in the order of their keys, so no two statements wait for each other.

-- part: message
business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of

-- part: outcome
id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged

-- name: claim
-- What is due of this kind: the rows that nobody has yet (the queue's question, in `queues.sql`), those whose time has
-- come, and those that a run which died left behind. The most severe are claimed alone and first: while more severe
-- ones are on their way, less severe ones wait their turn, but not for a run that has been silent for two seconds. A
-- run that claims for itself (:claim_id) takes them all.
-- Few become claims of one row, many become claims of :batch rows. While runs are not taken up (no worker is there),
-- each lease is twice as long as the one before, up to eight times: else the broker would fill with dead runs.
-- Two at once: a new row is inserted once (unique key, the other skips it), an old one is locked by one of them
-- (the other skips it), so no row is in two claims.
WITH on_its_way AS MATERIALIZED (
    SELECT count(*) AS rows,
           min(urgency) FILTER (WHERE state = 'QUEUED' AND claimed_at > orchestration.clock() - interval '2 seconds')
               AS most_urgent
    FROM orchestration.notification
    WHERE kind = :kind AND state IN ('QUEUED', 'SENDING') AND lease_until > orchestration.clock()
),
abandoned AS MATERIALIZED (
    SELECT id, {message}
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock()
      AND (due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), due_at IS NOT NULL)
    ORDER BY urgency, owed_since
    LIMIT :most
    FOR NO KEY UPDATE SKIP LOCKED
),
due AS MATERIALIZED (
    SELECT id, {message}
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'SCHEDULED' AND due_at <= orchestration.clock()
      AND coalesce(CAST(:scheduled AS boolean), true)
    ORDER BY urgency, due_at
    LIMIT :most
    FOR NO KEY UPDATE SKIP LOCKED
),
owed AS MATERIALIZED (
    {question}
),
turn AS MATERIALIZED (
    SELECT waiting.*,
           row_number() OVER (ORDER BY urgency, owed_since, business_key) - 1 AS place,
           count(*) OVER () AS total
    FROM (
        SELECT *, min(urgency) OVER () AS first_urgency
        FROM (
            SELECT * FROM abandoned
            UNION ALL SELECT * FROM due
            UNION ALL
            SELECT NULL::uuid, {message} FROM owed
        ) AS candidate
    ) AS waiting
    CROSS JOIN on_its_way
    WHERE CAST(:claim_id AS uuid) IS NOT NULL
       OR (
           urgency = first_urgency
           AND urgency <= coalesce(on_its_way.most_urgent, urgency)
           AND on_its_way.rows < :enough
       )
),
claim AS MATERIALIZED (
    SELECT number, coalesce(CAST(:claim_id AS uuid), gen_random_uuid()) AS claim_id
    FROM generate_series(0, :few + 3 * :most / :batch) AS number
),
claimable AS MATERIALIZED (
    SELECT turn.*, claim.claim_id
    FROM turn
    JOIN claim ON claim.number = turn.place / CASE WHEN turn.total <= :few THEN 1 ELSE :batch END
),
claimed_again AS (
    UPDATE orchestration.notification n
    SET state = 'QUEUED', claim_id = claimable.claim_id, claimed_at = orchestration.clock(),
        claims = least(claims, 3) + 1, run_id = NULL,
        lease_until = orchestration.clock() + make_interval(secs => :lease * power(2, least(claims, 3))),
        reason = CASE WHEN n.state = 'SCHEDULED' THEN 'due'
                      WHEN n.claim_id IS NULL THEN n.reason
                      ELSE 'claimed again: the run that had it did not finish' END
    FROM claimable
    WHERE n.id = claimable.id
    RETURNING n.claim_id, n.task_id, n.episode_id, n.severity, n.urgency, n.owed_since
),
claimed_first AS (
    INSERT INTO orchestration.notification
        ({message}, kind, state, claim_id, claimed_at, claims, lease_until)
    SELECT {message}, :kind, 'QUEUED', claim_id, orchestration.clock(), 1,
           orchestration.clock() + make_interval(secs => :lease)
    FROM claimable
    WHERE id IS NULL
    ORDER BY business_key
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING claim_id, task_id, episode_id, severity, urgency, owed_since
)
SELECT claim_id::text, task_id, episode_id, severity
FROM (SELECT * FROM claimed_again UNION ALL SELECT * FROM claimed_first) AS claimed
ORDER BY urgency, owed_since;

-- name: claim_named
-- Somebody asks for these by name: each is claimed unless its recipient has been told, or may have been, or another
-- claim has it under a lease. What failed before gets a new try, once a claim.
-- Twice, or two at once: what this claim has, or has tried or postponed, is not claimed anew; the unique key and the
-- lock let one of two claims have a row.
WITH named AS MATERIALIZED (
    {question}
),
waiting AS (
    SELECT n.id
    FROM orchestration.notification n
    JOIN named USING (business_key)
    WHERE (
          (n.state = 'QUEUED' AND n.lease_until <= orchestration.clock())
          OR (n.state = 'SCHEDULED' AND n.claim_id IS DISTINCT FROM CAST(:claim_id AS uuid))
      )
      AND (n.due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), n.due_at IS NOT NULL)
    FOR NO KEY UPDATE OF n SKIP LOCKED
),
claimed_again AS (
    UPDATE orchestration.notification n
    SET state = 'QUEUED', claim_id = CAST(:claim_id AS uuid), claimed_at = orchestration.clock(), claims = 1,
        run_id = NULL, lease_until = orchestration.clock() + make_interval(secs => :lease),
        reason = 'claimed again by name'
    FROM waiting
    WHERE n.id = waiting.id
    RETURNING n.task_id, n.episode_id, n.severity
),
claimed_first AS (
    INSERT INTO orchestration.notification
        ({message}, kind, state, claim_id, claimed_at, claims, lease_until)
    SELECT {message}, :kind, 'QUEUED', CAST(:claim_id AS uuid), orchestration.clock(), 1,
           orchestration.clock() + make_interval(secs => :lease)
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
-- An escalation is due a while (:escalation_delay, in seconds) after the last alert of that breach, whoever got it: if
-- it was scheduled after an earlier one, or one is only about to go out, it has more time to wait.
WITH taken_up AS (
    UPDATE orchestration.notification
    SET run_id = :run_id, claimed_at = orchestration.clock(), claims = 0,
        lease_until = orchestration.clock() + make_interval(secs => :lease)
    WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
    RETURNING *
)
SELECT n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id, n.owed_since, n.sla_due_at,
       greatest(n.due_at, alert.at + make_interval(secs => :escalation_delay)) AS due_at,
       cause.id IS NOT NULL AS has_cause, cause.recipient_id AS cause_recipient_id, cause.reason AS cause_reason,
       EXISTS (
           SELECT FROM orchestration.notification since
           WHERE n.kind = 'nurse-unreached' AND since.task_id = n.task_id AND since.created_at > cause.created_at
             AND since.recipient_id = cause.recipient_id AND since.state IN ('SENT', 'DELIVERED')
       ) AS cause_settled
FROM taken_up n
LEFT JOIN orchestration.notification cause ON cause.id = n.because_of
LEFT JOIN LATERAL (
    SELECT max(CASE WHEN breach.state IN ('QUEUED', 'SENDING') THEN orchestration.clock()
                    ELSE coalesce(breach.sent_at, breach.attempted_at) END) AS at
    FROM orchestration.notification breach
    WHERE n.kind = 'sla-escalation' AND breach.kind = 'sla-breach' AND breach.task_id = n.task_id
      AND breach.sla_due_at = n.sla_due_at
) AS alert ON true
ORDER BY n.urgency, n.owed_since, n.created_at;

-- name: one_of_claim
-- The message of the claim that the id names (its own, or its task's), while it is to be sent. Reading changes nothing.
SELECT n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id, n.owed_since, n.sla_due_at,
       n.due_at, false AS has_cause
FROM orchestration.notification n
WHERE n.claim_id = CAST(:claim_id AS uuid) AND :id IN (n.id::text, n.task_id) AND n.state = 'QUEUED';

-- name: of_claim
-- Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid)
  AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL)
ORDER BY urgency, owed_since;

-- name: in_hand_elsewhere
-- Of these tasks or episodes, what other claims than this one have or have done, the newest of each. Reading changes
-- nothing.
SELECT DISTINCT ON (subject_id) coalesce(task_id, episode_id) AS subject_id, state, due_at
FROM orchestration.notification
WHERE kind = :kind
  AND (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
  )
  AND claim_id IS DISTINCT FROM CAST(:claim_id AS uuid)
ORDER BY subject_id, created_at DESC;

-- name: unlogged
-- What was sent about these tasks and is not in the application's log. Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE task_id = ANY (CAST(:task_ids AS text[]))
  AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED') AND logged_at IS NULL;

-- name: moment
-- The time that the rules go by, and which of these numbers have opted out. Reading changes nothing.
SELECT orchestration.clock() AS now,
       ARRAY(SELECT digest FROM orchestration.opt_out WHERE digest = ANY (CAST(:digests AS text[]))) AS opted_out;

-- name: opt_out_salt
-- Reading changes nothing.
SELECT salt FROM orchestration.opt_out_salt;

-- name: begin_attempt
-- Committed before the phone company is called. Twice, or two at once: only the first finds the row QUEUED under
-- its claim.
UPDATE orchestration.notification
SET state = 'SENDING', attempts = attempts + 1, attempted_at = orchestration.clock(), run_id = :run_id, reason = NULL,
    lease_until = orchestration.clock() + make_interval(secs => :lease)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
RETURNING attempts;

-- name: settle_sent
-- An answer settles the attempt that it belongs to: of this claim, with this number. It may come after the attempt was
-- taken for abandoned: IN_DOUBT is no obstacle.
-- The text was accepted: the ledger and the application's log say so together. Twice: the second finds this attempt
-- settled, and logs nothing.
WITH sent AS (
    UPDATE orchestration.notification
    SET state = 'SENT', provider_sid = :sid, sent_at = orchestration.clock(), logged_at = orchestration.clock(),
        reason = NULL, provider_code = NULL
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
    RETURNING sent_at
)
INSERT INTO public."NotificationLog" (task_id, nurse_id, method, status, sent_at)
SELECT :task_id, :recipient_id, 'SMS', 'SENT', sent_at FROM sent;

-- name: settle_sent_unlogged
-- The same without the application's log: it refuses its row, and that the text went out must be known all the same;
-- or the text is to a patient, which that log is not about.
UPDATE orchestration.notification
SET state = 'SENT', provider_sid = :sid, sent_at = orchestration.clock(), reason = NULL, provider_code = NULL
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT');

-- name: log_sent
-- Writes the application's log row that was refused before. Twice, or two at once: the row is locked by the first,
-- and logged_at is then set.
WITH unlogged AS (
    UPDATE orchestration.notification SET logged_at = orchestration.clock()
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

-- name: remember_opt_out
-- A number has replied STOP. Twice: it is there already.
INSERT INTO orchestration.opt_out (digest, recipient_id) VALUES (:digest, :recipient_id)
ON CONFLICT (digest) DO NOTHING;

-- name: settle_unclear
-- Set aside: nobody knows whether it was sent. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'IN_DOUBT', reason = :reason, provider_code = :code
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state = 'SENDING';

-- name: try_again
-- Certainly not sent, and this claim tries again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'QUEUED', reason = :reason, provider_code = :code,
    lease_until = orchestration.clock() + make_interval(secs => :lease)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: put_back
-- Certainly not sent through no fault of its own: the attempt does not count, and any claim may have it after the
-- pause. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'QUEUED', attempts = attempts - 1, reason = :reason, provider_code = :code, claim_id = NULL,
    lease_until = orchestration.clock() + make_interval(secs => :pause)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: give_back
-- A claim gives back what it has not begun; any other may have it after the pause. Twice: nothing is left to give.
UPDATE orchestration.notification
SET claim_id = NULL, reason = :reason, lease_until = orchestration.clock() + make_interval(secs => :pause)
WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED';

-- name: suppress
-- Not sent, for a reason; :state is CANCELLED or FAILED. Twice: the second finds the row no longer QUEUED.
UPDATE orchestration.notification
SET state = :state, reason = :reason, run_id = :run_id
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: postpone
-- Not sent now but at :due_at. A message that gets its time for the first time is owed since then. Twice: the second
-- finds the row no longer QUEUED.
UPDATE orchestration.notification
SET state = 'SCHEDULED', due_at = :due_at, reason = :reason, run_id = :run_id, claims = 0, lease_until = NULL,
    owed_since = CASE WHEN due_at IS NULL THEN :due_at ELSE owed_since END
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: schedule_escalations
-- The wait after a breach alert, as a row that falls due. Only for alerts whose fate is known or will be asked for, and
-- only where no escalation of that task and SLA has been made: nothing is scheduled twice (unique key).
INSERT INTO orchestration.notification
    (business_key, kind, task_id, episode_id, severity, urgency, owed_since, sla_due_at, because_of, state, reason,
     due_at)
SELECT orchestration.sla_key('sla-escalation', b.task_id, b.sla_due_at), 'sla-escalation', b.task_id, b.episode_id,
       b.severity, b.urgency, b.escalation_due_at, b.sla_due_at, b.id, 'SCHEDULED',
       'waits for the nurse to act on the breach', b.escalation_due_at
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
      AND starts_with(n.business_key || ':', orchestration.sla_key('sla-escalation', b.task_id, b.sla_due_at) || ':')
)
ORDER BY 1
ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING;

-- name: escalations
-- The waits of these tasks. Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE kind = 'sla-escalation' AND task_id = ANY (CAST(:task_ids AS text[])) AND state = 'SCHEDULED'
ORDER BY due_at;

-- name: address
-- A message that had no recipient gets one, and each further recipient a message of its own, under the same claim.
-- Twice: the second finds that it has a recipient. A recipient who has this message from another claim is left out;
-- two claims that address the same one at the same moment collide on the unique key, and the later fails and asks anew.
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
        (business_key, kind, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at,
         because_of, state, claim_id, claimed_at, claims, lease_until, run_id)
    SELECT u.business_key || ':' || recipient.id, u.kind, u.task_id, u.episode_id, recipient.id, u.severity, u.urgency,
           u.owed_since, u.sla_due_at, u.due_at, u.because_of, 'QUEUED', u.claim_id, u.claimed_at, u.claims,
           u.lease_until, u.run_id
    FROM unaddressed u CROSS JOIN recipient
    WHERE recipient.place > 1
    ORDER BY 1
)
UPDATE orchestration.notification n
SET recipient_id = recipient.id, business_key = n.business_key || ':' || recipient.id
FROM recipient
WHERE n.id = CAST(:id AS uuid) AND recipient.place = 1
RETURNING n.id;

-- name: refusals
-- Whom a text about these tasks failed to reach, with what code and how many seconds ago. Reading changes nothing.
SELECT task_id, recipient_id, provider_code,
       extract(epoch FROM orchestration.clock() - coalesce(attempted_at, created_at))::float AS seconds_ago
FROM orchestration.notification
WHERE task_id = ANY (CAST(:task_ids AS text[])) AND state = 'FAILED' AND recipient_id IS NOT NULL;

-- name: doubt_abandoned_attempts
-- A process died between its call and its record: nobody knows whether the text went out. Twice, or two at once:
-- the second finds the rows in IN_DOUBT, or skips those that the first has locked.
UPDATE orchestration.notification
SET state = 'IN_DOUBT',
    reason = 'the process that was sending it ended before it recorded the answer'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENDING' AND lease_until <= orchestration.clock()
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: counts
-- Reading changes nothing.
SELECT kind, state, count(*) AS count
FROM orchestration.notification
GROUP BY kind, state
ORDER BY kind, state;

-- name: last_hour
-- How many texts were sent; and from when a new task's text was owed until the phone company had it, in seconds.
-- Reading changes nothing.
SELECT count(*) AS sent,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))
           FILTER (WHERE kind = 'task-created'))::float AS p50,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))
           FILTER (WHERE kind = 'task-created'))::float AS p95
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour';

-- name: oldest_due
-- What has waited longest of what is due and not sent yet. Reading changes nothing.
SELECT task_id, episode_id, kind, state, reason,
       extract(epoch FROM orchestration.clock() - least(coalesce(due_at, owed_since), orchestration.clock()))::float
           AS age
FROM orchestration.notification
WHERE state IN ('QUEUED', 'SENDING') OR (state = 'SCHEDULED' AND due_at <= orchestration.clock())
ORDER BY coalesce(due_at, owed_since)
LIMIT 1;

-- name: set_aside
-- What a person should look at, newest first. Reading changes nothing.
SELECT task_id, episode_id, kind, state, reason, extract(epoch FROM orchestration.clock() - created_at)::float AS age
FROM orchestration.notification
WHERE state IN ('IN_DOUBT', 'HELD', 'FAILED') OR (state = 'SENT' AND logged_at IS NULL AND task_id IS NOT NULL)
ORDER BY created_at DESC
LIMIT :most;
