-- Attempts that were given up as not accepted, and are looked for once more.

-- name: lost_attempts
-- Of these (or all) messages, the attempts that were given up and are looked for once more. Reading changes nothing.
SELECT l.id::text, n.id::text AS message_id, n.kind, n.channel, n.task_id, n.episode_id, n.recipient_id, l.fingerprints,
       l.began_at AS since
FROM orchestration.lost_attempt l
JOIN orchestration.notification n ON n.id = l.notification_id AND n.kind = ANY (CAST(:kinds AS text[]))
WHERE l.look_at IS NOT NULL
  AND (l.notification_id = ANY (CAST(:ids AS uuid[])) OR cardinality(CAST(:ids AS uuid[])) = 0)
ORDER BY l.began_at, l.id
LIMIT :most;

-- name: note_lost_looks
-- These attempts that were given up were looked for in a list that was read whole, and not found: they are once more
-- after 5 and after 30 minutes, and then no more. Twice: the same again.
UPDATE orchestration.lost_attempt
SET look_at = (
    SELECT min(given_up_at + after)
    FROM unnest(ARRAY[interval '1 minute', interval '5 minutes', interval '30 minutes']) AS after
    WHERE given_up_at + after > orchestration.clock()
)
WHERE id = ANY (CAST(:ids AS uuid[])) AND look_at IS NOT NULL;

-- name: adopt_given_up
-- A text that was given up was found before its message was sent again: it is not. Twice, or while a run begins to send
-- it: the second finds it no longer waiting. One text is one message's alone, as in `adopt`.
WITH adopted AS (
    UPDATE orchestration.notification n
    SET state = 'SENT', provider_sid = :provider_id, sent_at = l.began_at, adopted = true, provider_code = NULL,
        reason = 'given up, then found at the phone company before it was sent again', cause = 'FOUND',
        fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds',
        log_owes = CASE WHEN orchestration.log_takes(coalesce(audience, kind)) THEN 'row' END
    FROM orchestration.lost_attempt l
    WHERE l.id = CAST(:id AS uuid) AND n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED')
      AND l.look_at IS NOT NULL AND orchestration.is_nobodys(:provider_id, CAST(:fingerprints AS text[]))
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
SET found_sid = :provider_id, found_at = orchestration.clock(), texted_at = CAST(:texted_at AS timestamptz),
    look_at = NULL
WHERE l.id = CAST(:id AS uuid) AND l.look_at IS NOT NULL
  AND orchestration.is_nobodys(:provider_id, CAST(:fingerprints AS text[]))
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT')
  )
  AND NOT EXISTS (
      SELECT FROM orchestration.notification o
      WHERE o.state = 'IN_DOUBT' AND o.fingerprints && CAST(:fingerprints AS text[])
  );
