-- What people text to us. A message's id stands here once, and whoever writes it there first acts on the message: so
-- each is acted on once, whoever reads it, however often. Times are those of orchestration.clock(), but :received_at,
-- which is the phone company's.

-- name: reading
-- How far a channel's messages were read, and since when they are obeyed at all (in whole seconds, as the phone company
-- tells times). Reading changes nothing.
SELECT r.newest_at, r.read_at IS NULL AS is_first,
       date_trunc('second', coalesce(CAST(:go_live_at AS timestamptz), g.replies_live_at)) AS live_at
FROM orchestration.inbound_reading r
CROSS JOIN orchestration.go_live g
WHERE r.channel = :channel;

-- name: note_reading
-- All messages up to this one were read and acted on. Twice, or two at once: the later time stands.
UPDATE orchestration.inbound_reading
SET newest_at = greatest(newest_at, CAST(:newest_at AS timestamptz)), read_at = orchestration.clock()
WHERE channel = :channel
  AND (newest_at IS DISTINCT FROM greatest(newest_at, CAST(:newest_at AS timestamptz)) OR read_at IS NULL);

-- name: read_before
-- Those of these messages that were acted on. Reading changes nothing.
SELECT sid FROM orchestration.inbound WHERE sid = ANY (CAST(:sids AS text[]));

-- name: staff_may_answer
-- Whether a member of staff was texted about a task in the last day, and may answer now. Reading changes nothing.
SELECT EXISTS (
    SELECT FROM orchestration.notification
    WHERE sent_at > orchestration.clock() - interval '1 day' AND audience IN ('ASSIGNEE', 'ON_CALL')
) AS may;

-- name: numbers_of_tasks
-- The small numbers of tasks on phones that are about to be texted (`number_of_task` in `views.sql` says why that is safe
-- to do twice). Phone by phone in one order: two runs at once wait for each other, and for ever at none.
SELECT wanted.place, orchestration.number_of_task(wanted.digest, wanted.task_id, wanted.person_id) AS number
FROM (
    SELECT * FROM unnest(CAST(:digests AS text[]), CAST(:tasks_to_number AS text[]), CAST(:person_ids AS text[]))
        WITH ORDINALITY AS each (digest, task_id, person_id, place)
    ORDER BY digest, place
    OFFSET 0
) AS wanted;

-- name: texted_tasks
-- The tasks that a phone was texted about in the last day, each with the last text. A message that was received clearly
-- before the first text about a task was accepted, both by the phone company's clock, may be meant for another task.
-- Reading changes nothing.
WITH of_phone AS MATERIALIZED (
    SELECT * FROM orchestration.task_number
    WHERE digest = :digest AND number IS NOT NULL AND texted_at > orchestration.clock() - interval '1 day'
)
SELECT n.number, n.task_id, n.person_id, texted.id::text AS message_id, coalesce(NOT t.is_closed, false) AS is_open,
       t.assigned_to_user_id AS assignee_id, texted.is_to_assignee AS is_told_as_assignee,
       first.is_later AND EXISTS (SELECT FROM of_phone o WHERE o.task_id <> n.task_id) AS may_be_anothers,
       first.is_later AND EXISTS (SELECT FROM of_phone o WHERE o.task_id <> n.task_id AND o.number = n.number)
           AS number_may_be_anothers
FROM of_phone n
JOIN LATERAL (
    SELECT m.id, orchestration.audience_of(m.audience, m.kind) = 'ASSIGNEE' AS is_to_assignee
    FROM orchestration.notification m
    WHERE m.task_id = n.task_id AND m.recipient_id = n.person_id AND m.attempted_at IS NOT NULL
      AND m.channel = :channel
      AND orchestration.audience_of(m.audience, m.kind) IN ('ASSIGNEE', 'ON_CALL')
    ORDER BY m.attempted_at DESC
    LIMIT 1
) AS texted ON true
CROSS JOIN LATERAL (
    SELECT coalesce(min(m.accepted_at) > CAST(:received_at AS timestamptz) + interval '30 seconds', false) AS is_later
    FROM orchestration.notification m
    WHERE m.task_id = n.task_id AND m.recipient_id = n.person_id AND m.attempted_at >= n.given_at
) AS first
LEFT JOIN orchestration.care_tasks(ARRAY(SELECT task_id FROM of_phone)) AS t ON t.id = n.task_id
WHERE n.is_in_use
ORDER BY n.number;

-- name: told_by_digest
-- Those of these people who have an open task that a digest has told them of in the last day, or may have,
-- and no text of its own since. A message that was received clearly before the digest was accepted, both by the phone
-- company's clock, cannot be meant for it. Reading changes nothing.
SELECT DISTINCT n.recipient_id AS person_id
FROM orchestration.notification d
JOIN orchestration.notification n ON n.named_by = d.id
JOIN orchestration.care_tasks(ARRAY(
    SELECT told.task_id
    FROM orchestration.notification d
    JOIN orchestration.notification told ON told.named_by = d.id
    WHERE d.kind = 'task-digest' AND d.recipient_id = ANY (CAST(:people AS text[]))
      AND d.created_at > orchestration.clock() - interval '3 days' AND told.state <> 'CANCELLED'
)) AS t ON t.id = n.task_id
WHERE d.kind = 'task-digest' AND d.recipient_id = ANY (CAST(:people AS text[]))
  -- A digest waits for a day at most, and is in doubt for some minutes.
  AND d.created_at > orchestration.clock() - interval '3 days'
  AND d.attempted_at > orchestration.clock() - interval '1 day'
  AND (
      n.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'HELD')
      OR (n.state = 'SCHEDULED' AND d.attempts > 0 AND orchestration.may_be_out(d))
  )
  AND coalesce(d.accepted_at, '-infinity') <= CAST(:received_at AS timestamptz) + interval '30 seconds'
  AND NOT t.is_closed AND t.assigned_to_user_id = n.recipient_id
  AND NOT EXISTS (
      SELECT FROM orchestration.notification alone
      WHERE alone.task_id = n.task_id AND alone.recipient_id = n.recipient_id AND alone.channel = 'SMS'
        AND orchestration.audience_of(alone.audience, alone.kind) = 'ASSIGNEE' AND alone.named_by IS NULL
        AND alone.attempted_at > d.attempted_at
  );

-- name: written_back
-- The commands that the map in force writes into the application's tasks. Reading changes nothing.
SELECT verb FROM unnest(ARRAY['ACCEPT', 'RESOLVE']) AS known (verb) WHERE orchestration.writes_back(verb);

-- name: senders
-- For each of these numbers, who of the staff was texted there about a task in the last 30 days, the last first; and
-- whether it has opted out. Reading changes nothing.
SELECT wanted.digest,
       ARRAY(
           SELECT n.person_id FROM orchestration.task_number n
           WHERE n.digest = wanted.digest AND n.texted_at > orchestration.clock() - interval '30 days'
           GROUP BY n.person_id
           ORDER BY max(n.texted_at) DESC
       ) AS person_ids,
       EXISTS (SELECT FROM orchestration.opt_out o WHERE o.digest = wanted.digest) AS has_opted_out
FROM (SELECT DISTINCT digest FROM unnest(CAST(:digests AS text[])) AS given (digest)) AS wanted;

-- name: obey_stop
-- A number opts out, unless a later START was read before. Twice: the message stands there already.
WITH new AS (
    INSERT INTO orchestration.inbound (sid, channel, digest, received_at, understood, run_id)
    VALUES (:sid, :channel, :digest, :received_at, 'STOP', :run_id)
    ON CONFLICT (sid) DO NOTHING
    RETURNING digest
)
INSERT INTO orchestration.opt_out (digest)
SELECT digest FROM new
WHERE NOT EXISTS (
    SELECT FROM orchestration.inbound later
    WHERE later.digest = :digest AND later.received_at > :received_at AND later.understood IN ('STOP', 'START')
)
ON CONFLICT (digest) DO NOTHING;

-- name: obey_start
-- A number opts in again, unless a later STOP was read before. Twice: the message stands there already.
WITH new AS (
    INSERT INTO orchestration.inbound (sid, channel, digest, received_at, understood, run_id)
    VALUES (:sid, :channel, :digest, :received_at, 'START', :run_id)
    ON CONFLICT (sid) DO NOTHING
    RETURNING digest
)
DELETE FROM orchestration.opt_out o USING new
WHERE o.digest = new.digest
  AND NOT EXISTS (
      SELECT FROM orchestration.inbound later
      WHERE later.digest = :digest AND later.received_at > :received_at AND later.understood IN ('STOP', 'START')
  );

-- name: note_others
-- Messages that ask for nothing that we do. Twice: they stand there already.
INSERT INTO orchestration.inbound (sid, channel, digest, received_at, understood, run_id)
SELECT read.sid, :channel, read.digest, read.received_at, :understood, :run_id
FROM unnest(CAST(:sids AS text[]), CAST(:digests AS text[]), CAST(:times AS timestamptz[]))
    AS read (sid, digest, received_at)
ORDER BY read.sid
ON CONFLICT (sid) DO NOTHING;

-- name: help
-- Somebody of ours wants to know how to answer, or has sent something that is no command. The answer goes out once an
-- hour. Twice: the message stands there already.
WITH new AS (
    INSERT INTO orchestration.inbound (sid, channel, digest, received_at, understood, is_helped, run_id)
    SELECT :sid, :channel, :digest, :received_at, :understood,
           NOT EXISTS (
               SELECT FROM orchestration.inbound before
               WHERE before.digest = :digest AND before.is_helped
                 AND before.read_at > orchestration.clock() - interval '1 hour'
           ),
           :run_id
    ON CONFLICT (sid) DO NOTHING
    RETURNING sid, is_helped
)
INSERT INTO orchestration.notification
    (kind, channel, audience, business_key, occasion, recipient_id, urgency, owed_since, reply_to, state, claim_id,
     claimed_at, lease_until, run_id)
SELECT :kind, :channel, 'WRITER', 'reply:' || new.sid, 'reply:' || new.sid, :person_id, orchestration.urgency('HIGH'),
       orchestration.clock(), new.sid, 'QUEUED', CAST(:claim_id AS uuid), orchestration.clock(),
       orchestration.clock() + make_interval(secs => :lease), :run_id
FROM new
WHERE new.is_helped;

-- name: obey
-- Commands of one message: each is recorded with what became of it, and as an order of that person; what the
-- application takes is written there; whoever answers has been reached; and one message answers them all. All of it is
-- one statement. Twice, or two at once: the message stands there already, and nothing is done.
WITH new AS MATERIALIZED (
    INSERT INTO orchestration.inbound (sid, channel, digest, received_at, understood, run_id)
    VALUES (:sid, :channel, :digest, :received_at, 'COMMANDS', :run_id)
    ON CONFLICT (sid) DO NOTHING
    RETURNING sid
),
command AS MATERIALIZED (
    SELECT c.*
    FROM unnest(CAST(:places AS int[]), CAST(:verbs AS text[]), CAST(:numbers AS smallint[]), CAST(:of_tasks AS text[]),
                CAST(:writers AS text[]), CAST(:message_ids AS uuid[]), CAST(:outcomes AS text[]),
                CAST(:are_written AS boolean[]))
        AS c (place, verb, number, task_id, person_id, message_id, outcome, is_written)
    CROSS JOIN new
),
written AS MATERIALIZED (
    SELECT command.*,
           CASE WHEN is_written THEN CASE verb WHEN 'ACCEPT' THEN orchestration.accept_task(task_id, person_id)
                                               WHEN 'RESOLVE' THEN orchestration.resolve_task(task_id, person_id) END
           END AS has_taken
    FROM command
),
done AS (
    INSERT INTO orchestration.answer (sid, verb, number, task_id, person_id, notification_id, outcome)
    SELECT new.sid, w.verb, w.number, w.task_id, w.person_id, w.message_id,
           CASE WHEN w.has_taken IS FALSE THEN 'NOT_WRITTEN' ELSE w.outcome END
    FROM written w CROSS JOIN new
    ORDER BY w.place
    RETURNING id, verb, number, task_id, person_id, notification_id, outcome
),
ordered AS (
    INSERT INTO orchestration.operator_action (who, verb, notification_id, why)
    SELECT done.person_id,
           -- Who was sent a link has done nothing yet.
           CASE done.outcome WHEN 'LINK' THEN 'ask to ' ELSE '' END
               || CASE done.verb WHEN 'ACCEPT' THEN 'accept' WHEN 'RESOLVE' THEN 'resolve' ELSE 'hand over' END,
           done.notification_id, 'by the text ' || new.sid
    FROM done CROSS JOIN new
    WHERE done.outcome IN ('DONE', 'LINK', 'NOT_WRITTEN') AND done.notification_id IS NOT NULL
),
reached AS (
    UPDATE orchestration.notification n
    SET state = 'DELIVERED', receipt_at = NULL, (reason, cause) = ('answered', 'ANSWERED'),
        log_owes = CASE WHEN n.logged_at IS NOT NULL AND orchestration.log_takes_receipts() THEN 'receipt'
                        ELSE n.log_owes END
    FROM (SELECT DISTINCT notification_id FROM done) AS answered
    WHERE n.id = answered.notification_id AND n.state = 'SENT'
),
reply AS (
    INSERT INTO orchestration.notification
        (kind, channel, audience, business_key, occasion, task_id, episode_id, recipient_id, severity, urgency,
         owed_since, reply_to, state, claim_id, claimed_at, lease_until, run_id)
    SELECT :kind, :channel, 'WRITER', 'reply:' || new.sid, 'reply:' || new.sid, texted.task_id, texted.episode_id,
           :person_id, texted.severity, coalesce(texted.urgency, orchestration.urgency('HIGH')), orchestration.clock(),
           new.sid, 'QUEUED', CAST(:claim_id AS uuid), orchestration.clock(),
           orchestration.clock() + make_interval(secs => :lease), :run_id
    FROM new
    LEFT JOIN (
        SELECT n.task_id, n.episode_id, n.severity, n.urgency
        FROM orchestration.notification n
        JOIN command c ON c.message_id = n.id
        ORDER BY c.place
        LIMIT 1
    ) AS texted ON true
)
SELECT verb, number, task_id, outcome FROM done ORDER BY id;

-- name: answers
-- What these messages answer: the commands, in their order; none where help was wanted. Reading changes nothing.
SELECT n.id::text AS message_id, a.verb, a.number, a.task_id, a.outcome
FROM orchestration.notification n
JOIN orchestration.answer a ON a.sid = n.reply_to
WHERE n.id = ANY (CAST(:ids AS uuid[]))
ORDER BY a.id;

-- name: acceptances
-- When these tasks were last accepted by text, and by whom. Reading changes nothing.
SELECT DISTINCT ON (task_id) task_id, person_id, at
FROM orchestration.answer
WHERE task_id = ANY (CAST(:task_ids AS text[])) AND verb = 'ACCEPT' AND outcome IN ('DONE', 'NOT_WRITTEN')
ORDER BY task_id, id DESC;
