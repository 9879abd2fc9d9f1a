-- Claiming.

-- name: claim
-- What is due of this kind: the rows that nobody has yet (the queue's question, in `queues.sql`), those whose time has
-- come, and those that a run which died left behind, the most severe first. Where they go :in_turn and are more than
-- :few, the most severe are claimed alone: while more severe ones are on their way, less severe ones wait, but not for a
-- run that has been silent for two seconds. A run that claims for itself (:claim_id) takes them all.
-- Few become claims of one row, many become claims of :batch rows. While runs are not taken up (no worker is there),
-- each lease is twice as long as the one before, up to eight times: else the broker would fill with dead runs.
-- A row that two runs in a row have died of is claimed alone, and one that runs have failed with, each time with half as
-- many others: should it be the reason, its neighbours go on. While the kind is paused, or the phone company takes no
-- texts, nothing is claimed that is to be sent, but for one row when a trial is due: the most severe of those that were
-- refused the least. Where it was one person's texts alone that were refused, a trial of somebody else's is always due.
-- Two at once: a new row is inserted once (unique key, the other skips it), an old one is locked by one of them
-- (the other skips it), so no row is in two claims.
WITH on_its_way AS MATERIALIZED (
    SELECT count(*) AS rows,
           count(*) FILTER (WHERE run_id IS NULL) < :enough AND coalesce(count(*) < CAST(:most_at_once AS int), true)
               AS has_room,
           min(urgency) FILTER (WHERE state = 'QUEUED' AND heard_of > orchestration.clock() - interval '2 seconds')
               AS most_urgent
    FROM (
        SELECT state, run_id, urgency, max(greatest(claimed_at, attempted_at)) OVER (PARTITION BY claim_id) AS heard_of
        FROM orchestration.notification
        WHERE kind = :kind AND state IN ('QUEUED', 'SENDING') AND lease_until > orchestration.clock()
          AND claim_id IS NOT NULL
    ) AS claimed
),
allowed AS MATERIALIZED (
    SELECT CASE WHEN CAST(:scheduled AS boolean) IS FALSE THEN NULL
                WHEN EXISTS (SELECT FROM orchestration.pause WHERE kind IN ('all', :kind)) THEN 0
                WHEN resume_at > orchestration.clock() AND NOT (is_open AND refused_recipient_id IS NOT NULL) THEN 0
                WHEN NOT is_open THEN NULL
                WHEN trial_until > orchestration.clock() OR (SELECT rows FROM on_its_way) > 0 THEN 0
                ELSE 1 END AS rows,
           CASE WHEN resume_at > orchestration.clock() THEN refused_recipient_id END AS not_to
    FROM orchestration.provider
    WHERE channel = :channel
),
may AS MATERIALIZED (
    SELECT CAST(:claim_id AS uuid) IS NOT NULL OR CASE WHEN rows IS NULL THEN has_room ELSE rows > 0 END AS ask
    FROM allowed CROSS JOIN (SELECT has_room FROM on_its_way) AS room
),
abandoned AS MATERIALIZED (
    SELECT id, runs, failures, refusals, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock()
      AND runs < :most_runs  -- the others are about to be set aside
      AND (due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), due_at IS NOT NULL)
      AND (SELECT ask FROM may)
    ORDER BY urgency, owed_since
    LIMIT :most
    FOR NO KEY UPDATE SKIP LOCKED
),
due AS MATERIALIZED (
    SELECT id, runs, failures, refusals, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'SCHEDULED' AND due_at <= orchestration.clock()
      AND coalesce(CAST(:scheduled AS boolean), true)
      AND (SELECT ask FROM may)
    ORDER BY urgency, due_at
    LIMIT :most
    FOR NO KEY UPDATE SKIP LOCKED
),
owed AS MATERIALIZED (
    -- Where nothing may be claimed the question is not asked.
    SELECT * FROM ({question}) AS question
    WHERE (SELECT ask FROM may) AND coalesce(question.recipient_id <> (SELECT not_to FROM allowed), true)
),
turn AS MATERIALIZED (
    SELECT waiting.*,
           row_number() OVER (
               ORDER BY CASE WHEN allowed.rows = 1 THEN refusals END, urgency, owed_since, business_key
           ) - 1 AS place,
           count(*) OVER () AS total
    FROM (
        SELECT *, min(urgency) OVER () AS first_urgency, count(*) OVER () AS rows
        FROM (
            SELECT * FROM abandoned
            UNION ALL SELECT * FROM due
            UNION ALL
            SELECT NULL::uuid, 0, 0, 0, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of FROM owed
        ) AS candidate
    ) AS waiting
    CROSS JOIN on_its_way
    CROSS JOIN allowed
    WHERE CAST(:claim_id AS uuid) IS NOT NULL
       OR (allowed.rows = 1 AND coalesce(recipient_id <> allowed.not_to, true))
       OR (
           allowed.rows IS NULL
           AND on_its_way.has_room
           AND (
               NOT CAST(:in_turn AS boolean)
               OR on_its_way.rows + waiting.rows <= :few
               OR (urgency = first_urgency AND urgency <= coalesce(on_its_way.most_urgent, urgency))
           )
       )
),
numbered AS MATERIALIZED (
    SELECT turn.*,
           CASE WHEN runs >= 2 OR total <= :few THEN 'alone ' || place
                ELSE failures || ' ' || place / greatest(:batch >> least(failures, 10), 1) END AS number
    FROM turn
    CROSS JOIN allowed
    WHERE allowed.rows IS NULL OR place < allowed.rows
),
claim AS MATERIALIZED (
    SELECT number, coalesce(CAST(:claim_id AS uuid), gen_random_uuid()) AS claim_id
    FROM (SELECT DISTINCT number FROM numbered) AS each
),
claimable AS MATERIALIZED (
    SELECT numbered.*, claim.claim_id FROM numbered JOIN claim USING (number)
),
unfinished AS (
    -- The row forgets which run that was; its history shall not.
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason)
    SELECT n.id, n.state, n.state, n.attempts, n.claim_id, n.run_id, 'its run did not finish'
    FROM abandoned
    JOIN claimable USING (id)
    JOIN orchestration.notification n USING (id)
    WHERE n.claim_id IS NOT NULL AND n.run_id IS NOT NULL
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
        (business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of, kind, state, claim_id, claimed_at, claims, lease_until)
    SELECT business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of, :kind, 'QUEUED', claim_id, orchestration.clock(), 1,
           orchestration.clock() + make_interval(secs => :lease)
    FROM claimable
    WHERE id IS NULL
    ORDER BY business_key
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING claim_id, task_id, episode_id, severity, urgency, owed_since
)
SELECT claim_id::text, task_id, episode_id, severity,
       extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds,
       NOT may.ask OR (SELECT count(*) FROM owed) NOT IN (0, (SELECT count(*) FROM claimed_first))
           OR (SELECT count(*) FROM owed) >= :most AS more_waits,
       coalesce((SELECT rows FROM allowed) = 0, false) AS is_halted
FROM may
LEFT JOIN (SELECT * FROM claimed_again UNION ALL SELECT * FROM claimed_first) AS claimed ON true
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
    SELECT n.id, n.state, n.attempts, n.claim_id, n.run_id
    FROM orchestration.notification n
    JOIN named USING (business_key)
    WHERE (
          (n.state = 'QUEUED' AND n.lease_until <= orchestration.clock())
          OR (n.state = 'SCHEDULED' AND n.claim_id IS DISTINCT FROM CAST(:claim_id AS uuid))
      )
      AND (n.due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), n.due_at IS NOT NULL)
    FOR NO KEY UPDATE OF n SKIP LOCKED
),
unfinished AS (
    -- As in `claim`.
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason)
    SELECT id, state, state, attempts, claim_id, run_id, 'its run did not finish'
    FROM waiting
    WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NOT NULL
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
        (business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of, kind, state, claim_id, claimed_at, claims, lease_until)
    SELECT business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of, :kind, 'QUEUED', CAST(:claim_id AS uuid), orchestration.clock(), 1,
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
