-- Lost attempts: their texts counted as not accepted, and are still looked for.

-- name: sought
-- The attempts of these messages, or of all, that were given up and are still looked for. Reading changes nothing.
SELECT l.id::text, n.id::text AS message_id, n.kind, n.channel, n.task_id, n.episode_id, n.recipient_id, l.fingerprints,
       l.began_at AS since
FROM orchestration.lost_attempt l
JOIN orchestration.notification n ON n.id = l.notification_id AND n.kind = ANY (CAST(:kinds AS text[]))
WHERE l.look_at IS NOT NULL
  AND (l.notification_id = ANY (CAST(:ids AS uuid[])) OR cardinality(CAST(:ids AS uuid[])) = 0)
ORDER BY l.began_at, l.id
LIMIT :most;

-- name: note_lost_looks
-- These attempts were looked for in a list that was read whole, and were not found: they are looked for again after 5
-- and after 30 minutes, and then no more. Twice: the same again.
UPDATE orchestration.lost_attempt
SET look_at = (
    SELECT min(given_up_at + after)
    FROM unnest(ARRAY[interval '1 minute', interval '5 minutes', interval '30 minutes']) AS after
    WHERE given_up_at + after > orchestration.clock()
)
WHERE id = ANY (CAST(:ids AS uuid[])) AND look_at IS NOT NULL;

-- name: adopt_given_up
-- The text of a lost attempt was found before its message was sent again: the message is SENT, and not sent again.
-- Twice, or while a run begins to send it: the second finds it no longer waiting. A text belongs to one message alone,
-- as in `adopt`.
WITH adopted AS (
    UPDATE orchestration.notification n
    SET state = 'SENT', provider_sid = :provider_id, sent_at = l.began_at, adopted = true, provider_code = NULL,
        reason = 'given up, then found at the phone company before it was sent again', cause = 'FOUND',
        fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds',
        log_owes = CASE WHEN orchestration.is_logged(n) THEN 'row' END
    FROM orchestration.lost_attempt l
    WHERE l.id = CAST(:id AS uuid) AND n.id = l.notification_id AND n.state IN ('QUEUED', 'SCHEDULED')
      AND l.look_at IS NOT NULL AND orchestration.is_nobodys(:provider_id, CAST(:fingerprints AS text[]))
    RETURNING n.id
),
-- The attempt is not lost any more.
forgotten AS (
    DELETE FROM orchestration.lost_attempt WHERE id = CAST(:id AS uuid) AND EXISTS (SELECT FROM adopted)
)
SELECT id FROM adopted;

-- name: note_found_late
-- The text of a lost attempt was found after its message was sent again, or ended. Twice: the second finds it noted. A
-- text belongs to one message alone: nothing is noted while this message, or another with the same fingerprints, is on
-- its way or in doubt, for then the text may be of that attempt.
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
