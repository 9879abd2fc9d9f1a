-- Enqueue, then lease. A row is in the queue while it is QUEUED and nobody's, or under a lease that is over; or
-- SCHEDULED and due. Rows come in by `enqueue` (the answers to a question), by a run that gives them back, by an
-- operator, or after doubt; they leave by `lease` alone. Times are those of orchestration.clock(); :lease is in
-- seconds.

-- name: admission
-- What decides how much of a kind may be claimed now (`domain/turn.py`). Reading changes nothing.
SELECT is_paused, is_open, must_wait, on_trial, refused_recipient_id, rows, unstarted, most_urgent
FROM orchestration.admission(:kind, :channel);

-- name: enqueue
-- Puts the answers to a question into the queue (`enqueue` in `views.sql` says why that is safe to do twice), and
-- returns what is ready there. Without a question it only returns that.
SELECT owed, enqueued, seconds, is_paused, is_open, must_wait, on_trial, refused_recipient_id, rows, unstarted,
       most_urgent, id::text, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, runs,
       failures, refusals
FROM orchestration.enqueue(
    :question, :kind, :channel,
    CAST(
        ROW(
            CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval), CAST(:sla_warning_window AS interval),
            CAST(:escalation_delay AS interval), CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval),
            CAST(:created_within AS interval), NULL, NULL
        ) AS orchestration.terms
    ),
    :room, :few, :not_to, :scheduled, :most, :most_runs
);

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
    :question, :channel,
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
-- wait for their time, once for each claim. One that waits for a digest is taken out of it (if :out_of_digests), unless
-- that may be out already; while it is locked here, nobody claims it. Twice, or two at once: as with `lease`; a row that
-- this claim has, or has postponed, is left alone.
WITH digest AS MATERIALIZED (
    SELECT d.id, orchestration.may_be_out(d) AS may_be_out
    FROM orchestration.notification d
    WHERE d.id = ANY (ARRAY(
        SELECT n.named_by FROM orchestration.notification n
        WHERE n.business_key = ANY (CAST(:business_keys AS text[])) AND n.state = 'SCHEDULED'
          AND n.named_by IS NOT NULL
    ))
    ORDER BY d.id
    FOR SHARE OF d
),
won AS MATERIALIZED (
    SELECT n.id, n.state, n.attempts, n.claim_id, n.run_id
    FROM orchestration.notification n
    WHERE n.business_key = ANY (CAST(:business_keys AS text[]))
      AND (
          (n.state = 'QUEUED' AND n.lease_until <= orchestration.clock())
          OR (n.state = 'SCHEDULED' AND n.claim_id IS DISTINCT FROM CAST(:claim_id AS uuid))
      )
      AND (n.due_at IS NOT NULL) = coalesce(CAST(:scheduled AS boolean), n.due_at IS NOT NULL)
      AND (
          n.named_by IS NULL OR NOT orchestration.waits_for_digest(n)
          OR (CAST(:out_of_digests AS boolean) AND n.named_by = ANY (ARRAY(SELECT id FROM digest WHERE NOT may_be_out)))
      )
    ORDER BY n.id
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
RETURNING n.id::text, n.task_id, n.episode_id, n.severity;

-- name: in_hand_elsewhere
-- For each of these tasks or episodes, the newest message that another claim has or has settled; and those of these
-- messages (:own_ids) themselves. Reading changes nothing.
SELECT DISTINCT ON (coalesce(task_id, episode_id, id::text)) id::text, task_id, episode_id, state, due_at
FROM orchestration.notification
WHERE kind = :kind
  AND (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
      OR id = ANY (CAST(:own_ids AS uuid[]))
  )
  AND claim_id IS DISTINCT FROM CAST(:claim_id AS uuid)
ORDER BY coalesce(task_id, episode_id, id::text), created_at DESC;

-- name: known_messages
-- Those of these messages that there are, of a kind. Reading changes nothing.
SELECT id::text FROM orchestration.notification WHERE id = ANY (CAST(:ids AS uuid[])) AND kind = :kind;
