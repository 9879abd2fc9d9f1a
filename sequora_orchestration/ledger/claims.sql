-- Enqueue, then lease. A row is in the queue while it is QUEUED and nobody's, or under a lease that is over; or
-- SCHEDULED and due. Rows come in by `enqueue` (the answers to a question), by a run that gives them back, by an
-- operator, or after doubt; they leave by `lease` alone. Times are those of orchestration.clock(); :lease is in
-- seconds.

-- name: admission
-- The facts that decide how much of a kind may be claimed now (`domain/turn.py`). They are a hint: `begin_attempt` has
-- the last word. Reading changes nothing.
SELECT EXISTS (SELECT FROM orchestration.pause WHERE kind IN ('all', :kind)) AS is_paused,
       p.is_open,
       coalesce(p.resume_at > orchestration.clock(), false) AS must_wait,
       coalesce(p.trial_until > orchestration.clock(), false) AS on_trial,
       p.refused_recipient_id,
       on_its_way.rows, on_its_way.unstarted, on_its_way.most_urgent
FROM orchestration.provider p
CROSS JOIN (
    SELECT count(*) AS rows,
           count(*) FILTER (WHERE run_id IS NULL) AS unstarted,
           -- A run that has been silent for two seconds does not keep less urgent messages waiting.
           min(urgency) FILTER (WHERE state = 'QUEUED' AND heard_of > orchestration.clock() - interval '2 seconds')
               AS most_urgent
    FROM (
        SELECT state, run_id, urgency, max(greatest(claimed_at, attempted_at)) OVER (PARTITION BY claim_id) AS heard_of
        FROM orchestration.notification
        WHERE kind = :kind AND state IN ('QUEUED', 'SENDING') AND lease_until > orchestration.clock()
          AND claim_id IS NOT NULL
    ) AS claimed
) AS on_its_way
WHERE p.channel = :channel;

-- name: enqueue
-- Puts the answers to a question into the queue (`enqueue` in `views.sql` says why that is safe to do twice).
SELECT found, seconds, others_wait, id::text, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since
FROM orchestration.enqueue(
    :question, :kind,
    CAST(
        ROW(
            CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval), CAST(:sla_warning_window AS interval),
            CAST(:escalation_delay AS interval), CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval),
            CAST(:created_within AS interval), NULL, NULL
        ) AS orchestration.terms
    ),
    :room, :few, :not_to
)
ORDER BY urgency, owed_since, business_key;

-- name: ready
-- The queue, the most urgent first: rows that were just put there, that have fallen due, or that a dead run left
-- behind; but no row that so many runs have died of that it is about to be set aside. Reading changes nothing.
SELECT id::text, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, runs, failures,
       refusals
FROM (
    (
        SELECT *
        FROM orchestration.notification
        WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock() AND runs < :most_runs
          AND (due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), due_at IS NOT NULL)
        ORDER BY urgency, owed_since
        LIMIT :most
    )
    UNION ALL
    (
        SELECT *
        FROM orchestration.notification
        WHERE kind = :kind AND state = 'SCHEDULED' AND due_at <= orchestration.clock()
          AND coalesce(CAST(:scheduled AS boolean), true)
        ORDER BY urgency, due_at
        LIMIT :most
    )
) AS waiting
ORDER BY urgency, owed_since, business_key
LIMIT :most;

-- name: lease
-- Leases these rows to these claims. While no worker takes up the runs, each lease is twice as long as the one before,
-- up to eight times: else the broker would fill with dead runs. Twice, or two at once: each row goes to the first that
-- locks it, and the other skips it; after that its lease has begun.
WITH won AS MATERIALIZED (
    SELECT id, state, attempts, claim_id, run_id
    FROM orchestration.notification
    WHERE id = ANY (CAST(:ids AS uuid[]))
      AND (
          (state = 'QUEUED' AND lease_until <= orchestration.clock())
          OR (state = 'SCHEDULED' AND due_at <= orchestration.clock())
      )
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
),
unfinished AS (
    -- The row is about to forget the run that died; its history keeps it.
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason, cause)
    SELECT id, state, state, attempts, claim_id, run_id, 'its run did not finish', 'RUN_NOT_FINISHED'
    FROM won
    WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NOT NULL
)
UPDATE orchestration.notification n
SET state = 'QUEUED', claim_id = wanted.claim_id, claimed_at = orchestration.clock(), claims = least(n.claims, 3) + 1,
    run_id = NULL,
    lease_until = orchestration.clock() + make_interval(secs => :lease * power(2, least(n.claims, 3))),
    reason = CASE WHEN n.state = 'SCHEDULED' THEN 'due'
                  WHEN n.claim_id IS NULL THEN n.reason
                  ELSE 'claimed again: the run that had it did not finish' END,
    cause = CASE WHEN n.state = 'SCHEDULED' THEN 'DUE' WHEN n.claim_id IS NULL THEN n.cause ELSE 'CLAIMED_AGAIN' END
FROM won
JOIN unnest(CAST(:ids AS uuid[]), CAST(:claim_ids AS uuid[])) AS wanted (id, claim_id) ON wanted.id = won.id
WHERE n.id = won.id
RETURNING n.id::text;

-- name: enqueue_named
-- Puts messages that somebody asks for by id into the queue (`enqueue_named` in `views.sql` says why that is safe to do
-- twice); returns the business keys of all of them.
SELECT orchestration.enqueue_named(
    :question,
    CAST(
        ROW(
            CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval), CAST(:sla_warning_window AS interval),
            CAST(:escalation_delay AS interval), CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval),
            NULL, NULL, NULL
        ) AS orchestration.terms
    ),
    CAST(:ids AS text[]), CAST(:claim_id AS uuid)
) AS business_key;

-- name: lease_named
-- Leases to this claim those of these messages that are not sent and not under another claim's lease; also those that
-- wait for their time, once for each claim. Twice, or two at once: as with `lease`; a row that this claim has, or has
-- postponed, is left alone.
WITH won AS MATERIALIZED (
    SELECT id, state, attempts, claim_id, run_id
    FROM orchestration.notification
    WHERE business_key = ANY (CAST(:business_keys AS text[]))
      AND (
          (state = 'QUEUED' AND lease_until <= orchestration.clock())
          OR (state = 'SCHEDULED' AND claim_id IS DISTINCT FROM CAST(:claim_id AS uuid))
      )
      AND (due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), due_at IS NOT NULL)
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
),
unfinished AS (
    -- As in `lease`.
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason, cause)
    SELECT id, state, state, attempts, claim_id, run_id, 'its run did not finish', 'RUN_NOT_FINISHED'
    FROM won
    WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NOT NULL
)
UPDATE orchestration.notification n
SET state = 'QUEUED', claim_id = CAST(:claim_id AS uuid), claimed_at = orchestration.clock(), claims = 1, run_id = NULL,
    lease_until = orchestration.clock() + make_interval(secs => :lease),
    reason = CASE WHEN n.claim_id IS NULL AND n.reason IS NULL THEN NULL ELSE 'claimed again by name' END,
    cause = CASE WHEN n.claim_id IS NULL AND n.reason IS NULL THEN NULL ELSE 'CLAIMED_BY_NAME' END
FROM won
WHERE n.id = won.id
RETURNING n.task_id, n.episode_id, n.severity;

-- name: in_hand_elsewhere
-- For each of these tasks or episodes, the newest message that another claim has or has settled. Reading changes
-- nothing.
SELECT DISTINCT ON (coalesce(task_id, episode_id)) id::text, task_id, episode_id, state, due_at
FROM orchestration.notification
WHERE kind = :kind
  AND (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
  )
  AND claim_id IS DISTINCT FROM CAST(:claim_id AS uuid)
ORDER BY coalesce(task_id, episode_id), created_at DESC;
