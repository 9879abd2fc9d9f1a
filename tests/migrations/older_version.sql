-- What a worker of the version before 0017 says to the database: it may still be at work when the schema is new. Its
-- statements as they were sent, safe to run twice each for its own reason; nothing here is to be kept in step with the code.

-- name: assignments_nurses
WITH shift AS MATERIALIZED (
    SELECT s.person_id, min(s.most_tasks) AS most_tasks
    FROM orchestration.care_shift s
    WHERE s.is_active IS NOT FALSE AND s.starts_at <= orchestration.clock() AND s.ends_at > orchestration.clock()
    GROUP BY s.person_id
),
has AS MATERIALIZED (
    SELECT person_id, json_object_agg(severity, tasks) AS open_tasks
    FROM (
        SELECT t.assigned_to_user_id AS person_id, coalesce(t.severity, '') AS severity, count(*) AS tasks
        FROM orchestration.care_task t
        WHERE NOT t.is_closed AND t.assigned_to_user_id IS NOT NULL
        GROUP BY t.assigned_to_user_id, t.severity
    ) AS each
    GROUP BY person_id
)
SELECT turn.number AS turn, p.id, p.primary_phone, p.active,
       CASE WHEN EXISTS (SELECT FROM orchestration.care_shift) THEN shift.person_id IS NOT NULL END AS is_on_shift,
       shift.most_tasks, has.open_tasks,
       (SELECT max(a.assigned_at) FROM orchestration.assignment a WHERE a.person_id = p.id) AS given_at
FROM orchestration.assignment_turn turn
LEFT JOIN orchestration.care_person p ON p.role = 'NURSE'
LEFT JOIN shift ON shift.person_id = p.id
LEFT JOIN has ON has.person_id = p.id;

-- name: assignments_give
WITH turn AS MATERIALIZED (
    SELECT number FROM orchestration.assignment_turn WHERE number = :turn
    FOR UPDATE SKIP LOCKED
),
ours AS MATERIALIZED (
    SELECT a.task_id, chosen.person_id, chosen.reason
    FROM unnest(CAST(:task_ids AS text[]), CAST(:people AS text[]), CAST(:reasons AS text[]))
        AS chosen (task_id, person_id, reason)
    JOIN orchestration.assignment a ON a.task_id = chosen.task_id
    CROSS JOIN turn
    WHERE a.person_id IS NULL
      AND EXISTS (
          SELECT FROM orchestration.care_person p
          WHERE p.key = ANY (:person_ids) AND p.id = chosen.person_id AND p.active IS NOT FALSE
      )
    ORDER BY a.task_id
    FOR UPDATE OF a
),
given AS MATERIALIZED (
    SELECT * FROM ours WHERE orchestration.assign_task(task_id, person_id)
),
recorded AS (
    UPDATE orchestration.assignment a
    SET person_id = given.person_id, assigned_at = orchestration.clock(), reason = given.reason, run_id = :run_id,
        tries = 0
    FROM given
    WHERE a.task_id = given.task_id
    RETURNING a.task_id
),
next_turn AS (
    UPDATE orchestration.assignment_turn SET number = number + 1
    WHERE EXISTS (SELECT FROM recorded)
    RETURNING number
)
SELECT coalesce((SELECT number FROM next_turn), (SELECT number FROM turn)) AS turn,
       ARRAY(SELECT task_id FROM recorded) AS given;

-- name: assignments_note_nobody
WITH tried AS MATERIALIZED (
    SELECT a.task_id, said.because
    FROM unnest(CAST(:task_ids AS text[]), CAST(:reasons AS text[])) AS said (task_id, because)
    JOIN orchestration.assignment a ON a.task_id = said.task_id
    WHERE a.person_id IS NULL
    ORDER BY a.task_id
    FOR UPDATE OF a
)
UPDATE orchestration.assignment a
SET nobody_since = coalesce(a.nobody_since, orchestration.clock()), nobody_at = orchestration.clock(),
    nobody_because = tried.because, tries = 0,
    next_try_at = date_trunc('minute', orchestration.clock()) + interval '1 minute', run_id = :run_id
FROM tried
WHERE a.task_id = tried.task_id;

-- name: assignments_hurry_tellings
WITH telling AS MATERIALIZED (
    SELECT id
    FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[])) AND kind = 'task-created' AND recipient_id IS NULL
      AND state IN ('SCHEDULED', 'QUEUED') AND coalesce(due_at > orchestration.clock(), true)
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE orchestration.notification n
SET due_at = orchestration.clock(), owed_since = least(n.owed_since, orchestration.clock())
FROM telling
WHERE n.id = telling.id;

-- name: assignments_of_tasks
SELECT task_id, person_id, assigned_at, reason, nobody_since, nobody_because, orchestration.has_no_taker(task_id),
       next_try_at, run_id
FROM orchestration.assignment
WHERE task_id = ANY (CAST(:task_ids AS text[]));

-- name: take_up
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
UPDATE orchestration.notification n
SET runs = runs + 1
WHERE n.claim_id = CAST(:claim_id AS uuid) AND :id IN (n.id::text, n.task_id) AND n.state = 'QUEUED'
RETURNING orchestration.clock() AS read_at, n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id,
       n.recipient_id, n.owed_since, n.sla_due_at, n.due_at, false AS has_cause;

-- name: end_of_step
UPDATE orchestration.notification SET runs = 0, failures = least(failures, 1000) + 1
WHERE claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL);

-- name: of_claim
SELECT id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes,
       EXISTS (
           SELECT FROM orchestration.notification WHERE claim_id = CAST(:claim_id AS uuid) OFFSET :many
       ) AS is_one_of_many
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid)
  AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL)
ORDER BY urgency, owed_since;

-- name: in_hand_elsewhere
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
SELECT id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE (
      task_id = ANY (CAST(:ids AS text[]))
      OR (task_id IS NULL AND episode_id = ANY (CAST(:ids AS text[])))
  )
  AND log_owes IS NOT NULL;

-- name: log_owed_of_claim
SELECT id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE claim_id = CAST(:claim_id AS uuid) AND log_owes IS NOT NULL;

-- name: log_owed_of
SELECT id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND log_owes IS NOT NULL;

-- name: log_owed_lately
SELECT id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE log_owes IS NOT NULL
  AND sent_at BETWEEN orchestration.clock() - interval '1 day' AND orchestration.clock() - interval '15 seconds'
ORDER BY random()
LIMIT :most;

-- name: as_sent
SELECT n.sent_at AS read_at, n.id::text, n.kind, n.claim_id::text, n.task_id, n.episode_id, n.recipient_id,
       n.owed_since, n.sla_due_at, n.due_at,
       cause.id IS NOT NULL AS has_cause, cause.recipient_id AS cause_recipient_id, cause.reason AS cause_reason,
       false AS cause_is_settled, false AS cause_is_uncertain
FROM orchestration.notification n
LEFT JOIN orchestration.notification cause ON cause.id = n.because_of
WHERE n.id = CAST(:id AS uuid) AND orchestration.log_takes_content();

-- name: moment
SELECT orchestration.clock() AS now,
       ARRAY(SELECT digest FROM orchestration.opt_out WHERE digest = ANY (CAST(:digests AS text[]))) AS opted_out;

-- name: opt_out_salt
SELECT salt FROM orchestration.opt_out_salt;

-- name: begin_attempt
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
    WHERE opened_at IS NOT NULL AND closed_at IS NULL AND (coalesce(resume_at <= orchestration.clock(), true) OR refused_recipient_id <> :recipient_id)
      AND coalesce(trial_until <= orchestration.clock(), true) AND EXISTS (SELECT FROM ours)
    RETURNING only_row
),
begun AS (
    UPDATE orchestration.notification n
    SET state = 'SENDING', attempts = attempts + 1, attempted_at = orchestration.clock(), run_id = :run_id,
        recipient_id = :recipient_id,
        reason = NULL, lease_until = orchestration.clock() + make_interval(secs => :lease),
        fingerprints = ARRAY(SELECT unnest(fingerprints) EXCEPT SELECT unnest(CAST(:fingerprints AS text[])))
                       || CAST(:fingerprints AS text[])
    FROM ours, orchestration.provider p
    WHERE n.id = ours.id AND n.claim_id = CAST(:claim_id AS uuid) AND n.state = 'QUEUED'
      AND (
          EXISTS (SELECT FROM trial)
          OR (NOT (opened_at IS NOT NULL AND closed_at IS NULL) AND coalesce(p.resume_at <= orchestration.clock(), true))
      )
    RETURNING attempts
)
SELECT (SELECT attempts FROM begun) AS attempt,
       orchestration.log_takes_content() AS is_content_logged,
       EXISTS (SELECT FROM opt_out) AS opted_out,
       coalesce(
           (SELECT 'paused by an operator' FROM pause),
           (SELECT 'the phone company takes no texts: ' || coalesce(reason, 'it wants a pause')
            FROM orchestration.provider WHERE (opened_at IS NOT NULL AND closed_at IS NULL) OR resume_at > orchestration.clock())
       ) AS halted;

-- name: settle_sent
WITH sent AS (
    UPDATE orchestration.notification AS n
    SET state = 'SENT', provider_sid = :sid, sent_at = orchestration.clock(), reason = NULL, provider_code = NULL,
        fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds', logged_at = CASE WHEN orchestration.log_takes(kind) THEN orchestration.clock() END
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
    RETURNING n
),
answered AS (
    UPDATE orchestration.provider
    SET troubles = 0, refuses = false, refused_recipient_id = NULL, trial_until = NULL,
        closed_at = CASE WHEN opened_at IS NOT NULL AND closed_at IS NULL THEN orchestration.clock() ELSE closed_at END,
        resume_at = CASE WHEN NOT (opened_at IS NOT NULL AND closed_at IS NULL) AND resume_at > orchestration.clock() THEN resume_at END
    WHERE troubles > 0 OR opened_at IS NOT NULL AND closed_at IS NULL
)
SELECT orchestration.log_notification(sent.n,
convert_from(decode(:content, 'hex'), 'UTF8'), true) FROM sent;

-- name: settle_sent_unlogged
WITH sent AS (
    UPDATE orchestration.notification
    SET state = 'SENT', provider_sid = :sid, sent_at = orchestration.clock(), reason = NULL, provider_code = NULL,
        fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds', log_owes = CASE WHEN orchestration.log_takes(kind) THEN 'row' END
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
),
answered AS (
    UPDATE orchestration.provider
    SET troubles = 0, refuses = false, refused_recipient_id = NULL, trial_until = NULL,
        closed_at = CASE WHEN opened_at IS NOT NULL AND closed_at IS NULL THEN orchestration.clock() ELSE closed_at END,
        resume_at = CASE WHEN NOT (opened_at IS NOT NULL AND closed_at IS NULL) AND resume_at > orchestration.clock() THEN resume_at END
    WHERE troubles > 0 OR opened_at IS NOT NULL AND closed_at IS NULL
)
SELECT 1;

-- name: adopt
UPDATE orchestration.notification n
SET state = 'SENT', provider_sid = :sid, sent_at = n.attempted_at, adopted = true, provider_code = NULL,
    reason = 'in doubt, then found at the phone company', fingerprints = '{}',
    receipt_at = orchestration.clock() + interval '15 seconds',
    log_owes = CASE WHEN orchestration.log_takes(kind) THEN 'row' END
WHERE n.id = CAST(:id AS uuid) AND n.attempts = :attempt AND n.attempted_at = :attempted_at AND n.state = 'IN_DOUBT'
  AND
NOT EXISTS (SELECT FROM orchestration.notification o WHERE o.provider_sid = :sid)
      AND NOT EXISTS (SELECT FROM orchestration.lost_attempt o WHERE o.found_sid = :sid)
      AND NOT EXISTS (
          SELECT FROM orchestration.notification o
          WHERE o.state = 'SENDING' AND o.fingerprints && CAST(:fingerprints AS text[])
      );

-- name: bring_log_up_to_date
WITH owed AS MATERIALIZED (
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
SELECT orchestration.log_notification(logged.n,
convert_from(decode(:content, 'hex'), 'UTF8'), logged.is_new) FROM logged;

-- name: settle_refused
UPDATE orchestration.notification SET state = 'FAILED', reason = :reason, provider_code = :code, fingerprints = '{}'
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT');

-- name: note_answer
UPDATE orchestration.provider
SET troubles = CASE WHEN refuses THEN troubles ELSE 0 END, trial_until = NULL,
    closed_at = CASE WHEN opened_at IS NOT NULL AND closed_at IS NULL AND NOT refuses THEN orchestration.clock() ELSE closed_at END,
    resume_at = CASE WHEN refuses OR (NOT (opened_at IS NOT NULL AND closed_at IS NULL) AND resume_at > orchestration.clock()) THEN resume_at END
WHERE troubles > 0 OR opened_at IS NOT NULL AND closed_at IS NULL;

-- name: note_trouble
WITH trouble AS MATERIALIZED (
    SELECT opened_at IS NOT NULL AND closed_at IS NULL AS was_open,
           CASE WHEN opened_at IS NOT NULL AND closed_at IS NULL THEN opened_at
                WHEN CAST(:at_once AS boolean) OR troubles + 1 >= :limit THEN orchestration.clock() END AS open_since
    FROM orchestration.provider
    LIMIT 1
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
UPDATE orchestration.provider
SET next_slot = greatest(next_slot, orchestration.clock()) + make_interval(secs => :seconds)
RETURNING extract(epoch FROM next_slot - orchestration.clock())::float - :seconds AS wait;

-- name: remember_opt_out
INSERT INTO orchestration.opt_out (digest, recipient_id) VALUES (:digest, :recipient_id)
ON CONFLICT (digest) DO NOTHING;

-- name: settle_unclear
UPDATE orchestration.notification
SET state = 'IN_DOUBT', reason = :reason, provider_code = :code, looks = 0,
    doubtful_since = coalesce(doubtful_since, attempted_at), doubted_at = orchestration.clock(),
    doubt_ends_at = orchestration.clock() +
make_interval(secs => CASE WHEN kind = ANY (CAST(:held_kinds AS text[])) THEN CAST(:window AS float)
                           ELSE least(CAST(:window AS float),
                                      CASE WHEN urgency = 0 THEN CAST(:window_critical AS float) END,
                                      CAST(:window_after_error_answer AS float)) END),
    look_at = orchestration.clock() + CASE WHEN CAST(:window_after_error_answer AS float) IS NULL
                                           THEN least(-- For how long a text in doubt is looked for: one of a kind that is held then (:held_kinds), for :window; another for
make_interval(secs => CASE WHEN kind = ANY (CAST(:held_kinds AS text[])) THEN CAST(:window AS float)
                           ELSE least(CAST(:window AS float),
                                      CASE WHEN urgency = 0 THEN CAST(:window_critical AS float) END,
                                      CAST(:window_after_error_answer AS float)) END), interval '2 seconds') ELSE interval '0' END
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state = 'SENDING';

-- name: try_again
UPDATE orchestration.notification n
SET state = CASE WHEN ended_by IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END, reason = :reason, provider_code = :code, runs = 0, fingerprints = CASE WHEN doubtful_since IS NULL THEN '{}' ELSE fingerprints END,
    not_taken_at = orchestration.clock(), not_taken_alone =
least(n.not_taken_alone + CAST(CAST(:is_refused AS boolean) AND coalesce(-- Since this text was last not taken: what keeps it is not what would keep all.
(SELECT max(o.sent_at) FROM orchestration.notification o) >= n.not_taken_at, false) AS int), 1000),
    lease_until = orchestration.clock() + make_interval(secs => :lease)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT');

-- name: put_back
WITH put_back AS (
    UPDATE orchestration.notification n
    SET state = CASE WHEN judged.alone >= 3 THEN 'FAILED' ELSE CASE WHEN ended_by IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END END,
        attempts = attempts - 1, refusals = least(refusals, 1000) + 1, provider_code = :code,
        not_taken_at = orchestration.clock(), not_taken_alone = judged.alone,
        reason = :reason || CASE WHEN judged.alone >= 3 THEN '; others went out meanwhile' ELSE '' END,
        claim_id = CASE WHEN judged.alone >= 3 THEN claim_id END, runs = 0, fingerprints = CASE WHEN doubtful_since IS NULL THEN '{}' ELSE fingerprints END,
        lease_until = orchestration.clock() + make_interval(secs => :pause)
    FROM (
        SELECT id,
least(n.not_taken_alone + CAST(CAST(:is_refused AS boolean) AND coalesce(-- Since this text was last not taken: what keeps it is not what would keep all.
(SELECT max(o.sent_at) FROM orchestration.notification o) >= n.not_taken_at, false) AS int), 1000) AS alone, coalesce(-- Since this text was last not taken: what keeps it is not what would keep all.
(SELECT max(o.sent_at) FROM orchestration.notification o) >= n.not_taken_at, false) AS others_went_out
        FROM orchestration.notification n
        WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
    ) AS judged
    WHERE n.id = judged.id AND n.claim_id = CAST(:claim_id AS uuid) AND n.attempts = :attempt
      AND n.state IN ('SENDING', 'IN_DOUBT')
    RETURNING n.state = 'FAILED' AS has_failed, judged.others_went_out
),
over AS (
    UPDATE orchestration.provider SET trial_until = NULL WHERE trial_until IS NOT NULL AND EXISTS (SELECT FROM put_back)
)
SELECT has_failed, others_went_out FROM put_back;

-- name: give_back
UPDATE orchestration.notification
SET claim_id = NULL, reason = :reason, runs = 0, lease_until = orchestration.clock()
WHERE id = ANY (CAST(:ids AS uuid[])) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED';

-- name: claims_not_taken_up
SELECT claim_id::text
FROM orchestration.notification
WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NULL AND lease_until > orchestration.clock()
  AND claimed_at <= orchestration.clock() - make_interval(secs => :seconds * power(2, least(claims, 4) - 1))
GROUP BY claim_id
ORDER BY min(claimed_at)
LIMIT 200;

-- name: give_back_claims
UPDATE orchestration.notification
SET claim_id = NULL, reason = 'its run was never handed in', lease_until = orchestration.clock()
WHERE claim_id = ANY (CAST(:claim_ids AS uuid[])) AND state = 'QUEUED' AND run_id IS NULL;

-- name: note_what_is_over
WITH over AS MATERIALIZED (
    SELECT told.id
    FROM orchestration.notification told
    WHERE told.kind = 'task-created' AND told.over_at IS NULL
      AND (SELECT t.key::text FROM orchestration.care_task t LIMIT 1) IS NOT NULL
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
        WHERE told.state NOT IN
('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
        LIMIT :most
    ))
      AND n.state NOT IN
('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
    RETURNING n.id
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds, count(*) AS noted FROM noted;

-- name: suppress
UPDATE orchestration.notification
SET state = :state, reason = :reason, run_id = :run_id, ended_by = coalesce(:ended_by, ended_by)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: postpone
UPDATE orchestration.notification
SET state = 'SCHEDULED', reason = :reason, run_id = :run_id, claims = 0, runs = 0, lease_until = NULL,
    due_at = CASE WHEN kind = 'task-created' AND recipient_id IS NULL THEN least(due_at, :due_at) ELSE :due_at END,
    owed_since = CASE WHEN due_at IS NULL THEN :due_at ELSE owed_since END
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND state = 'QUEUED'
  AND recipient_id IS NOT DISTINCT FROM :recipient_id;

-- name: schedule_escalations
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
SELECT id::text, task_id, episode_id, recipient_id, state, reason, attempts, provider_sid, due_at,
       logged_at IS NOT NULL AS logged, log_owes
FROM orchestration.notification
WHERE kind = 'sla-escalation' AND task_id = ANY (CAST(:task_ids AS text[])) AND state = 'SCHEDULED'
ORDER BY due_at;

-- name: address
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
SELECT n.id::text AS notification_id, f.recipient_id, f.provider_code,
       CASE WHEN f.state = 'FAILED' OR NOT starts_with(f.business_key || ':', n.business_key || ':' || f.recipient_id || ':')
            THEN extract(epoch FROM orchestration.clock() - coalesce(f.attempted_at, f.created_at))::float
            ELSE 0 END AS seconds_ago
FROM orchestration.notification n
JOIN orchestration.notification f ON f.task_id = n.task_id
WHERE n.id = ANY (CAST(:ids AS uuid[])) AND f.state IN ('FAILED', 'UNDELIVERED', 'HELD') AND f.recipient_id IS NOT NULL;

-- name: doubt_abandoned_attempts
UPDATE orchestration.notification
SET state = 'IN_DOUBT', looks = 0, doubtful_since = coalesce(doubtful_since, attempted_at), doubted_at = attempted_at,
    doubt_ends_at = attempted_at +
make_interval(secs => CASE WHEN kind = ANY (CAST(:held_kinds AS text[])) THEN CAST(:window AS float)
                           ELSE least(CAST(:window AS float),
                                      CASE WHEN urgency = 0 THEN CAST(:window_critical AS float) END,
                                      CAST(:window_after_error_answer AS float)) END), look_at = orchestration.clock(),
    reason = 'the process that was sending it ended before it recorded the answer'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENDING' AND lease_until <= orchestration.clock()
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: set_poison_aside
UPDATE orchestration.notification
SET state = 'FAILED', reason = 'set aside: ' || runs || ' runs in a row died before they were through with it'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'QUEUED' AND lease_until <= orchestration.clock() AND runs >= :limit
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: due_look_ups
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
SELECT id::text, kind, task_id, episode_id, recipient_id, attempts, attempted_at, fingerprints, looks,
       (
           SELECT count(*) FROM orchestration.lost_attempt l
           WHERE l.notification_id = notification.id AND NOT l.is_providers
       ) AS given_up,
       coalesce(doubtful_since, attempted_at) AS since,
CASE WHEN doubt_ends_at >= doubted_at THEN doubt_ends_at
     ELSE greatest(doubted_at, attempted_at) +
make_interval(secs => CASE WHEN kind = ANY (CAST(:held_kinds AS text[])) THEN CAST(:window AS float)
                           ELSE least(CAST(:window AS float),
                                      CASE WHEN urgency = 0 THEN CAST(:window_critical AS float) END,
                                      CAST(:window_after_error_answer AS float)) END) END <= orchestration.clock() AS is_window_over,
       (
           SELECT NOT (opened_at IS NOT NULL AND closed_at IS NULL) AND greatest(doubted_at, attempted_at, closed_at) + interval '1 hour' <= orchestration.clock()
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
UPDATE orchestration.notification SET looks = least(looks, 1000) + 1
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'IN_DOUBT';

-- name: look_later
UPDATE orchestration.notification
SET look_at = CASE WHEN doubt_ends_at > orchestration.clock() THEN least(look_at, doubt_ends_at)
                   ELSE orchestration.clock() + interval '1 minute' END
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'IN_DOUBT';

-- name: known_sids
SELECT provider_sid AS sid, CASE WHEN NOT adopted THEN sent_at END AS sent_at
FROM orchestration.notification
WHERE provider_sid = ANY (CAST(:sids AS text[]))
UNION ALL
SELECT found_sid, found_at FROM orchestration.lost_attempt WHERE found_sid = ANY (CAST(:sids AS text[]));

-- name: rivals
SELECT fingerprints
FROM orchestration.notification
WHERE kind = ANY (CAST(:kinds AS text[])) AND state IN ('SENDING', 'IN_DOUBT', 'HELD')
  AND id <> ALL (CAST(:ids AS uuid[]))
UNION ALL
SELECT fingerprints
FROM orchestration.lost_attempt
WHERE look_at IS NOT NULL AND notification_id <> ALL (CAST(:ids AS uuid[]));

-- name: lost_attempts
SELECT l.id::text, n.id::text AS message_id, n.kind, n.task_id, n.episode_id, n.recipient_id, l.fingerprints,
       l.began_at AS since
FROM orchestration.lost_attempt l
JOIN orchestration.notification n ON n.id = l.notification_id
WHERE l.look_at IS NOT NULL
  AND (l.notification_id = ANY (CAST(:ids AS uuid[])) OR cardinality(CAST(:ids AS uuid[])) = 0)
ORDER BY l.began_at, l.id
LIMIT :most;

-- name: note_lost_looks
UPDATE orchestration.lost_attempt
SET look_at = CASE WHEN orchestration.clock() < given_up_at + interval '1 minute' THEN given_up_at + interval '1 minute'
                   WHEN orchestration.clock() < given_up_at + interval '5 minutes' THEN given_up_at + interval '5 minutes'
                   WHEN orchestration.clock() < given_up_at + interval '30 minutes' THEN given_up_at + interval '30 minutes'
                   END
WHERE id = ANY (CAST(:ids AS uuid[])) AND look_at IS NOT NULL;

-- name: adopt_given_up
WITH adopted AS (
    UPDATE orchestration.notification n
    SET state = 'SENT', provider_sid = :sid, sent_at = l.began_at, adopted = true, provider_code = NULL,
        reason = 'given up, then found at the phone company before it was sent again', fingerprints = '{}',
        receipt_at = orchestration.clock() + interval '15 seconds',
        log_owes = CASE WHEN orchestration.log_takes(kind) THEN 'row' END
    FROM orchestration.lost_attempt l
    WHERE l.id = CAST(:id AS uuid) AND n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED')
      AND l.look_at IS NOT NULL AND
NOT EXISTS (SELECT FROM orchestration.notification o WHERE o.provider_sid = :sid)
      AND NOT EXISTS (SELECT FROM orchestration.lost_attempt o WHERE o.found_sid = :sid)
      AND NOT EXISTS (
          SELECT FROM orchestration.notification o
          WHERE o.state = 'SENDING' AND o.fingerprints && CAST(:fingerprints AS text[])
      )
    RETURNING n.id
),
forgotten AS (
    DELETE FROM orchestration.lost_attempt WHERE id = CAST(:id AS uuid) AND EXISTS (SELECT FROM adopted)
)
SELECT id FROM adopted;

-- name: note_found_late
UPDATE orchestration.lost_attempt l
SET found_sid = :sid, found_at = orchestration.clock(), texted_at = CAST(:texted_at AS timestamptz),
    look_at = NULL
WHERE l.id = CAST(:id AS uuid) AND l.look_at IS NOT NULL AND
NOT EXISTS (SELECT FROM orchestration.notification o WHERE o.provider_sid = :sid)
      AND NOT EXISTS (SELECT FROM orchestration.lost_attempt o WHERE o.found_sid = :sid)
      AND NOT EXISTS (
          SELECT FROM orchestration.notification o
          WHERE o.state = 'SENDING' AND o.fingerprints && CAST(:fingerprints AS text[])
      )
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT')
  )
  AND NOT EXISTS (
      SELECT FROM orchestration.notification o
      WHERE o.state = 'IN_DOUBT' AND o.fingerprints && CAST(:fingerprints AS text[])
  );

-- name: settle_doubt
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
SELECT id::text, kind, task_id, provider_sid AS sid, sent_at
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT'
ORDER BY sent_at;

-- name: settle_delivered
UPDATE orchestration.notification
SET state = 'DELIVERED', receipt_at = NULL, log_owes = CASE WHEN logged_at IS NOT NULL AND orchestration.log_takes_receipts() THEN 'receipt' ELSE log_owes END
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT';

-- name: settle_undelivered
WITH undelivered AS (
    UPDATE orchestration.notification
    SET state = 'UNDELIVERED', receipt_at = NULL, reason = :reason, provider_code = :code, log_owes = CASE WHEN logged_at IS NOT NULL AND orchestration.log_takes_receipts() THEN 'receipt' ELSE log_owes END
    WHERE id = CAST(:id AS uuid) AND state = 'SENT'
    RETURNING *
),
again AS (
    INSERT INTO orchestration.notification (business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of, kind, state, reason)
    SELECT business_key || ':again', task_id, episode_id, recipient_id, severity, urgency,
           orchestration.clock() + make_interval(secs => :again_after), sla_due_at,
           orchestration.clock() + make_interval(secs => :again_after), because_of, kind, 'SCHEDULED',
           'tried once more: it was ' || reason
    FROM undelivered
    WHERE CAST(:again_after AS float) > 0 AND right(business_key, 6) <> ':again'
      AND (over_at >= created_at) IS NOT TRUE
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING id
)
SELECT EXISTS (SELECT FROM again) AS is_tried_again FROM undelivered;

-- name: note_unknown
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
SELECT kind, state, count(*) AS count
FROM orchestration.notification
GROUP BY kind, state
ORDER BY kind, state;

-- name: last_hour
SELECT count(*) AS sent,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))
           FILTER (WHERE kind = 'task-created'))::float AS p50,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - owed_since))
           FILTER (WHERE kind = 'task-created'))::float AS p95
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour';

-- name: oldest_due
SELECT task_id, episode_id, kind, state, reason,
       extract(epoch FROM orchestration.clock() - least(coalesce(due_at, owed_since), orchestration.clock()))::float
           AS age
FROM orchestration.notification
WHERE state IN ('QUEUED', 'SENDING') OR (state = 'SCHEDULED' AND due_at <= orchestration.clock())
ORDER BY coalesce(due_at, owed_since)
LIMIT 1;

-- name: set_aside
SELECT id::text, task_id, episode_id, kind, state, reason,
       extract(epoch FROM orchestration.clock() - created_at)::float AS age
FROM orchestration.notification
WHERE (state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED') OR log_owes = 'row')
  AND (over_at >= created_at) IS NOT TRUE
ORDER BY created_at DESC
LIMIT :most;

-- name: doubts
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
SELECT opened_at IS NOT NULL AND closed_at IS NULL AS is_open, opened_at, closed_at, reason, code,
       CASE WHEN resume_at > orchestration.clock() THEN resume_at END AS resume_at,
       unreadable_since, unreadable_reason, unreadable_status, unreadable_code
FROM orchestration.provider;

-- name: note_unreadable
UPDATE orchestration.provider
SET unreadable_since = coalesce(unreadable_since, orchestration.clock()), unreadable_reason = :reason,
    unreadable_status = :http_status, unreadable_code = :code
WHERE unreadable_since IS NULL
   OR (unreadable_reason, unreadable_status, unreadable_code)
      IS DISTINCT FROM (CAST(:reason AS text), CAST(:http_status AS smallint), CAST(:code AS int));

-- name: note_readable
UPDATE orchestration.provider
SET unreadable_since = NULL, unreadable_reason = NULL, unreadable_status = NULL, unreadable_code = NULL
WHERE unreadable_since IS NOT NULL;

-- name: stories
WITH message AS MATERIALIZED (
    SELECT * FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[]))
       OR (task_id IS NULL AND episode_id = ANY (CAST(:episode_ids AS text[])))
)
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
ORDER BY n.created_at, n.id;

-- name: stories_of_claim
WITH message AS MATERIALIZED (
    SELECT * FROM orchestration.notification
    WHERE claim_id = CAST(:claim_id AS uuid)
      AND coalesce(CAST(:of AS text) IN (id::text, task_id), CAST(:of AS text) IS NULL)
)
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
ORDER BY n.created_at, n.id;

-- name: tasks_of_episode
SELECT task_id FROM orchestration.notification
WHERE episode_id = :id AND task_id IS NOT NULL
GROUP BY task_id
ORDER BY min(created_at);

-- name: subject_of
SELECT task_id, episode_id, severity FROM orchestration.notification WHERE id = CAST(:own_id AS uuid);

-- name: lives_since
SELECT orchestration.clock() AS now, go_live_at, workflows_live_at,
       ARRAY(
           SELECT DISTINCT kind FROM orchestration.notification
           WHERE sent_at > orchestration.clock() - interval '1 minute'
       ) AS kinds_going_out
FROM orchestration.go_live;

-- name: orders_about_kinds
SELECT at, who, verb, kind, why FROM orchestration.operator_action
WHERE notification_id IS NULL AND kind IS NOT NULL AND at >= :since
ORDER BY id;

-- name: pauses
SELECT kind, paused_at, paused_by, why FROM orchestration.pause ORDER BY kind;

-- name: pause
WITH paused AS (
    INSERT INTO orchestration.pause (kind, paused_by, why) VALUES (:kind, :who, :why)
    ON CONFLICT (kind) DO NOTHING
    RETURNING kind
)
INSERT INTO orchestration.operator_action (who, verb, kind, why)
SELECT CAST(:who AS text), 'pause', kind, CAST(:why AS text) FROM paused
RETURNING kind;

-- name: resume
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

-- name: of_subject
SELECT n.id::text, n.kind, n.state FROM orchestration.notification n WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind) ORDER BY n.created_at;

-- name: cancel
WITH meant AS MATERIALIZED (
    SELECT n.id FROM orchestration.notification n
    WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind) AND n.state IN ('SCHEDULED', 'QUEUED', 'HELD', 'IN_DOUBT')
),
changed AS (
    UPDATE orchestration.notification n
    SET state = CASE WHEN n.state = 'IN_DOUBT' THEN n.state ELSE 'CANCELLED' END, ended_by = :who,
        reason = CASE WHEN n.state = 'IN_DOUBT' THEN n.reason ELSE 'cancelled by an operator' END
    WHERE (n.id = ANY (ARRAY(SELECT id FROM meant)) OR n.because_of = ANY (ARRAY(SELECT id FROM meant)))
      AND n.state IN ('SCHEDULED', 'QUEUED', 'HELD', 'IN_DOUBT') AND (n.ended_by IS NULL OR n.state = 'HELD')
    RETURNING n.id, n.kind, n.state
),
recorded AS (INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed)
SELECT id::text, kind, state FROM changed;

-- name: release
WITH changed AS (
    UPDATE orchestration.notification n
    SET state = 'QUEUED', claim_id = NULL, claims = 0, runs = 0, attempts = 0, ended_by = NULL, owed_since = orchestration.clock(),
        due_at = CASE WHEN due_at IS NOT NULL THEN orchestration.clock() END,
        lease_until = orchestration.clock(), reason = 'released by an operator'
    WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind) AND n.state = 'HELD'
    RETURNING n.id, n.kind, n.state
),
recorded AS (INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed)
SELECT id::text, kind, state FROM changed;

-- name: resend
WITH newest AS (
    SELECT DISTINCT ON (n.kind, n.recipient_id, n.sla_due_at) n.*,
           regexp_replace(n.business_key, '(:again|:resent:\d+)+$', '') || ':resent:' AS key
    FROM orchestration.notification n
    WHERE (n.id = CAST(:own_id AS uuid) OR n.task_id = :id OR (n.task_id IS NULL AND n.episode_id = :id))
      AND n.kind = coalesce(CAST(:kind AS text), n.kind)
    ORDER BY n.kind, n.recipient_id, n.sla_due_at,
             n.state IN ('SCHEDULED', 'QUEUED', 'SENDING', 'IN_DOUBT', 'HELD') DESC, n.created_at DESC
),
changed AS (
    INSERT INTO orchestration.notification (business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of, kind, state, lease_until, reason)
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
recorded AS (INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
SELECT CAST(:who AS text), CAST(:verb AS text), id, CAST(:why AS text) FROM changed)
SELECT id::text, kind, state FROM changed;

-- name: old_subjects
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
SELECT t.id
FROM orchestration.care_task t
WHERE t.key = ANY (:ids) AND NOT t.is_closed;

-- name: recent_episodes
SELECT e.id
FROM orchestration.care_episode e
WHERE e.key = ANY (:ids)
  AND coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at))
      >= orchestration.clock() - make_interval(days => 7, secs => :check_in_delay);

-- name: delete_what_is_over
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
DELETE FROM orchestration.operator_action
WHERE notification_id IS NULL AND at < orchestration.clock() - make_interval(secs => :kept);

-- name: delete_old_assignments
DELETE FROM orchestration.assignment a
WHERE a.created_at < orchestration.clock() - make_interval(secs => :kept)
  AND NOT EXISTS (SELECT FROM orchestration.notification n WHERE n.task_id = a.task_id)
  AND NOT EXISTS (SELECT FROM orchestration.care_task t WHERE NOT t.is_closed AND t.id = a.task_id);

-- name: texts_wait
SELECT EXISTS (
    SELECT FROM orchestration.notification
    WHERE state = 'QUEUED' AND claim_id IS NOT NULL AND run_id IS NULL AND lease_until > orchestration.clock()
      AND claimed_at <= orchestration.clock() - interval '1 second'
) AS wait;

-- name: measurements_text_latency
WITH told AS MATERIALIZED (
    SELECT id, state, owed_since, extract(epoch FROM sent_at - owed_since) AS seconds
    FROM orchestration.notification
    WHERE sent_at > orchestration.clock() - interval '1 hour' AND kind = 'task-created'
),
arrived AS MATERIALIZED (
    SELECT extract(epoch FROM max(e.at) - told.owed_since) AS seconds
    FROM told
    JOIN orchestration.notification_event e ON e.notification_id = told.id AND e.to_state = 'DELIVERED'
    WHERE told.state = 'DELIVERED'
    GROUP BY told.id, told.owed_since
),
late AS MATERIALIZED (
    SELECT count(*) AS still_waiting
    FROM orchestration.notification
    WHERE kind = 'task-created' AND state IN ('QUEUED', 'SENDING')
      AND owed_since < orchestration.clock() - make_interval(secs => :inside)
)
SELECT count(*) AS texts,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::float AS p50,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds))::float AS p95,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FROM arrived)::float AS delivered_p50,
       (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) FROM arrived)::float AS delivered_p95,
       (count(*) FILTER (WHERE seconds <= :inside))::float / nullif(count(*) + (SELECT still_waiting FROM late), 0)
           AS share_inside
FROM told;

-- name: measurements_deliveries
WITH doubt AS MATERIALIZED (
    SELECT count(*) AS texts,
           extract(epoch FROM orchestration.clock() - min(coalesce(doubtful_since, attempted_at)))::float AS longest
    FROM orchestration.notification
    WHERE state = 'IN_DOUBT'
)
SELECT count(*) AS sent,
       count(*) FILTER (WHERE state = 'DELIVERED') AS delivered,
       (
           SELECT count(*) FROM orchestration.notification
           WHERE state = 'FAILED' AND created_at > orchestration.clock() - interval '1 hour'
       ) AS failed,
       (SELECT texts FROM doubt) AS in_doubt,
       (SELECT longest FROM doubt) AS longest_doubt,
       (
           SELECT count(*) FROM orchestration.notification
           WHERE kind = ANY (CAST(:kinds AS text[])) AND state = 'HELD'
       ) AS held,
       (
           SELECT count(*)
           FROM orchestration.lost_attempt l
           JOIN orchestration.notification n ON n.id = l.notification_id
           WHERE l.found_at > orchestration.clock() - interval '1 hour' AND n.provider_sid IS NOT NULL
       ) AS doubled
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour';

-- name: measurements_undelivered
SELECT coalesce(provider_code, 0) AS code, count(*) AS count
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour' AND state = 'UNDELIVERED'
GROUP BY 1
ORDER BY 1;

-- name: measurements_backlog
WITH due AS MATERIALIZED (
    SELECT coalesce(n.due_at, n.owed_since) AS since, EXISTS (SELECT FROM orchestration.pause p WHERE p.kind IN ('all', n.kind)) AS is_paused
    FROM orchestration.notification n
    WHERE n.kind = ANY (CAST(:kinds AS text[])) AND n.state IN ('QUEUED', 'SENDING')
    UNION ALL
    SELECT n.due_at, EXISTS (SELECT FROM orchestration.pause p WHERE p.kind IN ('all', n.kind))
    FROM orchestration.notification n
    WHERE n.kind = ANY (CAST(:kinds AS text[])) AND n.state = 'SCHEDULED' AND n.due_at <= orchestration.clock()
)
SELECT count(*) FILTER (WHERE NOT is_paused) AS due,
       count(*) FILTER (WHERE is_paused) AS paused,
       (max(greatest(extract(epoch FROM orchestration.clock() - since), 0)) FILTER (WHERE NOT is_paused))::float
           AS oldest_due
FROM due;

-- name: measurements_pace
SELECT (
           SELECT extract(epoch FROM orchestration.clock() - max(sent_at))::float
           FROM orchestration.notification
           WHERE sent_at > orchestration.clock() - interval '1 hour'
       ) AS last_sent,
       (SELECT extract(epoch FROM next_slot - orchestration.clock())::float FROM orchestration.provider) AS next_slot;

-- name: claim_of_new_tasks
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
                WHEN resume_at > orchestration.clock() AND NOT ((opened_at IS NOT NULL AND closed_at IS NULL) AND refused_recipient_id IS NOT NULL) THEN 0
                WHEN NOT (opened_at IS NOT NULL AND closed_at IS NULL) THEN NULL
                WHEN trial_until > orchestration.clock() OR (SELECT rows FROM on_its_way) > 0 THEN 0
                ELSE 1 END AS rows,
           CASE WHEN resume_at > orchestration.clock() THEN refused_recipient_id END AS not_to
    FROM orchestration.provider
    LIMIT 1
),
may AS MATERIALIZED (
    SELECT CAST(:claim_id AS uuid) IS NOT NULL OR CASE WHEN rows IS NULL THEN has_room ELSE rows > 0 END AS ask
    FROM allowed CROSS JOIN (SELECT has_room FROM on_its_way) AS room
),
abandoned AS MATERIALIZED (
    SELECT id, runs, failures, refusals, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock()
      AND runs < :most_runs
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
    SELECT * FROM (
SELECT orchestration.task_created_key(t.id, t.assigned_to_user_id)
           || coalesce(':' || CAST(nullif((-- How often the assignee was told of the task, so far.
SELECT count(*) FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)), 0) + 1 AS text), '') AS business_key,
       t.id AS task_id,
       t.episode_id,
       t.severity,
       orchestration.urgency(t.severity) AS urgency,
       t.assigned_to_user_id AS recipient_id,
       coalesce(orchestration.plausible_time(greatest(t.created_at, t.updated_at)), orchestration.clock())
           AS owed_since,
       NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM (
    SELECT t.id, t.episode_id, t.severity, t.assigned_to_user_id, t.created_at, t.updated_at
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND coalesce(t.created_at, t.updated_at, orchestration.clock())
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))
      AND (
          CAST(:created_within AS float) IS NULL
          OR t.created_at >= orchestration.clock() - make_interval(secs => CAST(:created_within AS float))
      )
      AND
coalesce((
          SELECT 1 FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
            AND
n.over_at IS NULL
            AND (
                n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
                OR (
                    t.resolved_at > coalesce(n.attempted_at, n.created_at) AND t.resolved_at <= orchestration.clock()
                ) IS NOT TRUE
            )
          LIMIT 1
      ), 0) = 0
    OFFSET 0
) AS t
WHERE (-- How often the assignee was told of the task, so far.
SELECT count(*) FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL) AND n.created_at > orchestration.clock() - interval '1 hour') < 3
ORDER BY urgency, owed_since
LIMIT :most

) AS question
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

-- name: claim_named_of_new_tasks
WITH named AS MATERIALIZED (
    
SELECT CASE WHEN :kind = 'task-created' THEN coalesce(told.business_key, orchestration.task_created_key(t.id, t.assigned_to_user_id)
           || coalesce(':' || CAST(nullif((-- How often the assignee was told of the task, so far.
SELECT count(*) FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)), 0) + 1 AS text), ''))
            ELSE orchestration.sla_key(:kind, t.id, orchestration.plausible_time(t.sla_due_at))
       END AS business_key,
       t.id AS task_id,
       t.episode_id,
       t.severity,
       orchestration.urgency(t.severity) AS urgency,
       t.assigned_to_user_id AS recipient_id,
       orchestration.clock() AS owed_since,
       CASE WHEN :kind <> 'task-created' THEN orchestration.plausible_time(t.sla_due_at) END AS sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM orchestration.care_task t
LEFT JOIN LATERAL (
    SELECT n.business_key FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
            AND
n.over_at IS NULL
            AND (
                n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
                OR (
                    t.resolved_at > coalesce(n.attempted_at, n.created_at) AND t.resolved_at <= orchestration.clock()
                ) IS NOT TRUE
            )
    ORDER BY n.created_at DESC
    LIMIT 1
) AS told ON true
WHERE t.key = ANY (:ids)
  AND (
      :kind <> 'sla-warning'
      OR (
          orchestration.plausible_time(t.sla_due_at)
          <= orchestration.clock() + make_interval(secs => :sla_warning_window)
      ) IS NOT FALSE
  )


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

-- name: claim_of_SLA_breaches
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
                WHEN resume_at > orchestration.clock() AND NOT ((opened_at IS NOT NULL AND closed_at IS NULL) AND refused_recipient_id IS NOT NULL) THEN 0
                WHEN NOT (opened_at IS NOT NULL AND closed_at IS NULL) THEN NULL
                WHEN trial_until > orchestration.clock() OR (SELECT rows FROM on_its_way) > 0 THEN 0
                ELSE 1 END AS rows,
           CASE WHEN resume_at > orchestration.clock() THEN refused_recipient_id END AS not_to
    FROM orchestration.provider
    LIMIT 1
),
may AS MATERIALIZED (
    SELECT CAST(:claim_id AS uuid) IS NOT NULL OR CASE WHEN rows IS NULL THEN has_room ELSE rows > 0 END AS ask
    FROM allowed CROSS JOIN (SELECT has_room FROM on_its_way) AS room
),
abandoned AS MATERIALIZED (
    SELECT id, runs, failures, refusals, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock()
      AND runs < :most_runs
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
    SELECT * FROM (
SELECT orchestration.sla_key('sla-breach', t.id, t.sla_due_at) AS business_key,
       t.id AS task_id,
       t.episode_id,
       t.severity,
       orchestration.urgency(t.severity) AS urgency,
       t.assigned_to_user_id AS recipient_id,
       greatest(t.sla_due_at, orchestration.plausible_time(t.created_at)) AS owed_since,
       t.sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM orchestration.care_task t
WHERE NOT t.is_closed
  AND t.sla_due_at <= orchestration.clock()
  AND orchestration.plausible_time(t.sla_due_at) IS NOT NULL
  AND coalesce(t.created_at, t.updated_at, orchestration.clock())
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))
  AND greatest(t.sla_due_at, t.created_at)
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT workflows_live_at FROM orchestration.go_live))
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.business_key = orchestration.sla_key(:kind, t.id, t.sla_due_at)
        AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
        AND (n.state <> 'FAILED' OR n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id)
      OFFSET 0
  )
ORDER BY urgency, owed_since
LIMIT :most

) AS question
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

-- name: claim_of_unanswered_breaches
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
                WHEN resume_at > orchestration.clock() AND NOT ((opened_at IS NOT NULL AND closed_at IS NULL) AND refused_recipient_id IS NOT NULL) THEN 0
                WHEN NOT (opened_at IS NOT NULL AND closed_at IS NULL) THEN NULL
                WHEN trial_until > orchestration.clock() OR (SELECT rows FROM on_its_way) > 0 THEN 0
                ELSE 1 END AS rows,
           CASE WHEN resume_at > orchestration.clock() THEN refused_recipient_id END AS not_to
    FROM orchestration.provider
    LIMIT 1
),
may AS MATERIALIZED (
    SELECT CAST(:claim_id AS uuid) IS NOT NULL OR CASE WHEN rows IS NULL THEN has_room ELSE rows > 0 END AS ask
    FROM allowed CROSS JOIN (SELECT has_room FROM on_its_way) AS room
),
abandoned AS MATERIALIZED (
    SELECT id, runs, failures, refusals, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock()
      AND runs < :most_runs
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
    SELECT * FROM (
WITH breached AS MATERIALIZED (
    SELECT t.id, t.episode_id, t.severity, t.sla_due_at
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND t.sla_due_at <= orchestration.clock()
      AND t.sla_due_at >= (SELECT timestamptz '-infinity')
)
SELECT orchestration.sla_key('sla-escalation', t.id, t.sla_due_at) AS business_key,
       t.id AS task_id,
       t.episode_id,
       t.severity,
       orchestration.urgency(t.severity) AS urgency,
       NULL AS recipient_id,
       breach.escalation_due_at AS owed_since,
       t.sla_due_at,
       breach.escalation_due_at AS due_at,
       breach.id AS because_of
FROM breached t
JOIN LATERAL (
    SELECT n.id, n.state,
           coalesce(n.sent_at, n.attempted_at, n.created_at) + make_interval(secs => :escalation_delay)
               AS escalation_due_at
    FROM (
        SELECT * FROM orchestration.notification
        WHERE business_key = orchestration.sla_key('sla-breach', t.id, t.sla_due_at)
          AND state NOT IN ('FAILED', 'CANCELLED')
        UNION ALL
        SELECT * FROM orchestration.notification
        WHERE task_id = t.id AND kind = 'sla-breach' AND state = 'FAILED'
          AND business_key = orchestration.sla_key('sla-breach', t.id, t.sla_due_at)
    ) AS n
    ORDER BY n.created_at DESC
    LIMIT 1
) AS breach ON breach.state NOT IN ('QUEUED', 'SENDING')
WHERE breach.escalation_due_at <= orchestration.clock()
  AND NOT EXISTS (SELECT FROM orchestration.notification n
      WHERE n.kind = 'sla-escalation' AND n.task_id = t.id AND
(
    n.state NOT IN ('FAILED', 'CANCELLED', 'UNDELIVERED', 'HELD') OR n.ended_by IS NOT NULL
    OR (starts_with(n.reason, 'set aside') AND n.state = 'FAILED' AND n.claimed_at > orchestration.clock() - interval '1 hour')
)
        AND starts_with(n.business_key || ':', orchestration.sla_key('sla-escalation', t.id, t.sla_due_at) || ':') OFFSET 0)
ORDER BY urgency, owed_since
LIMIT :most

) AS question
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

-- name: claim_of_unreached_nurses
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
                WHEN resume_at > orchestration.clock() AND NOT ((opened_at IS NOT NULL AND closed_at IS NULL) AND refused_recipient_id IS NOT NULL) THEN 0
                WHEN NOT (opened_at IS NOT NULL AND closed_at IS NULL) THEN NULL
                WHEN trial_until > orchestration.clock() OR (SELECT rows FROM on_its_way) > 0 THEN 0
                ELSE 1 END AS rows,
           CASE WHEN resume_at > orchestration.clock() THEN refused_recipient_id END AS not_to
    FROM orchestration.provider
    LIMIT 1
),
may AS MATERIALIZED (
    SELECT CAST(:claim_id AS uuid) IS NOT NULL OR CASE WHEN rows IS NULL THEN has_room ELSE rows > 0 END AS ask
    FROM allowed CROSS JOIN (SELECT has_room FROM on_its_way) AS room
),
abandoned AS MATERIALIZED (
    SELECT id, runs, failures, refusals, business_key, task_id, episode_id, recipient_id, severity, urgency, owed_since, sla_due_at, due_at, because_of
    FROM orchestration.notification
    WHERE kind = :kind AND state = 'QUEUED' AND lease_until <= orchestration.clock()
      AND runs < :most_runs
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
    SELECT * FROM (
WITH suspect AS MATERIALIZED (
SELECT f.*, t.is_taken AS is_picked_up,
       t.severity AS task_severity, t.episode_id AS task_episode_id
FROM orchestration.care_task t
JOIN LATERAL (
    SELECT *
    FROM orchestration.notification n
    WHERE n.task_id = t.id
      AND n.kind IN ('task-created', 'sla-warning', 'sla-breach')
      AND (
          n.state IN ('FAILED', 'HELD', 'UNDELIVERED')
          OR (n.state = 'QUEUED' AND n.refusals > 0)
          OR (n.urgency = 0 AND (n.state = 'IN_DOUBT' OR (n.state = 'SENT' AND n.receipt_at IS NOT NULL)))
      )
      AND (n.over_at >= n.created_at) IS NOT TRUE
    OFFSET 0
) AS f ON f.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
WHERE NOT t.is_closed
)
SELECT DISTINCT ON (urgency, business_key)
orchestration.unreached_key(f.task_id, f.recipient_id) || replace(spell.ending, ':', '#') AS business_key,
       f.task_id,
       f.task_episode_id AS episode_id,
       f.task_severity AS severity,
       orchestration.urgency(f.task_severity) AS urgency,
       NULL AS recipient_id,
       orchestration.clock() AS owed_since,
       NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at,
       f.id AS because_of
FROM suspect f
CROSS JOIN LATERAL (
    SELECT coalesce(max(telling.created_at), '-infinity') AS since,
           coalesce((array_agg(telling.ending ORDER BY telling.created_at DESC))[1], '') AS ending
    FROM (
        SELECT n.created_at,
               substr(n.business_key, length(orchestration.task_created_key(f.task_id, f.recipient_id)) + 1) AS ending
        FROM orchestration.notification n
        WHERE n.task_id = f.task_id AND n.kind = 'task-created' AND n.recipient_id IS NOT DISTINCT FROM f.recipient_id
    ) AS telling
    WHERE telling.ending ~ '^(:[0-9]+)?$'
) AS spell
WHERE f.created_at >= spell.since
  AND (
      f.state IN ('FAILED', 'HELD')
      OR (
          f.state = 'QUEUED'
          AND f.recipient_id = (SELECT p.refused_recipient_id FROM orchestration.provider p)
          AND f.created_at <= orchestration.clock()
              - CASE WHEN f.urgency = 0 THEN interval '0' ELSE make_interval(secs => :receipt_window) END
      )
      OR (
          f.state = 'UNDELIVERED'
          AND (
              f.urgency = 0
              OR NOT EXISTS (
                  SELECT FROM orchestration.notification n
                  WHERE n.business_key = f.business_key || ':again' AND n.state <> 'CANCELLED'
              )
          )
      )
      OR (
          NOT f.is_picked_up
          AND CASE f.state WHEN 'SENT' THEN f.attempted_at WHEN 'IN_DOUBT' THEN f.doubtful_since END
              <= orchestration.clock() - make_interval(secs => :receipt_window)
      )
  )
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.task_id = f.task_id AND n.recipient_id = f.recipient_id AND n.created_at > f.created_at
        AND n.kind IN ('task-created', 'sla-warning', 'sla-breach')
        AND (n.state = 'DELIVERED' OR (n.state = 'SENT' AND f.state <> 'SENT'))
      OFFSET 0
  )
  AND f.created_at >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT workflows_live_at FROM orchestration.go_live))
  AND (
      f.recipient_id IS NOT NULL
      OR f.task_severity = 'CRITICAL'
      OR orchestration.has_no_taker(f.task_id)
      OR least(f.owed_since, f.created_at) + make_interval(secs => :unassigned_grace) <= orchestration.clock()
  )
  AND NOT EXISTS (SELECT FROM orchestration.notification n
      JOIN orchestration.notification cause ON cause.id = n.because_of
      WHERE n.kind = 'nurse-unreached' AND n.task_id = f.task_id AND
(
    n.state NOT IN ('FAILED', 'CANCELLED', 'UNDELIVERED', 'HELD') OR n.ended_by IS NOT NULL
    OR (starts_with(n.reason, 'set aside') AND n.state = 'FAILED' AND n.claimed_at > orchestration.clock() - interval '1 hour')
)
        AND cause.recipient_id IS NOT DISTINCT FROM f.recipient_id AND n.created_at >= spell.since OFFSET 0)
ORDER BY urgency, business_key, f.created_at DESC
LIMIT :most

) AS question
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

-- name: assignments_lease
WITH waiting AS MATERIALIZED (
    
SELECT t.id, t.episode_id, t.severity, orchestration.plausible_time(t.created_at) AS created_at
FROM orchestration.care_task t
WHERE NOT t.is_closed
  AND t.assigned_to_user_id IS NULL
  AND coalesce(t.created_at, t.updated_at, orchestration.clock())
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))
  AND NOT EXISTS (
      SELECT FROM orchestration.assignment a
      WHERE a.task_id = t.id AND (a.person_id IS NOT NULL OR a.next_try_at > orchestration.clock())
      OFFSET 0
  )
ORDER BY orchestration.urgency(t.severity), created_at, t.id
LIMIT :most


),
leased AS (
    INSERT INTO orchestration.assignment AS a (task_id, tries, next_try_at)
    SELECT id, 1, orchestration.clock() + make_interval(secs => :lease)
    FROM waiting
    ORDER BY id
    ON CONFLICT (task_id) DO UPDATE
    SET tries = least(a.tries, 3) + 1,
        next_try_at = orchestration.clock() + make_interval(secs => :lease * power(2, least(a.tries, 3)))
    WHERE a.person_id IS NULL AND a.next_try_at <= orchestration.clock()
    RETURNING task_id
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds,
       waiting.id AS task_id, waiting.episode_id, waiting.severity
FROM (SELECT 1) AS one
LEFT JOIN (waiting JOIN leased ON leased.task_id = waiting.id) ON true
ORDER BY orchestration.urgency(waiting.severity), waiting.created_at, waiting.id;

-- name: assignments_take_up
WITH waiting AS MATERIALIZED (
    
SELECT t.id, t.episode_id, t.severity, orchestration.plausible_time(t.created_at) AS created_at
FROM orchestration.care_task t
WHERE t.key = ANY (:ids)
  AND NOT t.is_closed
  AND t.assigned_to_user_id IS NULL
  AND coalesce(t.created_at, t.updated_at, orchestration.clock())
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))
  AND NOT EXISTS (
      SELECT FROM orchestration.assignment a WHERE a.task_id = t.id AND a.person_id IS NOT NULL
      OFFSET 0
  )

),
taken_up AS (
    INSERT INTO orchestration.assignment AS a (task_id, next_try_at, run_id)
    SELECT id, orchestration.clock() + make_interval(secs => :lease), :run_id
    FROM waiting
    ORDER BY id
    ON CONFLICT (task_id) DO UPDATE
    SET next_try_at = greatest(a.next_try_at, excluded.next_try_at), run_id = excluded.run_id
    WHERE a.person_id IS NULL
    RETURNING task_id
)
SELECT waiting.id, waiting.severity, waiting.created_at
FROM waiting
JOIN taken_up ON taken_up.task_id = waiting.id
ORDER BY orchestration.urgency(waiting.severity), waiting.created_at, waiting.id;

-- name: measurements_unanswered_tasks
SELECT task_id
FROM (
    SELECT task_id, urgency, owed_since FROM (
SELECT orchestration.task_created_key(t.id, t.assigned_to_user_id)
           || coalesce(':' || CAST(nullif((-- How often the assignee was told of the task, so far.
SELECT count(*) FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)), 0) + 1 AS text), '') AS business_key,
       t.id AS task_id,
       t.episode_id,
       t.severity,
       orchestration.urgency(t.severity) AS urgency,
       t.assigned_to_user_id AS recipient_id,
       coalesce(orchestration.plausible_time(greatest(t.created_at, t.updated_at)), orchestration.clock())
           AS owed_since,
       NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM (
    SELECT t.id, t.episode_id, t.severity, t.assigned_to_user_id, t.created_at, t.updated_at
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND coalesce(t.created_at, t.updated_at, orchestration.clock())
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))
      AND (
          CAST(:created_within AS float) IS NULL
          OR t.created_at >= orchestration.clock() - make_interval(secs => CAST(:created_within AS float))
      )
      AND
coalesce((
          SELECT 1 FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
            AND
n.over_at IS NULL
            AND (
                n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
                OR (
                    t.resolved_at > coalesce(n.attempted_at, n.created_at) AND t.resolved_at <= orchestration.clock()
                ) IS NOT TRUE
            )
          LIMIT 1
      ), 0) = 0
    OFFSET 0
) AS t
WHERE (-- How often the assignee was told of the task, so far.
SELECT count(*) FROM
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL) AND n.created_at > orchestration.clock() - interval '1 hour') < 3
ORDER BY urgency, owed_since
LIMIT :most

) AS unclaimed
    UNION ALL
    SELECT n.task_id, n.urgency, n.owed_since FROM orchestration.notification n
    WHERE n.kind = 'task-created' AND n.state IN ('QUEUED', 'SENDING')
) AS silent
WHERE owed_since <= orchestration.clock() - make_interval(secs => :grace)
  AND NOT EXISTS (SELECT FROM orchestration.pause WHERE kind IN ('all', 'task-created'))
ORDER BY urgency, owed_since;
