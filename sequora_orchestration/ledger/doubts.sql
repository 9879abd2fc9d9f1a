-- Texts in doubt, that is, nobody knows whether they went out: looked for, and settled. A message whose kind is not
-- among :kinds was made by a newer version, whose workers look for it.

-- name: adopt
-- A text in doubt was found under this id of the phone company's; the application's log is brought up to date
-- afterwards. Twice: the second finds it settled. A text belongs to one message alone: an id that another message has,
-- or may be about to get, is not taken; of two that adopt it at once the second breaks the unique index.
UPDATE orchestration.notification n
SET state = 'SENT', provider_sid = :provider_id, sent_at = n.attempted_at, adopted = true, provider_code = NULL,
    reason = 'in doubt, then found at the phone company', cause = 'FOUND', fingerprints = '{}',
    receipt_at = orchestration.clock() + interval '15 seconds',
    log_owes = CASE WHEN orchestration.is_logged(n) THEN 'row' END
WHERE n.id = CAST(:id AS uuid) AND n.attempts = :attempt AND n.attempted_at = :attempted_at AND n.state = 'IN_DOUBT'
  AND orchestration.is_nobodys(:provider_id, CAST(:fingerprints AS text[]));

-- name: doubt_abandoned_attempts
-- A process died between its call and its record: nobody knows whether the text went out. Its call has ended, too: no
-- call lasts as long as the lease. Twice, or two at once: the second finds the rows in IN_DOUBT, or skips those that
-- the first has locked.
UPDATE orchestration.notification
SET state = 'IN_DOUBT', looks = 0, doubtful_since = coalesce(doubtful_since, attempted_at), doubted_at = attempted_at,
    doubt_ends_at = attempted_at + orchestration.doubt_window(
        urgency, kind = ANY (CAST(:held_kinds AS text[])), :window, :window_critical, :window_after_error_answer
    ),
    look_at = orchestration.clock(),
    reason = 'the process that was sending it ended before it recorded the answer', cause = 'PROCESS_ENDED'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENDING' AND lease_until <= orchestration.clock()
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: set_poison_aside
-- Fails each message that :limit runs in a row had taken up and died of: it may be what kills them. Twice, or two at
-- once: the second finds it FAILED, or skips it.
UPDATE orchestration.notification
SET state = 'FAILED', reason = 'set aside: ' || runs || ' runs in a row died before they were through with it',
    cause = 'SET_ASIDE'
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'QUEUED' AND lease_until <= orchestration.clock() AND runs >= :limit
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: due_look_ups
-- Messages in doubt whose look is due: 2, 5, 10, 20 and 40 seconds after the doubt began, then every minute, and when
-- the doubt ends. After that, and where nobody has looked (no worker is there, or the list cannot be read), after 5,
-- 10, 20, 40 and then every 60 seconds; or a tenth of the time that the message has been in doubt, if that is longer.
-- Also messages that were given up and whose next look is due; if that run is lost, again a minute later, for a day.
-- Twice, or two at once: the second finds nothing due, or skips rows that the first has locked.
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
          AND kind = ANY (CAST(:kinds AS text[]))
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
        SELECT l.id FROM orchestration.lost_attempt l
        JOIN orchestration.notification n ON n.id = l.notification_id AND n.kind = ANY (CAST(:kinds AS text[]))
        WHERE l.look_at <= orchestration.clock()
        ORDER BY l.look_at
        LIMIT :most
        FOR NO KEY UPDATE OF l SKIP LOCKED
    )
    RETURNING notification_id
)
SELECT id::text FROM doubtful
UNION
SELECT notification_id::text FROM lost;

-- name: in_doubt
-- Those of these messages, or of all, that are in doubt. Reading changes nothing.
SELECT id::text, kind, channel, task_id, episode_id, recipient_id, attempts, attempted_at, fingerprints, looks,
       (
           SELECT count(*) FROM orchestration.lost_attempt l
           WHERE l.notification_id = notification.id AND NOT l.is_providers
       ) AS given_up,
       coalesce(doubtful_since, attempted_at) AS since,
       -- A worker of an older version does not write when the doubt ends; the column may still be an earlier doubt's.
       CASE WHEN doubt_ends_at >= doubted_at THEN doubt_ends_at
            ELSE greatest(doubted_at, attempted_at) + orchestration.doubt_window(
                urgency, kind = ANY (CAST(:held_kinds AS text[])), :window, :window_critical, :window_after_error_answer
            ) END <= orchestration.clock() AS is_window_over,
       (
           SELECT NOT p.is_open
                  AND greatest(doubted_at, attempted_at, p.closed_at) + interval '1 hour' <= orchestration.clock()
           FROM orchestration.provider p
           WHERE p.channel = notification.channel
       ) AS is_hopeless,
       ended_by IS NOT NULL AS is_cancelled,
       EXISTS (
           SELECT FROM orchestration.provider p
           WHERE p.channel = notification.channel
             AND p.opened_at <= greatest(doubted_at, attempted_at) + interval '1 minute'
             AND coalesce(p.closed_at >= attempted_at, true)
       ) AS is_providers
FROM orchestration.notification
WHERE state = 'IN_DOUBT' AND kind = ANY (CAST(:kinds AS text[]))
  AND (id = ANY (CAST(:ids AS uuid[])) OR cardinality(CAST(:ids AS uuid[])) = 0)
ORDER BY urgency, doubtful_since, id
LIMIT :most;

-- name: note_looks
-- These were looked for in a list that was read whole, and were not found. Twice: the look is counted twice.
UPDATE orchestration.notification SET looks = least(looks, 1000) + 1
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'IN_DOUBT';

-- name: look_later
-- The list in which these are looked for could not be read: until the doubt ends the next look keeps its time, and then
-- it is a minute later. Twice: a little later still.
UPDATE orchestration.notification
SET look_at = CASE WHEN doubt_ends_at > orchestration.clock() THEN least(look_at, doubt_ends_at)
                   ELSE orchestration.clock() + interval '1 minute' END
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'IN_DOUBT';

-- name: known_provider_ids
-- Those of these ids of the phone company's that belong to messages, and the time by which each had certainly been
-- accepted, where that is known. Reading changes nothing.
SELECT provider_sid AS provider_id, CASE WHEN NOT adopted THEN sent_at END AS sent_at
FROM orchestration.notification
WHERE provider_sid = ANY (CAST(:provider_ids AS text[]))
UNION ALL
SELECT found_sid, found_at FROM orchestration.lost_attempt WHERE found_sid = ANY (CAST(:provider_ids AS text[]));

-- name: rivals
-- The fingerprints of all messages of a channel but these (:ids) that may have sent a text in the phone company's list
-- which no message has adopted yet. Reading changes nothing.
SELECT fingerprints
FROM orchestration.notification
WHERE kind = ANY (CAST(:kinds AS text[])) AND state IN ('SENDING', 'IN_DOUBT', 'HELD')
  AND channel = :channel AND id <> ALL (CAST(:ids AS uuid[]))
UNION ALL
SELECT l.fingerprints
FROM orchestration.lost_attempt l
JOIN orchestration.notification n ON n.id = l.notification_id
WHERE l.look_at IS NOT NULL AND n.channel = :channel AND l.notification_id <> ALL (CAST(:ids AS uuid[]));

-- name: settle_doubt
-- A text was not found at the phone company: its message is sent again by any claim, held, or given up. An attempt that
-- failed together with all others (:is_providers) does not count. An attempt that is given up for another is looked for
-- again after a minute, and later. A message that ends here keeps its fingerprints: its text may yet show up when the
-- day is reconciled. A message that an operator cancelled since the look is not sent again. Twice: the
-- second finds it settled.
WITH settled AS (
    UPDATE orchestration.notification
    SET state = CASE WHEN ended_by IS NOT NULL AND :state IN ('QUEUED', 'HELD') THEN 'CANCELLED' ELSE :state END,
        reason = :reason,
        cause = CASE WHEN ended_by IS NOT NULL AND :state IN ('QUEUED', 'HELD') THEN 'CANCELLED_BY_OPERATOR'
                     ELSE :cause END,
        claim_id = NULL, claims = 0, runs = 0, lease_until = orchestration.clock(),
        attempts = attempts - CAST(CAST(:is_providers AS boolean) AND :state = 'QUEUED' AS int),
        refusals = least(refusals, 1000) + CAST(CAST(:is_providers AS boolean) AS int)
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
