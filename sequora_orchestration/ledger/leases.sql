-- A run's work with its claim: it takes up the claim's messages, keeps their lease, and gives back the rest.

-- name: take_up
-- A run takes up the messages that its claim still has to send; messages that runs have died of come last. Each of its
-- steps asks, and the lease begins anew when a third of it is over. Twice: the same rows again. A row whose lease has
-- run out, and which another claim takes in the same moment, may be among them: each later statement asks for the
-- claim. An escalation is due :escalation_delay seconds after the last alert of its breach, to any recipient. If it was
-- scheduled after an earlier alert, or an alert is only about to go out, it waits longer.
WITH taken_up AS (
    UPDATE orchestration.notification
    SET run_id = :run_id, claimed_at = orchestration.clock(), claims = 0,
        runs = runs + CAST(CAST(:counts AS boolean) AND run_id IS DISTINCT FROM :run_id AS int),
        lease_until = orchestration.clock() + make_interval(secs => :lease)
    WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
      AND (
          run_id IS DISTINCT FROM :run_id
          OR lease_until < orchestration.clock() + make_interval(secs => :lease * 2.0 / 3)
      )
)
SELECT orchestration.clock() AS read_at, n.id::text, n.kind, n.channel, n.claim_id::text, n.task_id, n.episode_id,
       n.recipient_id, n.owed_since, n.sla_due_at,
       greatest(n.due_at, alert.at + make_interval(secs => :escalation_delay)) AS due_at,
       n.kind = 'task-created' AND n.recipient_id IS NULL AND orchestration.has_no_taker(n.task_id) AS has_no_taker,
       reported.id IS NOT NULL AS has_reported, reported.recipient_id AS reported_recipient_id,
       CASE WHEN reported.state IN ('SENT', 'IN_DOUBT') THEN 'no receipt that the text arrived' ELSE reported.reason END
           AS reported_reason,
       EXISTS (
           SELECT FROM orchestration.reached_since(
               n.task_id, reported.recipient_id, reported.state, reported.created_at, reported.attempted_at
           )
       ) OR reported.state = 'DELIVERED' AS reported_is_settled,
       reported.state IN ('SENT', 'IN_DOUBT') AS reported_is_uncertain
FROM orchestration.notification n
LEFT JOIN orchestration.notification reported ON reported.id = n.because_of
LEFT JOIN LATERAL (
    SELECT max(CASE WHEN breach.state IN ('QUEUED', 'SENDING') THEN orchestration.clock()
                    ELSE coalesce(breach.sent_at, breach.attempted_at) END) AS at
    FROM orchestration.notification breach
    WHERE n.kind = 'sla-escalation' AND breach.kind = 'sla-breach' AND breach.task_id = n.task_id
      AND breach.sla_due_at = n.sla_due_at
) AS alert ON true
WHERE n.claim_id = CAST(:claim_id AS uuid) AND n.state = 'QUEUED'
ORDER BY n.runs - CAST(CAST(:counts AS boolean) AND n.run_id IS NOT DISTINCT FROM :run_id AS int) >= 2,
         n.urgency, n.owed_since, n.created_at;

-- name: take_up_one
-- The claim's message with this id (its own, or its task's), while it is to be sent. Twice: the same row again, and the
-- run is counted twice.
UPDATE orchestration.notification n
SET runs = runs + 1
WHERE n.claim_id = CAST(:claim_id AS uuid) AND :id IN (n.id::text, n.task_id) AND n.state = 'QUEUED'
RETURNING orchestration.clock() AS read_at, n.id::text, n.kind, n.channel, n.claim_id::text, n.task_id, n.episode_id,
       n.recipient_id, n.owed_since, n.sla_due_at, n.due_at, false AS has_reported;

-- name: note_step_failed
-- A failed step is no sign of poison: the process lived. So no run counts as dead of the claim's messages (or of the
-- one with this id); the failure counts instead. Twice: counted twice, which only makes the next claims smaller.
UPDATE orchestration.notification SET runs = 0, failures = least(failures, 1000) + 1
WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL);

-- name: of_claim
-- The messages of a claim, each with whether the claim has more than :many of them. Reading changes nothing.
SELECT id::text, task_id, episode_id, recipient_id, state, reason, cause, attempts, provider_sid AS provider_id, due_at,
       logged_at IS NOT NULL AS logged, log_owes,
       EXISTS (
           SELECT FROM orchestration.notification WHERE claim_id = CAST(:claim_id AS uuid) OFFSET :many
       ) AS is_one_of_many
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid)
  AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL)
ORDER BY urgency, owed_since;

-- name: give_back
-- A claim gives back those of these messages whose call it has not begun; any claim may have them. Twice: nothing is
-- left to give back.
UPDATE orchestration.notification
SET claim_id = NULL, reason = :reason, cause = 'HALTED', runs = 0, lease_until = orchestration.clock()
WHERE id = ANY (CAST(:ids AS uuid[])) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED';

-- name: claims_not_taken_up
-- Claims that no run has taken up within :seconds, or twice as long for each earlier claim of their rows: where the
-- daemon is slow to hand in runs, every run would else find its claim given back. Reading changes nothing.
SELECT claim_id::text
FROM orchestration.notification
WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NULL AND lease_until > orchestration.clock()
  AND claimed_at <= orchestration.clock() - make_interval(secs => :seconds * power(2, least(claims, 4) - 1))
GROUP BY claim_id
ORDER BY min(claimed_at)
LIMIT 200;

-- name: give_back_claims
-- There is no run for these claims: the next claim may have their rows at once. A run that is handed in later finds
-- nothing to send. Twice: nothing is left to give back.
UPDATE orchestration.notification
SET claim_id = NULL, reason = 'its run was never handed in', cause = 'RUN_NEVER_HANDED_IN',
    lease_until = orchestration.clock()
WHERE claim_id = ANY (CAST(:claim_ids AS uuid[])) AND state = 'QUEUED' AND run_id IS NULL;

-- name: texts_wait
-- Whether any message was not taken up by a run within a second of its claim: all workers are busy. Reading changes
-- nothing.
SELECT EXISTS (
    SELECT FROM orchestration.notification
    WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NULL AND lease_until > orchestration.clock()
      AND claimed_at <= orchestration.clock() - interval '1 second'
) AS wait;
