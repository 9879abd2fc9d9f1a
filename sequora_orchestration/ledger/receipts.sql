-- Receipts: whether texts that were sent have arrived. A message whose kind is not among :kinds was made by a newer
-- version, whose workers ask for its receipt.

-- name: due_receipts
-- Texts whose receipt is to be asked for now. The next time comes when as long again has passed as since the text was
-- sent, an hour at most (of a test text a minute, within its hour); after a day there is none. Twice, or two at once:
-- the second finds nothing due, or skips rows that the first has locked.
UPDATE orchestration.notification
SET receipt_at = CASE WHEN sent_at > orchestration.clock() - interval '1 day'
                      THEN orchestration.clock()
                           + least(
                               greatest(orchestration.clock() - sent_at, interval '15 seconds'),
                               -- That a test text has arrived must be known within ten minutes, or soon after.
                               CASE WHEN audience = 'OPERATOR' AND sent_at > orchestration.clock() - interval '1 hour'
                                    THEN interval '1 minute' ELSE interval '1 hour' END
                           )
                      END
WHERE id IN (
    SELECT id FROM orchestration.notification
    WHERE state = 'SENT' AND receipt_at <= orchestration.clock() AND kind = ANY (CAST(:kinds AS text[]))
    ORDER BY receipt_at
    LIMIT :most
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id::text;

-- name: without_receipt
-- Those of these messages that were sent and have no final receipt. Reading changes nothing.
SELECT id::text, kind, channel, task_id, state, provider_sid AS provider_id, sent_at
FROM orchestration.notification
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT' AND kind = ANY (CAST(:kinds AS text[]))
ORDER BY sent_at;

-- name: settle_delivered
-- Twice: the second finds them settled.
UPDATE orchestration.notification
SET state = 'DELIVERED', receipt_at = NULL,
    log_owes = CASE WHEN logged_at IS NOT NULL AND orchestration.log_takes_receipts() THEN 'receipt' ELSE log_owes END
WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'SENT';

-- name: settle_undelivered
-- The text did not arrive. If it is worth a second try, one is due after :again_after seconds, as a row of its own.
-- There is no third try, and no second where its recipient is texted anew anyhow. Twice: the second finds it settled.
WITH undelivered AS (
    UPDATE orchestration.notification
    SET state = 'UNDELIVERED', receipt_at = NULL, reason = :reason, cause = 'UNDELIVERED',
        provider_code = :code,
        log_owes = CASE WHEN logged_at IS NOT NULL AND orchestration.log_takes_receipts() THEN 'receipt'
                        ELSE log_owes END
    WHERE id = CAST(:id AS uuid) AND state = 'SENT'
    RETURNING *
),
again AS (
    INSERT INTO orchestration.notification
        (business_key, occasion, kind, channel, audience, task_id, episode_id, recipient_id, severity, urgency,
         owed_since, sla_due_at, due_at, because_of, turn, again_of, reply_to, state, reason, cause)
    SELECT business_key || ':again', occasion, kind, channel, orchestration.audience_of(audience, kind), task_id,
           episode_id, recipient_id, severity, urgency, orchestration.clock() + make_interval(secs => :again_after),
           sla_due_at, orchestration.clock() + make_interval(secs => :again_after), because_of, turn, id, reply_to,
           'SCHEDULED', 'tried once more: it was ' || reason, 'SECOND_TRY'
    FROM undelivered
    WHERE CAST(:again_after AS float) > 0 AND again_of IS NULL
      AND (over_at >= created_at) IS NOT TRUE
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
    RETURNING id
)
SELECT EXISTS (SELECT FROM again) AS is_tried_again FROM undelivered;

-- name: note_unknown
-- The phone company does not know these texts. Each time is a row of their history (a text that stays SENT has no other
-- rows there); after the :most-th their receipts are given up. A critical text's receipt is asked for once more when a
-- day is over, for the supervisors are told only while it is awaited. Twice: recorded twice, and given up sooner.
WITH unknown AS MATERIALIZED (
    SELECT id, attempts, claim_id, run_id, channel,
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
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason, cause)
    SELECT id, 'SENT', 'SENT', attempts, claim_id, run_id,
           CASE WHEN times >= :most THEN 'given up: ' ELSE '' END || 'the phone company does not know the '
               || CASE channel WHEN 'VOICE' THEN 'call' ELSE 'text' END,
           'NO_RECEIPT'
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
