-- The ledger's moves. Each is one statement, so it happens whole or not at all, and says why it is safe to run
-- twice or at the same time as itself. Times are those of orchestration.clock(); :lease and :pause are in seconds.
-- Claims lock rows with SKIP LOCKED and insert them in the order of their keys, so no two of them wait for each other.

-- part: message
business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of

-- part: outcome
id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes

-- part: attempt
id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')

-- part: open
opened_at IS NOT NULL AND closed_at IS NULL

-- part: one_is_refused
({open}) AND refused_recipient_id IS NOT NULL

-- part: answered
answered AS (
    UPDATE orchestration.provider
    SET troubles = 0, refuses = false, refused_recipient_id = NULL, trial_until = NULL,
        closed_at = CASE WHEN {open} THEN orchestration.clock() ELSE closed_at END,
        resume_at = CASE WHEN NOT ({open}) AND resume_at > orchestration.clock() THEN resume_at END
    WHERE troubles > 0 OR {open}
)

-- part: others_went_out
-- Since this text was last not taken: what keeps it is not what would keep all.
(SELECT max(o.sent_at) FROM orchestration.notification o) >= n.not_taken_at

-- part: not_taken_alone
-- Only what the phone company refuses speaks against a text, not that it is busy or cannot be reached.
least(n.not_taken_alone + CAST(CAST(:is_refused AS boolean) AND coalesce({others_went_out}, false) AS int), 1000)

-- part: texted
-- In hexadecimal, for a server writes statements that fail into its own log, with what they are given.
convert_from(decode(:content, 'hex'), 'UTF8')

-- part: under_way
-- It tells its nurse yet, or may have, or is called off.
('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')

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
                WHEN resume_at > orchestration.clock() AND NOT ({one_is_refused}) THEN 0
                WHEN NOT ({open}) THEN NULL
                WHEN trial_until > orchestration.clock() OR (SELECT rows FROM on_its_way) > 0 THEN 0
                ELSE 1 END AS rows,
           CASE WHEN resume_at > orchestration.clock() THEN refused_recipient_id END AS not_to
    FROM orchestration.provider
    LIMIT 1  -- there is no other row, which the planner does not know
),
may AS MATERIALIZED (
    SELECT CAST(:claim_id AS uuid) IS NOT NULL OR CASE WHEN rows IS NULL THEN has_room ELSE rows > 0 END AS ask
    FROM allowed CROSS JOIN (SELECT has_room FROM on_its_way) AS room
),
abandoned AS MATERIALIZED (
    SELECT id, runs, failures, refusals, {message}
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
    SELECT id, runs, failures, refusals, {message}
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
            SELECT NULL::uuid, 0, 0, 0, {message} FROM owed
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
        ({message}, kind, state, claim_id, claimed_at, claims, lease_until)
    SELECT {message}, :kind, 'QUEUED', claim_id, orchestration.clock(), 1,
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
-- A run takes up what its claim still has to send; what runs have died of before comes last. Each of its steps asks, and
-- the lease begins anew when a third of it is over. Twice: the same rows again. A row whose lease has run out, and which
-- another claim takes in the same moment, may be among them: whatever is done with it is guarded by the claim.
-- An escalation is due a while (:escalation_delay, in seconds) after the last alert of that breach, whoever got it: if
-- it was scheduled after an earlier one, or one is only about to go out, it has more time to wait.
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
SELECT orchestration.clock() AS read_at, n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id,
       n.owed_since, n.sla_due_at,
       greatest(n.due_at, alert.at + make_interval(secs => :escalation_delay)) AS due_at,
       n.kind = 'task-created' AND n.recipient_id IS NULL AND orchestration.has_no_taker(n.task_id) AS has_no_taker,
       cause.id IS NOT NULL AS has_cause, cause.recipient_id AS cause_recipient_id,
       CASE WHEN cause.state IN ('SENT', 'IN_DOUBT') THEN 'no receipt that the text arrived' ELSE cause.reason END
           AS cause_reason,
       EXISTS (
           SELECT FROM orchestration.notification since
           WHERE n.kind = 'nurse-unreached' AND since.task_id = n.task_id AND since.created_at > cause.created_at
             AND since.recipient_id = cause.recipient_id AND since.kind IN ('task-created', 'sla-warning', 'sla-breach')
             AND (since.state = 'DELIVERED' OR (since.state = 'SENT' AND cause.state <> 'SENT'))
       ) OR cause.state = 'DELIVERED' AS cause_is_settled, cause.state IN ('SENT', 'IN_DOUBT') AS cause_is_uncertain
FROM orchestration.notification n
LEFT JOIN orchestration.notification cause ON cause.id = n.because_of
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
-- The message of the claim that the id names (its own, or its task's), while it is to be sent. Twice: the same again,
-- and counted twice.
UPDATE orchestration.notification n
SET runs = runs + 1
WHERE n.claim_id = CAST(:claim_id AS uuid) AND :id IN (n.id::text, n.task_id) AND n.state = 'QUEUED'
RETURNING orchestration.clock() AS read_at, n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id,
       n.recipient_id, n.owed_since, n.sla_due_at, n.due_at, false AS has_cause;

-- name: end_of_step
-- A step has failed, but its process lives: its messages (or the one that an id names) are not what processes die of.
-- Twice: counted twice, which only makes the next claims smaller.
UPDATE orchestration.notification SET runs = 0, failures = least(failures, 1000) + 1
WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL);

-- name: of_claim
-- With whether the claim has more than :many messages. Reading changes nothing.
SELECT {outcome},
       EXISTS (
           SELECT FROM orchestration.notification WHERE claim_id = CAST(:claim_id AS uuid) OFFSET :many
       ) AS is_one_of_many
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

-- name: log_owed
-- What the application's log lacks of the texts about these tasks or episodes. Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
  )
  AND log_owes IS NOT NULL;

-- name: log_owed_of_claim
-- The same of what a claim has sent. Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid) AND log_owes IS NOT NULL;

-- name: log_owed_of
-- The same of these messages. Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND log_owes IS NOT NULL;

-- name: log_owed_lately
-- The same of what was sent within the last day, in any order: a row that is refused again and again stands in no
-- other's way. What is just being sent has its run. Reading changes nothing.
SELECT {outcome}
FROM orchestration.notification
WHERE log_owes IS NOT NULL
  AND sent_at BETWEEN orchestration.clock() - interval '1 day' AND orchestration.clock() - interval '15 seconds'
ORDER BY random()
LIMIT :most;

-- name: as_sent
-- A message as it was when it was sent, and whether the application's log wants to know what it said. Reading changes
-- nothing.
SELECT n.sent_at AS read_at, n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id,
       n.owed_since, n.sla_due_at, n.due_at,
       cause.id IS NOT NULL AS has_cause, cause.recipient_id AS cause_recipient_id, cause.reason AS cause_reason,
       false AS cause_is_settled, false AS cause_is_uncertain
FROM orchestration.notification n
LEFT JOIN orchestration.notification cause ON cause.id = n.because_of
WHERE n.id = CAST(:id AS uuid) AND orchestration.log_takes_content();

-- name: moment
-- The time that the rules go by, and which of these numbers have opted out. Reading changes nothing.
SELECT orchestration.clock() AS now,
       ARRAY(SELECT digest FROM orchestration.opt_out WHERE digest = ANY (CAST(:digests AS text[]))) AS opted_out;

-- name: opt_out_salt
-- Reading changes nothing.
SELECT salt FROM orchestration.opt_out_salt;

-- name: begin_attempt
-- Committed before the phone company is called, and only if its kind is not paused, the number has not opted out and the
-- phone company takes texts; while it does not, one trial at a time may go out when it is due. Twice, or two at once: only the first finds the row
-- QUEUED under its claim, and only one finds no trial under way.
WITH pause AS MATERIALIZED (
    SELECT kind FROM orchestration.pause WHERE kind IN ('all', :kind) LIMIT 1
),
opt_out AS MATERIALIZED (
    SELECT digest FROM orchestration.opt_out WHERE digest = :digest
),
ours AS MATERIALIZED (
    SELECT id FROM orchestration.notification
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
      AND NOT EXISTS (SELECT FROM pause) AND NOT EXISTS (SELECT FROM opt_out)
),
trial AS (
    UPDATE orchestration.provider SET trial_until = orchestration.clock() + make_interval(secs => :lease)
    WHERE {open} AND (coalesce(resume_at <= orchestration.clock(), true) OR refused_recipient_id <> :recipient_id)
      AND coalesce(trial_until <= orchestration.clock(), true) AND EXISTS (SELECT FROM ours)
    RETURNING only_row
),
begun AS (
    UPDATE orchestration.notification n
    SET state = 'SENDING', attempts = attempts + 1, attempted_at = orchestration.clock(), run_id = :run_id,
        recipient_id = :recipient_id,  -- an episode's patient may have been corrected
        reason = NULL, lease_until = orchestration.clock() + make_interval(secs => :lease),
        fingerprints = ARRAY(SELECT unnest(fingerprints) EXCEPT SELECT unnest(CAST(:fingerprints AS text[])))
                       || CAST(:fingerprints AS text[])
    FROM ours, orchestration.provider p
    WHERE n.id = ours.id AND n.claim_id = CAST(:claim_id AS uuid) AND n.state = 'QUEUED'
      AND (
          EXISTS (SELECT FROM trial)
          OR (NOT ({open}) AND coalesce(p.resume_at <= orchestration.clock(), true))
      )
    RETURNING attempts
)
SELECT (SELECT attempts FROM begun) AS attempt,
       orchestration.log_takes_content() AS is_content_logged,
       EXISTS (SELECT FROM opt_out) AS opted_out,
       coalesce(
           (SELECT 'paused by an operator' FROM pause),
           (SELECT 'the phone company takes no texts: ' || coalesce(reason, 'it wants a pause')
            FROM orchestration.provider WHERE ({open}) OR resume_at > orchestration.clock())
       ) AS halted;

-- part: now_sent
state = 'SENT', provider_sid = :sid, sent_at = orchestration.clock(), reason = NULL, provider_code = NULL,
        fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds'

-- part: again
CASE WHEN ended_by IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END

-- part: doubtful_fingerprints
CASE WHEN doubtful_since IS NULL THEN '{}' ELSE fingerprints END

-- name: settle_sent
-- An answer settles the attempt that it belongs to: of this claim, with this number. It may come after the attempt was
-- taken for abandoned: IN_DOUBT is no obstacle.
-- The text was accepted: the ledger and the application's log say so together (if that log is about such texts), and the
-- breaker closes. Twice: the second finds this attempt settled, and logs nothing.
WITH sent AS (
    UPDATE orchestration.notification AS n
    SET {now_sent}, logged_at = CASE WHEN orchestration.log_takes(kind) THEN orchestration.clock() END
    WHERE {attempt}
    RETURNING n
),
{answered}
SELECT orchestration.log_notification(sent.n, {texted}, true) FROM sent;

-- name: settle_sent_unlogged
-- The same without the application's log: it refuses its row, and that the text went out must be known all the same.
WITH sent AS (
    UPDATE orchestration.notification
    SET {now_sent}, log_owes = CASE WHEN orchestration.log_takes(kind) THEN 'row' END
    WHERE {attempt}
),
{answered}
SELECT 1;

-- part: is_nobodys
-- Neither has a message this SID, nor may one be about to get it that is recognised by the same (:fingerprints).
NOT EXISTS (SELECT FROM orchestration.notification o WHERE o.provider_sid = :sid)
      AND NOT EXISTS (SELECT FROM orchestration.lost_attempt o WHERE o.found_sid = :sid)
      AND NOT EXISTS (
          SELECT FROM orchestration.notification o
          WHERE o.state = 'SENDING' AND o.fingerprints && CAST(:fingerprints AS text[])
      )

-- name: adopt
-- A text in doubt was found under this SID; the application's log is brought up to date afterwards. Twice: the second
-- finds it settled. One text is one message's alone: a SID that another message has, or may be about to get, is not
-- taken; of two that adopt it at once the second breaks the unique index.
UPDATE orchestration.notification n
SET state = 'SENT', provider_sid = :sid, sent_at = n.attempted_at, adopted = true, provider_code = NULL,
    reason = 'in doubt, then found at the phone company', fingerprints = '{}',
    receipt_at = orchestration.clock() + interval '15 seconds',
    log_owes = CASE WHEN orchestration.log_takes(kind) THEN 'row' END
WHERE n.id = CAST(:id AS uuid) AND n.attempts = :attempt AND n.attempted_at = :attempted_at AND n.state = 'IN_DOUBT'
  AND {is_nobodys};

-- name: bring_log_up_to_date
-- Writes what the application's log lacks of these texts: their rows, or what their receipts say. Twice, or two at once:
-- a row is locked by the first, and then lacks nothing.
WITH owed AS MATERIALIZED (
    -- A worker of before log_owes was there may have written the row, and left it.
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
SELECT orchestration.log_notification(logged.n, {texted}, logged.is_new) FROM logged;

-- name: settle_refused
-- Certainly not sent, and not tried again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification SET state = 'FAILED', reason = :reason, provider_code = :code, fingerprints = '{}'
WHERE {attempt};

-- name: note_answer
-- The phone company answers, if only to refuse a text for good. Where it could not be reached the breaker closes; not
-- where it refuses all texts: numbers that it knows to be wrong it may refuse all the same. Twice: nothing is left to
-- change.
UPDATE orchestration.provider
SET troubles = CASE WHEN refuses THEN troubles ELSE 0 END, trial_until = NULL,
    closed_at = CASE WHEN {open} AND NOT refuses THEN orchestration.clock() ELSE closed_at END,
    resume_at = CASE WHEN refuses OR (NOT ({open}) AND resume_at > orchestration.clock()) THEN resume_at END
WHERE troubles > 0 OR {open};

-- name: note_trouble
-- The phone company does not take texts, for no fault of this one: after so many calls in a row (:limit), or at once
-- (:at_once), the breaker opens. A trial is due after as long as it has been open, between :pause and four times that;
-- never before the phone company wants to be asked again (:retry_after). Twice: counted twice, which only opens it
-- sooner.
WITH trouble AS MATERIALIZED (
    SELECT {open} AS was_open,
           CASE WHEN {open} THEN opened_at
                WHEN CAST(:at_once AS boolean) OR troubles + 1 >= :limit THEN orchestration.clock() END AS open_since
    FROM orchestration.provider
    LIMIT 1  -- there is no other row
    FOR UPDATE
)
UPDATE orchestration.provider
SET troubles = least(troubles + 1, 1000), trial_until = NULL, reason = :reason, code = :code,
    refuses = :is_refused,
    refused_recipient_id = CASE
        WHEN CAST(:retry_after AS float) = 0 AND (troubles = 0 OR refused_recipient_id = :recipient_id)
        THEN :recipient_id
    END,
    opened_at = coalesce(open_since, opened_at),
    closed_at = CASE WHEN open_since IS NULL THEN closed_at END,
    resume_at = CASE
        WHEN open_since IS NOT NULL THEN greatest(
            resume_at,
            orchestration.clock() + make_interval(secs => :retry_after),
            orchestration.clock() + least(
                greatest(orchestration.clock() - open_since, make_interval(secs => :pause)),
                make_interval(secs => 4 * :pause)
            )
        )
        WHEN CAST(:retry_after AS float) > 0
        THEN greatest(resume_at, orchestration.clock() + make_interval(secs => :retry_after))
        ELSE resume_at END
FROM trouble
RETURNING open_since IS NOT NULL AS is_open,
          open_since IS NOT NULL AND NOT was_open AS has_just_opened;

-- name: next_slot
-- The sender's rate, shared by all processes: the seconds until so much (:seconds long) may be sent. Twice: a slot is
-- left unused.
UPDATE orchestration.provider
SET next_slot = greatest(next_slot, orchestration.clock()) + make_interval(secs => :seconds)
RETURNING extract(epoch FROM next_slot - orchestration.clock())::float - :seconds AS wait;

-- name: remember_opt_out
-- A number has replied STOP. Twice: it is there already.
INSERT INTO orchestration.opt_out (digest, recipient_id) VALUES (:digest, :recipient_id)
ON CONFLICT (digest) DO NOTHING;

-- part: doubt_window
-- For how long a text in doubt is looked for: one of a kind that is held then (:held_kinds), for :window; another for
-- :window_critical at most if it is critical, and after an error answer of the phone company's own for
-- :window_after_error_answer (else NULL).
make_interval(secs => CASE WHEN kind = ANY (CAST(:held_kinds AS text[])) THEN CAST(:window AS float)
                           ELSE least(CAST(:window AS float),
                                      CASE WHEN urgency = 0 THEN CAST(:window_critical AS float) END,
                                      CAST(:window_after_error_answer AS float)) END)

-- part: doubt_ends
-- An older worker does not say it; what it has left may be of an earlier doubt.
CASE WHEN doubt_ends_at >= doubted_at THEN doubt_ends_at
     ELSE greatest(doubted_at, attempted_at) + {doubt_window} END

-- name: settle_unclear
-- Set aside: nobody knows whether it was sent; it is looked for from now on. Twice: the second finds this attempt
-- settled.
UPDATE orchestration.notification
SET state = 'IN_DOUBT', reason = :reason, provider_code = :code, looks = 0,
    doubtful_since = coalesce(doubtful_since, attempted_at), doubted_at = orchestration.clock(),
    doubt_ends_at = orchestration.clock() + {doubt_window},
    look_at = orchestration.clock() + CASE WHEN CAST(:window_after_error_answer AS float) IS NULL
                                           THEN least({doubt_window}, interval '2 seconds') ELSE interval '0' END
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state = 'SENDING';

-- name: try_again
-- Certainly not sent, and this claim tries again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification n
SET state = {again}, reason = :reason, provider_code = :code, runs = 0, fingerprints = {doubtful_fingerprints},
    not_taken_at = orchestration.clock(), not_taken_alone = {not_taken_alone},
    lease_until = orchestration.clock() + make_interval(secs => :lease)
WHERE {attempt};

-- name: put_back
-- Certainly not sent, and for all that is known through no fault of its own: the attempt does not count, and any claim
-- may have it after the pause. But if it was refused four times, and others went out each time in between, it is about
-- this one. Twice: the second finds this attempt settled.
WITH put_back AS (
    UPDATE orchestration.notification n
    SET state = CASE WHEN judged.alone >= 3 THEN 'FAILED' ELSE {again} END,
        attempts = attempts - 1, refusals = least(refusals, 1000) + 1, provider_code = :code,
        not_taken_at = orchestration.clock(), not_taken_alone = judged.alone,
        reason = :reason || CASE WHEN judged.alone >= 3 THEN '; others went out meanwhile' ELSE '' END,
        claim_id = CASE WHEN judged.alone >= 3 THEN claim_id END, runs = 0, fingerprints = {doubtful_fingerprints},
        lease_until = orchestration.clock() + make_interval(secs => :pause)
    FROM (
        SELECT id, {not_taken_alone} AS alone, coalesce({others_went_out}, false) AS others_went_out
        FROM orchestration.notification n
        WHERE {attempt}
    ) AS judged
    WHERE n.id = judged.id AND n.claim_id = CAST(:claim_id AS uuid) AND n.attempts = :attempt
      AND n.state IN ('SENDING', 'IN_DOUBT')
    RETURNING n.state = 'FAILED' AS has_failed, judged.others_went_out
),
-- If it was a trial, the next one may go.
over AS (
    UPDATE orchestration.provider SET trial_until = NULL WHERE trial_until IS NOT NULL AND EXISTS (SELECT FROM put_back)
)
SELECT has_failed, others_went_out FROM put_back;

-- name: give_back
-- A claim gives back those of these that it has not begun; any other may have them. Twice: nothing is left to give.
UPDATE orchestration.notification
SET claim_id = NULL, reason = :reason, runs = 0, lease_until = orchestration.clock()
WHERE id = ANY (CAST(:ids AS uuid[])) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED';

-- name: claims_not_taken_up
-- Claims that no run has taken up within :seconds; twice as many with each time that their rows were claimed, for where
-- runs are handed in later than that, each would find its claim given back. Reading changes nothing.
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
SET claim_id = NULL, reason = 'its run was never handed in', lease_until = orchestration.clock()
WHERE claim_id = ANY (CAST(:claim_ids AS uuid[])) AND state = 'QUEUED' AND run_id IS NULL;

-- name: note_what_is_over
-- A task that its nurse was told of is not open any more, or one that nobody was assigned to has somebody: should it be
-- opened again, or lose her, that is told anew. What is under way tells her yet, or is called off. Where no task at all is
-- seen, nothing is noted: the tasks are hidden, or about to be loaded, and their nurses have been told of them. Twice:
-- nothing is left to note. The time that it took the database is returned, in seconds.
WITH over AS MATERIALIZED (
    SELECT told.id
    FROM orchestration.notification told
    WHERE told.kind = 'task-created' AND told.over_at IS NULL
      AND (SELECT t.key::text FROM orchestration.care_task t LIMIT 1) IS NOT NULL
      -- NOT IN is looked up in a hash, whatever the planner knows of the tables; no id is NULL.
      AND (
          told.task_id NOT IN (SELECT t.id FROM orchestration.care_task t WHERE NOT t.is_closed)
          OR (
              told.recipient_id IS NULL
              AND told.task_id NOT IN (
                  SELECT t.id FROM orchestration.care_task t
                  WHERE NOT t.is_closed AND t.assigned_to_user_id IS NULL
              )
          )
      )
),
noted AS (
    UPDATE orchestration.notification n
    SET over_at = orchestration.clock()
    WHERE n.id = ANY (ARRAY(
        SELECT told.id
        FROM over JOIN orchestration.notification told USING (id)
        WHERE told.state NOT IN {under_way}
        LIMIT :most
    ))
      AND n.state NOT IN {under_way}
    RETURNING n.id
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds, count(*) AS noted FROM noted;

-- name: suppress
-- Not sent, for a reason; :state is CANCELLED or FAILED. With :ended_by it is not made again. Twice: the second finds
-- the row no longer QUEUED.
UPDATE orchestration.notification
SET state = :state, reason = :reason, run_id = :run_id, ended_by = coalesce(:ended_by, ended_by)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: postpone
-- Not sent now but at :due_at. A message that gets its time for the first time is owed since then. What tells that nobody
-- is assigned is not put off if it was made due meanwhile (`hurry_tellings` in `assignments.sql`). Twice: the second
-- finds the row no longer QUEUED.
UPDATE orchestration.notification
SET state = 'SCHEDULED', reason = :reason, run_id = :run_id, claims = 0, runs = 0, lease_until = NULL,
    due_at = CASE WHEN kind = 'task-created' AND recipient_id IS NULL THEN least(due_at, :due_at) ELSE :due_at END,
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
-- Whom a text about the tasks of these messages failed to reach, with what code and how many seconds ago; none where it
-- was this very message, and that stands in the way of another. Reading changes nothing.
SELECT n.id::text AS notification_id, f.recipient_id, f.provider_code,
       CASE WHEN f.state = 'FAILED' OR NOT starts_with(f.business_key || ':', n.business_key || ':' || f.recipient_id || ':')
            THEN extract(epoch FROM orchestration.clock() - coalesce(f.attempted_at, f.created_at))::float
            ELSE 0 END AS seconds_ago
FROM orchestration.notification n
JOIN orchestration.notification f ON f.task_id = n.task_id
WHERE n.id = ANY (CAST(:ids AS uuid[])) AND f.state IN ('FAILED', 'UNDELIVERED', 'HELD') AND f.recipient_id IS NOT NULL;

-- name: doubt_abandoned_attempts
-- A process died between its call and its record: nobody knows whether the text went out. Its call has ended, too: the
-- lease is longer than any may take. Twice, or two at once: the second finds the rows in IN_DOUBT, or skips those that
-- the first has locked.
UPDATE orchestration.notification
SET state = 'IN_DOUBT', looks = 0, doubtful_since = coalesce(doubtful_since, attempted_at), doubted_at = attempted_at,
    doubt_ends_at = attempted_at + {doubt_window}, look_at = orchestration.clock(),
    reason = 'the process that was sending it ended before it recorded the answer'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENDING' AND lease_until <= orchestration.clock()
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: set_poison_aside
-- So many runs in a row had it and died before they were through with it: it may be what kills them. Twice, or two at
-- once: the second finds it FAILED, or skips it.
UPDATE orchestration.notification
SET state = 'FAILED', reason = 'set aside: ' || runs || ' runs in a row died before they were through with it'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'QUEUED' AND lease_until <= orchestration.clock() AND runs >= :limit
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: due_look_ups
-- What is in doubt and is to be looked for now: 2, 5, 10, 20 and 40 seconds after it came into doubt, then every minute,
-- and when its doubt ends. After that, and where nobody has looked (no worker is there, or the list cannot be read),
-- after 5, 10, 20, 40 and then every 60 seconds; or a tenth of the time that it has been in doubt, if that is longer.
-- And what was given up and is to be looked for once more; should the run be lost, a minute later again, for a day.
-- Twice, or two at once: the second finds nothing due, or skips what the first has locked.
WITH doubtful AS (
    UPDATE orchestration.notification
    SET look_at = CASE
        WHEN doubt_ends_at > orchestration.clock() THEN least(
            doubt_ends_at,
            coalesce(
                (
                    SELECT min(doubted_at + make_interval(secs => seconds))
                    FROM unnest(ARRAY[2, 5, 10, 20, 40]) AS seconds
                    WHERE doubted_at + make_interval(secs => seconds) > orchestration.clock()
                ),
                orchestration.clock() + interval '1 minute'
            )
        )
        ELSE orchestration.clock() + least(
            greatest(5 * power(2, least(looks, 10)) * interval '1 second', (orchestration.clock() - doubted_at) / 10),
            interval '1 minute'
        )
    END
    WHERE id IN (
        SELECT id FROM orchestration.notification
        WHERE state = 'IN_DOUBT' AND coalesce(look_at <= orchestration.clock(), true)
        ORDER BY urgency, look_at
        LIMIT :most
        FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING id
),
lost AS (
    UPDATE orchestration.lost_attempt
    SET look_at = CASE WHEN given_up_at > orchestration.clock() - interval '1 day'
                       THEN orchestration.clock() + interval '1 minute' END
    WHERE id IN (
        SELECT id FROM orchestration.lost_attempt
        WHERE look_at <= orchestration.clock()
        ORDER BY look_at
        LIMIT :most
        FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING notification_id
)
SELECT id::text FROM doubtful
UNION
SELECT notification_id::text FROM lost;

-- name: in_doubt
-- Of these (or all) messages, those in doubt. Reading changes nothing.
SELECT id::text, kind, task_id, episode_id, recipient_id, attempts, attempted_at, fingerprints, looks,
       (
           SELECT count(*) FROM orchestration.lost_attempt l
           WHERE l.notification_id = notification.id AND NOT l.is_providers
       ) AS given_up,
       coalesce(doubtful_since, attempted_at) AS since,
       {doubt_ends} <= orchestration.clock() AS is_window_over,
       (
           SELECT NOT ({open}) AND greatest(doubted_at, attempted_at, closed_at) + interval '1 hour' <= orchestration.clock()
           FROM orchestration.provider
       ) AS is_hopeless,
       ended_by IS NOT NULL AS is_cancelled,
       EXISTS (
           SELECT FROM orchestration.provider p
           WHERE p.opened_at <= greatest(doubted_at, attempted_at) + interval '1 minute'
             AND coalesce(p.closed_at >= attempted_at, true)
       ) AS is_providers
FROM orchestration.notification
WHERE state = 'IN_DOUBT' AND (id = ANY (CAST(:ids AS uuid[])) OR cardinality(CAST(:ids AS uuid[])) = 0)
ORDER BY urgency, doubtful_since, id
LIMIT :most;

-- name: note_looks
-- These have been looked for in a list that was read whole, and not found. Twice: counted twice.
UPDATE orchestration.notification SET looks = least(looks, 1000) + 1
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'IN_DOUBT';

-- name: look_later
-- The list that these would be in could not be read: the next look is as it was to be until the doubt ends, and then a
-- minute later. Twice: a little later still.
UPDATE orchestration.notification
SET look_at = CASE WHEN doubt_ends_at > orchestration.clock() THEN least(look_at, doubt_ends_at)
                   ELSE orchestration.clock() + interval '1 minute' END
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'IN_DOUBT';

-- name: known_sids
-- Which of these SIDs belong to messages, and by when each had certainly been accepted, where that is known. Reading
-- changes nothing.
SELECT provider_sid AS sid, CASE WHEN NOT adopted THEN sent_at END AS sent_at
FROM orchestration.notification
WHERE provider_sid = ANY (CAST(:sids AS text[]))
UNION ALL
SELECT found_sid, found_at FROM orchestration.lost_attempt WHERE found_sid = ANY (CAST(:sids AS text[]));

-- name: rivals
-- What all other messages than these (:ids) are recognised by of which a text may be in the list that is nobody's yet.
-- Reading changes nothing.
SELECT fingerprints
FROM orchestration.notification
WHERE kind = ANY (CAST(:kinds AS text[])) AND state IN ('SENDING', 'IN_DOUBT', 'HELD')
  AND id <> ALL (CAST(:ids AS uuid[]))
UNION ALL
SELECT fingerprints
FROM orchestration.lost_attempt
WHERE look_at IS NOT NULL AND notification_id <> ALL (CAST(:ids AS uuid[]));

-- name: lost_attempts
-- Of these (or all) messages, the attempts that were given up and are looked for once more. Reading changes nothing.
SELECT l.id::text, n.id::text AS message_id, n.kind, n.task_id, n.episode_id, n.recipient_id, l.fingerprints,
       l.began_at AS since
FROM orchestration.lost_attempt l
JOIN orchestration.notification n ON n.id = l.notification_id
WHERE l.look_at IS NOT NULL
  AND (l.notification_id = ANY (CAST(:ids AS uuid[])) OR cardinality(CAST(:ids AS uuid[])) = 0)
ORDER BY l.began_at, l.id
LIMIT :most;

-- name: note_lost_looks
-- These attempts that were given up were looked for in a list that was read whole, and not found: they are once more
-- after 5 and after 30 minutes, and then no more. Twice: the same again.
UPDATE orchestration.lost_attempt
SET look_at = CASE WHEN orchestration.clock() < given_up_at + interval '1 minute' THEN given_up_at + interval '1 minute'
                   WHEN orchestration.clock() < given_up_at + interval '5 minutes' THEN given_up_at + interval '5 minutes'
                   WHEN orchestration.clock() < given_up_at + interval '30 minutes' THEN given_up_at + interval '30 minutes'
                   END
WHERE id = ANY (CAST(:ids AS uuid[])) AND look_at IS NOT NULL;

-- name: adopt_given_up
-- A text that was given up was found before its message was sent again: it is not. Twice, or while a run begins to send
-- it: the second finds it no longer waiting. One text is one message's alone, as in `adopt`.
WITH adopted AS (
    UPDATE orchestration.notification n
    SET state = 'SENT', provider_sid = :sid, sent_at = l.began_at, adopted = true, provider_code = NULL,
        reason = 'given up, then found at the phone company before it was sent again', fingerprints = '{}',
        receipt_at = orchestration.clock() + interval '15 seconds',
        log_owes = CASE WHEN orchestration.log_takes(kind) THEN 'row' END
    FROM orchestration.lost_attempt l
    WHERE l.id = CAST(:id AS uuid) AND n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED')
      AND l.look_at IS NOT NULL AND {is_nobodys}
    RETURNING n.id
),
-- It is not lost any more.
forgotten AS (
    DELETE FROM orchestration.lost_attempt WHERE id = CAST(:id AS uuid) AND EXISTS (SELECT FROM adopted)
)
SELECT id FROM adopted;

-- name: note_found_late
-- A text that was given up was found after its message was sent again, or ended. Twice: the second finds it noted. One
-- text is one message's alone: while this message, or another that would be recognised by the same, is on its way or in
-- doubt, it may be of that attempt.
UPDATE orchestration.lost_attempt l
SET found_sid = :sid, found_at = orchestration.clock(), texted_at = CAST(:texted_at AS timestamptz),
    look_at = NULL
WHERE l.id = CAST(:id AS uuid) AND l.look_at IS NOT NULL AND {is_nobodys}
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT')
  )
  AND NOT EXISTS (
      SELECT FROM orchestration.notification o
      WHERE o.state = 'IN_DOUBT' AND o.fingerprints && CAST(:fingerprints AS text[])
  );

-- name: settle_doubt
-- Not found at the phone company: sent again by any claim, held, or given up. An attempt that failed with all others
-- does not count. One that is sent again is looked for once more after a minute, and later; what an operator has
-- cancelled since it was looked for is not. Twice: the second finds it settled.
WITH settled AS (
    UPDATE orchestration.notification
    SET state = CASE WHEN ended_by IS NOT NULL AND :state IN ('QUEUED', 'HELD') THEN 'CANCELLED' ELSE :state END,
        reason = :reason, claim_id = NULL, claims = 0, runs = 0, lease_until = orchestration.clock(),
        attempts = attempts - CAST(CAST(:is_providers AS boolean) AND :state = 'QUEUED' AS int),
        refusals = least(refusals, 1000) + CAST(CAST(:is_providers AS boolean) AS int),
        fingerprints = CASE WHEN :state IN ('FAILED', 'CANCELLED') THEN '{}' ELSE fingerprints END
    WHERE id = CAST(:id AS uuid) AND attempts = :attempt AND attempted_at = :attempted_at AND state = 'IN_DOUBT'
    RETURNING id, state, attempted_at, fingerprints
),
lost AS (
    INSERT INTO orchestration.lost_attempt (notification_id, began_at, fingerprints, is_providers, look_at)
    SELECT id, attempted_at, fingerprints, :is_providers, orchestration.clock() + interval '1 minute'
    FROM settled
    WHERE state = 'QUEUED'
)
SELECT id FROM settled;

-- name: due_receipts
-- What has been sent and is to be asked after now; the next time is after as long as it has been sent, up to an hour,
-- and after a day there is none. Twice, or two at once: the second finds nothing due, or skips what the first has locked.
UPDATE orchestration.notification
SET receipt_at = CASE WHEN sent_at > orchestration.clock() - interval '1 day'
                      THEN orchestration.clock()
                           + least(greatest(orchestration.clock() - sent_at, interval '15 seconds'), interval '1 hour')
                      END
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENT' AND receipt_at <= orchestration.clock()
    ORDER BY receipt_at
    LIMIT :most
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id::text;

-- name: without_receipt
-- Of these messages, those of which it is not known what became. Reading changes nothing.
SELECT id::text, kind, task_id, provider_sid AS sid, sent_at
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT'
ORDER BY sent_at;

-- part: receipt_owed
CASE WHEN logged_at IS NOT NULL AND orchestration.log_takes_receipts() THEN 'receipt' ELSE log_owes END

-- name: settle_delivered
-- Twice: the second finds them settled.
UPDATE orchestration.notification
SET state = 'DELIVERED', receipt_at = NULL, log_owes = {receipt_owed}
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT';

-- name: settle_undelivered
-- It did not arrive; where that is worth a second try (:again_after, in seconds), one is due later, as a row of its own.
-- There is no third, and no second of what is told anew anyhow. Twice: the second finds it settled.
WITH undelivered AS (
    UPDATE orchestration.notification
    SET state = 'UNDELIVERED', receipt_at = NULL, reason = :reason, provider_code = :code, log_owes = {receipt_owed}
    WHERE id = CAST(:id AS uuid) AND state = 'SENT'
    RETURNING *
),
again AS (
    INSERT INTO orchestration.notification ({message}, kind, state, reason)
    SELECT business_key || '\:again', task_id, episode_id, recipient_id, severity, urgency,
           orchestration.clock() + make_interval(secs => :again_after), sla_due_at,
           orchestration.clock() + make_interval(secs => :again_after), because_of, kind, 'SCHEDULED',
           'tried once more: it was ' || reason
    FROM undelivered
    WHERE CAST(:again_after AS float) > 0 AND right(business_key, 6) <> '\:again'
      AND (over_at >= created_at) IS NOT TRUE
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING id
)
SELECT EXISTS (SELECT FROM again) AS is_tried_again FROM undelivered;

-- name: note_unknown
-- The phone company does not know these texts: each time is a row of their history (there is no other of a text that stays
-- SENT), and with the one that makes it :most their receipts are given up. That of a critical one is asked for once more
-- when a day is over: whether supervisors are told hangs on it being waited for. Twice: recorded twice, and given up
-- sooner.
WITH unknown AS MATERIALIZED (
    SELECT id, attempts, claim_id, run_id,
           1 + (
               SELECT count(*) FROM orchestration.notification_event e
               WHERE e.notification_id = n.id AND e.from_state = 'SENT' AND e.to_state = 'SENT'
           ) AS times
    FROM orchestration.notification n
    WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT'
    FOR NO KEY UPDATE
),
recorded AS (
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason)
    SELECT id, 'SENT', 'SENT', attempts, claim_id, run_id,
           CASE WHEN times >= :most THEN 'given up: ' ELSE '' END || 'the phone company does not know the text'
    FROM unknown
),
given_up AS (
    UPDATE orchestration.notification n
    SET receipt_at = CASE WHEN n.urgency = 0 AND n.sent_at > orchestration.clock() - interval '1 day'
                          THEN n.sent_at + interval '1 day' END
    FROM unknown
    WHERE n.id = unknown.id AND times >= :most
)
SELECT id::text, times >= :most AS is_given_up FROM unknown;

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
-- What a person should look at, newest first: not of a task that is not open any more. Reading changes nothing.
SELECT id::text, task_id, episode_id, kind, state, reason,
       extract(epoch FROM orchestration.clock() - created_at)::float AS age
FROM orchestration.notification
WHERE (state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED') OR log_owes = 'row')
  AND (over_at >= created_at) IS NOT TRUE
ORDER BY created_at DESC
LIMIT :most;

-- name: doubts
-- What became of texts in doubt within the last seven days; and how many were found after their message had been sent
-- again. Reading changes nothing.
SELECT count(*) FILTER (WHERE to_state = 'SENT' AND reason IS NOT NULL) AS adopted,
       count(*) FILTER (WHERE to_state = 'QUEUED') AS sent_again,
       count(*) FILTER (WHERE to_state = 'HELD') AS held,
       (
           SELECT count(*)
           FROM orchestration.lost_attempt l
           JOIN orchestration.notification n ON n.id = l.notification_id
           WHERE l.found_at > orchestration.clock() - interval '7 days' AND n.provider_sid IS NOT NULL
       ) AS doubled
FROM orchestration.notification_event
WHERE from_state = 'IN_DOUBT' AND at > orchestration.clock() - interval '7 days';

-- name: provider
-- How it stands with the phone company. Reading changes nothing.
SELECT {open} AS is_open, opened_at, closed_at, reason, code,
       CASE WHEN resume_at > orchestration.clock() THEN resume_at END AS resume_at,
       unreadable_since, unreadable_reason, unreadable_status, unreadable_code
FROM orchestration.provider;

-- name: note_unreadable
-- The phone company's list, or a receipt, could not be read. Twice, or two at once: the first time stands, and the same
-- answer again writes nothing.
UPDATE orchestration.provider
SET unreadable_since = coalesce(unreadable_since, orchestration.clock()), unreadable_reason = :reason,
    unreadable_status = :http_status, unreadable_code = :code
WHERE unreadable_since IS NULL
   OR (unreadable_reason, unreadable_status, unreadable_code)
      IS DISTINCT FROM (CAST(:reason AS text), CAST(:http_status AS smallint), CAST(:code AS int));

-- name: note_readable
-- It could be read. Twice: nothing is left to change.
UPDATE orchestration.provider
SET unreadable_since = NULL, unreadable_reason = NULL, unreadable_status = NULL, unreadable_code = NULL
WHERE unreadable_since IS NOT NULL;

-- part: story
-- Messages with their histories, oldest first: the changes in their order, what operators ordered about each, and its
-- texts that were found late.
SELECT n.id::text, n.kind, n.task_id, n.episode_id, n.recipient_id, n.urgency, n.owed_since, n.created_at, n.state,
       n.reason, n.due_at, n.sla_due_at, n.because_of::text, n.lease_until, n.run_id, n.attempted_at,
       n.sent_at, n.provider_sid, n.provider_code, n.doubtful_since, n.look_at, n.receipt_at, n.logged_at, n.log_owes,
       CASE WHEN n.state = 'IN_DOUBT' THEN n.doubt_ends_at END AS doubt_ends_at,
       CASE WHEN n.over_at > '-infinity' THEN n.over_at END AS over_at, n.ended_by,
       change.history AS changes, given.history AS orders, late.history AS found_late
FROM message n
LEFT JOIN (
    SELECT notification_id,
           json_agg(
               json_build_object('at', at, 'from_state', from_state, 'to_state', to_state, 'attempt', attempt,
                                 'claim_id', claim_id, 'run_id', run_id, 'reason', reason)
               ORDER BY id
           ) AS history
    FROM orchestration.notification_event
    WHERE notification_id = ANY (ARRAY(SELECT id FROM message))
    GROUP BY notification_id
) AS change ON change.notification_id = n.id
LEFT JOIN (
    SELECT notification_id,
           json_agg(json_build_object('at', at, 'who', who, 'verb', verb, 'why', why) ORDER BY id) AS history
    FROM orchestration.operator_action
    WHERE notification_id = ANY (ARRAY(SELECT id FROM message))
    GROUP BY notification_id
) AS given ON given.notification_id = n.id
LEFT JOIN (
    SELECT notification_id,
           json_agg(json_build_object('began_at', began_at, 'found_at', found_at, 'sid', found_sid) ORDER BY found_at)
               AS history
    FROM orchestration.lost_attempt
    WHERE notification_id = ANY (ARRAY(SELECT id FROM message)) AND found_at IS NOT NULL
    GROUP BY notification_id
) AS late ON late.notification_id = n.id
ORDER BY n.created_at, n.id

-- name: stories
-- The messages about these tasks, and the check-ins of these episodes. Reading changes nothing.
WITH message AS MATERIALIZED (
    SELECT * FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[]))
       OR (task_id IS NULL AND episode_id = ANY (CAST(:episode_ids AS text[])))
)
{story};

-- name: stories_of_claim
-- The same of the messages of a claim, or of the one that an id names. Reading changes nothing.
WITH message AS MATERIALIZED (
    SELECT * FROM orchestration.notification
    WHERE claim_id = CAST(:claim_id AS uuid)
      AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL)
)
{story};

-- name: tasks_of_episode
-- The tasks of an episode that there are messages about. Reading changes nothing.
SELECT task_id FROM orchestration.notification
WHERE episode_id = :id AND task_id IS NOT NULL
GROUP BY task_id
ORDER BY min(created_at);

-- name: subject_of
-- What a message is about. Reading changes nothing.
SELECT task_id, episode_id, severity FROM orchestration.notification WHERE id = CAST(:own_id AS uuid);

-- name: lives_since
-- The time that the rules go by, since when which rows are looked at, and of which kinds texts have just been going out
-- (the index notification_sent has those of the last minute). Reading changes nothing.
SELECT orchestration.clock() AS now, go_live_at, workflows_live_at,
       ARRAY(
           SELECT DISTINCT kind FROM orchestration.notification
           WHERE sent_at > orchestration.clock() - interval '1 minute'
       ) AS kinds_going_out
FROM orchestration.go_live;

-- name: orders_about_kinds
-- What operators ordered about whole kinds since then: pause and resume. Reading changes nothing.
SELECT at, who, verb, kind, why FROM orchestration.operator_action
WHERE notification_id IS NULL AND kind IS NOT NULL AND at >= :since
ORDER BY id;

-- name: pauses
-- Reading changes nothing.
SELECT kind, paused_at, paused_by, why FROM orchestration.pause ORDER BY kind;

-- name: pause
-- Twice: it is paused already, and the first reason stands.
WITH paused AS (
    INSERT INTO orchestration.pause (kind, paused_by, why) VALUES (:kind, :who, :why)
    ON CONFLICT (kind) DO NOTHING
    RETURNING kind
)
INSERT INTO orchestration.operator_action (who, verb, kind, why)
SELECT CAST(:who AS text), 'pause', kind, CAST(:why AS text) FROM paused
RETURNING kind;

-- name: resume
-- Ends the pause of a kind, or of all with every single one; then the phone company is also tried at once, if it was to
-- be left alone. Twice: there is none any more.
WITH resumed AS (
    DELETE FROM orchestration.pause WHERE kind = :kind OR :kind = 'all'
    RETURNING kind
),
tried_now AS (
    UPDATE orchestration.provider SET resume_at = NULL WHERE :kind = 'all' AND resume_at > orchestration.clock()
    RETURNING 'phone company' AS kind
)
INSERT INTO orchestration.operator_action (who, verb, kind, why)
SELECT CAST(:who AS text), 'resume', kind, CAST(:why AS text)
FROM (SELECT kind FROM resumed UNION ALL SELECT kind FROM tried_now) AS each
RETURNING kind;

-- part: of_subject
(n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind)

-- part: recorded
INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed

-- name: of_subject
-- The messages that an id names: its own, its task's or its episode's, oldest first. Reading changes nothing.
SELECT n.id::text, n.kind, n.state FROM orchestration.notification n WHERE {of_subject} ORDER BY n.created_at;

-- name: cancel
-- What has not been sent is not sent, and not made again, nor what would follow from it; what is in doubt ends so if it is
-- not found. Twice: nothing is left to cancel.
WITH meant AS MATERIALIZED (
    SELECT n.id FROM orchestration.notification n
    WHERE {of_subject} AND n.state IN ('SCHEDULED', 'QUEUED', 'HELD', 'IN_DOUBT')
),
changed AS (
    UPDATE orchestration.notification n
    SET state = CASE WHEN n.state = 'IN_DOUBT' THEN n.state ELSE 'CANCELLED' END, ended_by = :who,
        reason = CASE WHEN n.state = 'IN_DOUBT' THEN n.reason ELSE 'cancelled by an operator' END
    WHERE (n.id = ANY (ARRAY(SELECT id FROM meant)) OR n.because_of = ANY (ARRAY(SELECT id FROM meant)))
      AND n.state IN ('SCHEDULED', 'QUEUED', 'HELD', 'IN_DOUBT') AND (n.ended_by IS NULL OR n.state = 'HELD')
    RETURNING n.id, n.kind, n.state
),
recorded AS ({recorded})
SELECT id::text, kind, state FROM changed;

-- name: release
-- What was held for a person is sent, by day. Twice: nothing is held any more.
WITH changed AS (
    UPDATE orchestration.notification n
    SET state = 'QUEUED', claim_id = NULL, claims = 0, runs = 0, attempts = 0, ended_by = NULL, owed_since = orchestration.clock(),
        due_at = CASE WHEN due_at IS NOT NULL THEN orchestration.clock() END,
        lease_until = orchestration.clock(), reason = 'released by an operator'
    WHERE {of_subject} AND n.state = 'HELD'
    RETURNING n.id, n.kind, n.state
),
recorded AS ({recorded})
SELECT id::text, kind, state FROM changed;

-- name: resend
-- The newest message of its kind about it is over, and is sent anew, as a row of its own. Twice: while the second is
-- under way there is no third; two at once collide on the unique key, and one does nothing.
WITH newest AS (
    SELECT DISTINCT ON (n.kind, n.recipient_id, n.sla_due_at) n.*,
           regexp_replace(n.business_key, '(\:again|\:resent\:\d+)+$', '') || '\:resent\:' AS key
    FROM orchestration.notification n
    WHERE {of_subject}
    ORDER BY n.kind, n.recipient_id, n.sla_due_at,
             n.state IN ('SCHEDULED', 'QUEUED', 'SENDING', 'IN_DOUBT', 'HELD') DESC, n.created_at DESC
),
changed AS (
    INSERT INTO orchestration.notification ({message}, kind, state, lease_until, reason)
    SELECT key || (SELECT count(*) FROM orchestration.notification o
                   WHERE starts_with(o.business_key, key)
                     AND (o.task_id = newest.task_id
                          OR (newest.task_id IS NULL AND o.task_id IS NULL AND o.episode_id = newest.episode_id))),
           task_id, episode_id, recipient_id, severity, urgency, orchestration.clock(), sla_due_at,
           CASE WHEN due_at IS NOT NULL OR kind = 'check-in' THEN orchestration.clock() END,
           because_of, kind, 'QUEUED', orchestration.clock(), 'sent again by an operator''s order'
    FROM newest
    WHERE state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING id, kind, state
),
recorded AS ({recorded})
SELECT id::text, kind, state FROM changed;

-- name: old_subjects
-- The tasks and episodes (those of messages without a task) that events are about which are older than :kept seconds,
-- of the :most events after one (:after). An event's id is as old as the event, so no other index is needed; and every
-- message has one. Reading changes nothing.
WITH walked AS MATERIALIZED (
    SELECT id, notification_id, at < orchestration.clock() - make_interval(secs => :kept) AS is_old
    FROM orchestration.notification_event
    WHERE id > :after
    ORDER BY id
    LIMIT :most
),
subject AS MATERIALIZED (
    SELECT DISTINCT n.task_id, CASE WHEN n.task_id IS NULL THEN n.episode_id END AS episode_id
    FROM walked
    JOIN orchestration.notification n ON n.id = walked.notification_id
    WHERE walked.is_old
)
SELECT max(id) AS last, count(*) FILTER (WHERE is_old) = :most AS goes_on,
       ARRAY(SELECT task_id FROM subject WHERE task_id IS NOT NULL) AS task_ids,
       ARRAY(SELECT episode_id FROM subject WHERE episode_id IS NOT NULL) AS episode_ids
FROM walked;

-- name: open_tasks
-- Those of these tasks that a sensor's question can be about: without their messages they would count as new. Reading
-- changes nothing.
SELECT t.id
FROM orchestration.care_task t
WHERE t.key = ANY (:ids) AND NOT t.is_closed;

-- name: recent_episodes
-- Those of these episodes that the question for new ones reaches, now or with another delay (:check_in_delay is the
-- longest): without their messages they would count as new. One may say that it was created in the future. Reading
-- changes nothing.
SELECT e.id
FROM orchestration.care_episode e
WHERE e.key = ANY (:ids)
  AND coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at))
      >= orchestration.clock() - make_interval(days => 7, secs => :check_in_delay);

-- name: delete_what_is_over
-- All messages about these tasks and episodes, with their history and what operators ordered about them, if every one of
-- them is over and nothing has happened to it for :kept seconds. They go together: what is said of a younger message may
-- refer to an older one, and `resend` counts them. Twice, or two at once: the second finds nothing, or skips what the
-- first has locked.
WITH candidate AS MATERIALIZED (
    SELECT id,
           bool_and(
               state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
               AND greatest(created_at, claimed_at, attempted_at, sent_at, due_at)
                   < orchestration.clock() - make_interval(secs => :kept)
           ) OVER (PARTITION BY task_id, CASE WHEN task_id IS NULL THEN episode_id END) AS all_are_over
    FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[]))
       OR (task_id IS NULL AND episode_id = ANY (CAST(:episode_ids AS text[])))
),
deletable AS MATERIALIZED (
    SELECT n.id
    FROM orchestration.notification n
    WHERE n.id = ANY (ARRAY(SELECT id FROM candidate WHERE all_are_over))
      AND n.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED')
    FOR UPDATE SKIP LOCKED
),
orders AS (
    DELETE FROM orchestration.operator_action WHERE notification_id = ANY (ARRAY(SELECT id FROM deletable))
)
DELETE FROM orchestration.notification WHERE id = ANY (ARRAY(SELECT id FROM deletable));

-- name: delete_old_pauses
-- What operators ordered about no message, but about all of a kind: pause and resume. Twice: nothing is left to delete.
DELETE FROM orchestration.operator_action
WHERE notification_id IS NULL AND at < orchestration.clock() - make_interval(secs => :kept);

-- name: delete_old_assignments
-- What is known of the assignment of tasks that are not open any more and of which no message is left. Twice: nothing is
-- left to delete.
DELETE FROM orchestration.assignment a
WHERE a.created_at < orchestration.clock() - make_interval(secs => :kept)
  AND NOT EXISTS (SELECT FROM orchestration.notification n WHERE n.task_id = a.task_id)
  AND NOT EXISTS (SELECT FROM orchestration.care_task t WHERE NOT t.is_closed AND t.id = a.task_id);

-- name: texts_wait
-- Whether there is a message that no run has taken up a second after it was claimed: all workers are busy. Reading changes
-- nothing.
SELECT EXISTS (
    SELECT FROM orchestration.notification
    WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NULL AND lease_until > orchestration.clock()
      AND claimed_at <= orchestration.clock() - interval '1 second'
) AS wait;
