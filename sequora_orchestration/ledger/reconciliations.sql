-- Comparing a day with the phone company's list: what the ledger knows of that day, and what was found.

-- name: live_since
-- When this system went live. Reading changes nothing.
SELECT go_live_at FROM orchestration.go_live;

-- name: known_texts
-- The messages with these ids of the phone company's; of a text that was given up and then found, the message of its
-- attempt. Reading changes nothing.
SELECT n.provider_sid AS provider_id, n.id::text AS message_id, n.kind, n.state, n.sent_at,
       n.receipt_at IS NOT NULL AS awaits_receipt, false AS is_given_up
FROM orchestration.notification n
WHERE n.provider_sid = ANY (CAST(:provider_ids AS text[]))
UNION ALL
SELECT l.found_sid, n.id::text, n.kind, n.state, l.began_at, false, true
FROM orchestration.lost_attempt l
JOIN orchestration.notification n ON n.id = l.notification_id
WHERE l.found_sid = ANY (CAST(:provider_ids AS text[]));

-- name: makers
-- The messages of which an attempt may have made a text with one of these fingerprints: an attempt that is in doubt or
-- held, or was when its message ended, or that was given up for another. Of several messages one that was sent, too,
-- comes first. Reading changes nothing.
SELECT DISTINCT ON (made.fingerprint) made.fingerprint, n.id::text AS message_id, n.kind, n.state
FROM (
    SELECT unnest(n.fingerprints) AS fingerprint, n.id AS message_id
    FROM orchestration.notification n
    WHERE n.state IN ('IN_DOUBT', 'HELD')
    UNION ALL
    SELECT unnest(n.fingerprints), n.id
    FROM orchestration.notification_event e
    JOIN orchestration.notification n ON n.id = e.notification_id AND n.state IN ('FAILED', 'CANCELLED')
    WHERE e.from_state = 'IN_DOUBT' AND e.at BETWEEN CAST(:since AS timestamptz) AND CAST(:until AS timestamptz)
    UNION ALL
    SELECT unnest(l.fingerprints), l.notification_id
    FROM orchestration.lost_attempt l
    WHERE l.found_sid IS NULL AND l.began_at BETWEEN CAST(:since AS timestamptz) AND CAST(:until AS timestamptz)
) AS made
JOIN orchestration.notification n ON n.id = made.message_id AND n.channel = :channel
WHERE made.fingerprint = ANY (CAST(:fingerprints AS text[]))
ORDER BY made.fingerprint, n.state NOT IN ('SENT', 'DELIVERED', 'UNDELIVERED'), n.id;

-- name: sent_between
-- The texts that the phone company has accepted from :since on and before :until, :most of them after the message
-- (:after_at, :after_id). Reading changes nothing.
SELECT n.provider_sid AS provider_id, n.id::text AS message_id, n.kind, n.state, n.sent_at,
       n.receipt_at IS NOT NULL AS awaits_receipt, false AS is_given_up
FROM orchestration.notification n
WHERE n.sent_at >= CAST(:since AS timestamptz) AND n.sent_at < CAST(:until AS timestamptz)
  AND (n.sent_at, n.id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))
  AND n.state IN ('SENT', 'DELIVERED', 'UNDELIVERED') AND n.channel = :channel
  AND n.provider_sid IS NOT NULL AND n.named_by IS NULL
ORDER BY n.sent_at, n.id
LIMIT :most;

-- name: log_owes
-- Of how many of those texts the application's log lacks the row, and of how many the receipt. Reading changes nothing.
SELECT count(*) FILTER (WHERE log_owes = 'row') AS rows, count(*) FILTER (WHERE log_owes <> 'row') AS receipts
FROM orchestration.notification
WHERE sent_at >= CAST(:since AS timestamptz) AND sent_at < CAST(:until AS timestamptz)
  AND log_owes IS NOT NULL AND channel = :channel;

-- name: reported
-- Those of these texts that were reported, with the time. Reading changes nothing.
SELECT sid AS provider_id, reported_at FROM orchestration.orphan WHERE sid = ANY (CAST(:provider_ids AS text[]));

-- name: note
-- A day was reconciled, with these counts, and these texts were reported, for which no message was found. All of it or
-- nothing: a step that is tried again reports all of them anew. Twice: the last counts stay, and of each text the first
-- time.
WITH reported AS (
    INSERT INTO orchestration.orphan (sid, day, likeness)
    SELECT one.sid, CAST(:day AS date), one.likeness
    FROM unnest(CAST(:provider_ids AS text[]), CAST(:likenesses AS text[])) AS one (sid, likeness)
    ON CONFLICT (sid) DO NOTHING
)
INSERT INTO orchestration.reconciliation AS r
    (day, texts, doubled, like_ours, of_others, missing, differing, log_owes)
VALUES (CAST(:day AS date), :texts, :doubled, :like_ours, :of_others, :missing, :differing, :log_owes)
ON CONFLICT (day) DO UPDATE
SET at = orchestration.clock(), texts = excluded.texts, doubled = excluded.doubled, like_ours = excluded.like_ours,
    of_others = excluded.of_others, missing = excluded.missing, differing = excluded.differing,
    log_owes = excluded.log_owes;

-- name: last_reconciled
-- What was found of the newest day that was reconciled. Reading changes nothing.
SELECT day, at,
       CAST(extract(epoch FROM orchestration.clock() - CAST(day AS timestamp) AT TIME ZONE 'UTC') AS float) AS age,
       texts, doubled, like_ours, of_others, missing, differing, log_owes
FROM orchestration.reconciliation
ORDER BY day DESC
LIMIT 1;
