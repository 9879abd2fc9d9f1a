-- One call to the phone company: begun, and settled by its answer. Three columns count calls that were not taken:
-- `notification.refusals`: how often this text was put back, perhaps through no fault of its own. The breaker's trial
--     is the text with the fewest.
-- `notification.not_taken_alone`: how often it was refused although others went out since it was last not taken. At
--     three the text is at fault.
-- `provider.troubles`: how many calls in a row it did not take, of any text of the channel. At five the breaker opens.

-- name: begin_attempt
-- Committed before the phone company is called, and only if the text's kind is not paused, the number has not opted out
-- and the channel's breaker is closed; while it is open, one trial at a time may go out when it is due. Twice, or two
-- at once: only the first finds the row QUEUED under its claim, and only one finds no trial under way.
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
    WHERE channel = :channel AND is_open
      AND (coalesce(resume_at <= orchestration.clock(), true) OR refused_recipient_id <> :recipient_id)
      AND coalesce(trial_until <= orchestration.clock(), true) AND EXISTS (SELECT FROM ours)
    RETURNING channel
),
begun AS (
    UPDATE orchestration.notification n
    SET state = 'SENDING', attempts = attempts + 1, attempted_at = orchestration.clock(), run_id = :run_id,
        recipient_id = :recipient_id,  -- an episode's patient may have been corrected
        reason = NULL, cause = NULL, lease_until = orchestration.clock() + make_interval(secs => :lease),
        fingerprints = ARRAY(SELECT unnest(fingerprints) EXCEPT SELECT unnest(CAST(:fingerprints AS text[])))
                       || CAST(:fingerprints AS text[])
    FROM ours, orchestration.provider p
    WHERE n.id = ours.id AND n.claim_id = CAST(:claim_id AS uuid) AND n.state = 'QUEUED' AND p.channel = :channel
      AND (
          EXISTS (SELECT FROM trial)
          OR (NOT p.is_open AND coalesce(p.resume_at <= orchestration.clock(), true))
      )
    RETURNING attempts
)
SELECT (SELECT attempts FROM begun) AS attempt,
       orchestration.log_takes_content() AS is_content_logged,
       EXISTS (SELECT FROM opt_out) AS opted_out,
       coalesce(
           (SELECT 'paused by an operator' FROM pause),
           (SELECT 'the phone company takes no texts: ' || coalesce(reason, 'it wants a pause')
            FROM orchestration.provider
            WHERE channel = :channel AND (is_open OR resume_at > orchestration.clock()))
       ) AS halted;

-- name: settle_sent
-- The text was accepted: the ledger and the application's log (if it is about such texts) record it together, and the
-- breaker closes. The claim and the attempt's number say which attempt is settled, here and below; it may be IN_DOUBT,
-- for an answer may come after its attempt was taken for abandoned. Twice: the second finds this attempt settled, and
-- logs nothing.
WITH sent AS (
    UPDATE orchestration.notification AS n
    SET state = 'SENT', provider_sid = :provider_id, sent_at = orchestration.clock(), reason = NULL, cause = NULL,
        provider_code = NULL, fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds',
        logged_at = CASE WHEN orchestration.is_logged(n) THEN orchestration.clock() END
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
    RETURNING n
),
answered AS (
    UPDATE orchestration.provider
    SET troubles = 0, refuses = false, refused_recipient_id = NULL, trial_until = NULL,
        closed_at = CASE WHEN is_open THEN orchestration.clock() ELSE closed_at END,
        resume_at = CASE WHEN NOT is_open AND resume_at > orchestration.clock() THEN resume_at END
    WHERE channel = :channel AND (troubles > 0 OR is_open)
)
SELECT orchestration.log_notification(sent.n, convert_from(decode(:content, 'hex'), 'UTF8'), true)
FROM sent
WHERE (sent.n).logged_at IS NOT NULL;

-- name: settle_sent_unlogged
-- The same without the application's log, which refuses its row: that the text went out is recorded all the same.
WITH sent AS (
    UPDATE orchestration.notification AS n
    SET state = 'SENT', provider_sid = :provider_id, sent_at = orchestration.clock(), reason = NULL, cause = NULL,
        provider_code = NULL, fingerprints = '{}', receipt_at = orchestration.clock() + interval '15 seconds',
        log_owes = CASE WHEN orchestration.is_logged(n) THEN 'row' END
    WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
      AND state IN ('SENDING', 'IN_DOUBT')
),
answered AS (
    UPDATE orchestration.provider
    SET troubles = 0, refuses = false, refused_recipient_id = NULL, trial_until = NULL,
        closed_at = CASE WHEN is_open THEN orchestration.clock() ELSE closed_at END,
        resume_at = CASE WHEN NOT is_open AND resume_at > orchestration.clock() THEN resume_at END
    WHERE channel = :channel AND (troubles > 0 OR is_open)
)
SELECT 1;

-- name: settle_refused
-- Certainly not sent, and not tried again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'FAILED', reason = :reason, cause = 'REFUSED', provider_code = :code, fingerprints = '{}'
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: settle_unclear
-- Nobody knows whether the text was sent: it is looked for from now on. Twice: the second finds this attempt settled.
UPDATE orchestration.notification
SET state = 'IN_DOUBT', reason = :reason, cause = 'NO_CLEAR_ANSWER', provider_code = :code, looks = 0,
    doubtful_since = coalesce(doubtful_since, attempted_at), doubted_at = orchestration.clock(),
    doubt_ends_at = orchestration.clock() + orchestration.doubt_window(
        urgency, kind = ANY (CAST(:held_kinds AS text[])), :window, :window_critical, :window_after_error_answer
    ),
    look_at = orchestration.clock() + CASE
        WHEN CAST(:window_after_error_answer AS float) IS NOT NULL THEN interval '0'
        WHEN kind = ANY (CAST(:held_kinds AS text[])) THEN least(make_interval(secs => :window), interval '2 seconds')
        WHEN urgency = 0 THEN least(make_interval(secs => least(:window, :window_critical)), interval '2 seconds')
        ELSE least(make_interval(secs => :window), interval '2 seconds')
    END
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state = 'SENDING';

-- name: try_again
-- Certainly not sent, and this claim tries again. Twice: the second finds this attempt settled.
UPDATE orchestration.notification n
SET state = CASE WHEN ended_by IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END, reason = :reason,
    cause = CASE WHEN ended_by IS NULL THEN 'NOT_TAKEN' ELSE 'CANCELLED_BY_OPERATOR' END, provider_code = :code,
    runs = 0,
    fingerprints = CASE WHEN doubtful_since IS NULL THEN '{}' ELSE fingerprints END,
    not_taken_at = orchestration.clock(),
    not_taken_alone = least(
        n.not_taken_alone
        + CAST(CAST(:is_refused AS boolean) AND (
            SELECT max(o.sent_at) FROM orchestration.notification o
            WHERE o.channel = n.channel AND o.sent_at >= n.not_taken_at
        ) IS NOT NULL AS int),
        1000
    ),
    lease_until = orchestration.clock() + make_interval(secs => :lease)
WHERE id = CAST(:id AS uuid) AND claim_id = CAST(:claim_id AS uuid) AND attempts = :attempt
  AND state IN ('SENDING', 'IN_DOUBT');

-- name: put_back
-- Certainly not sent, and perhaps through no fault of the text: the attempt does not count, and any claim may have the
-- row after the pause. But if the text was refused four times, and others of its channel went out each time in between,
-- the text is at fault and has failed. Twice: the second finds this attempt settled.
WITH put_back AS (
    UPDATE orchestration.notification n
    SET state = CASE WHEN judged.alone >= 3 THEN 'FAILED' WHEN ended_by IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END,
        attempts = attempts - 1, refusals = least(refusals, 1000) + 1, provider_code = :code,
        not_taken_at = orchestration.clock(), not_taken_alone = judged.alone,
        reason = :reason || CASE WHEN judged.alone >= 3 THEN '; others went out meanwhile' ELSE '' END,
        cause = CASE WHEN judged.alone >= 3 THEN 'REFUSED'
                     WHEN ended_by IS NULL THEN 'NOT_TAKEN' ELSE 'CANCELLED_BY_OPERATOR' END,
        claim_id = CASE WHEN judged.alone >= 3 THEN claim_id END, runs = 0,
        fingerprints = CASE WHEN doubtful_since IS NULL THEN '{}' ELSE fingerprints END,
        lease_until = orchestration.clock() + make_interval(secs => :pause)
    FROM (
        SELECT id, others_went_out,
               least(not_taken_alone + CAST(CAST(:is_refused AS boolean) AND others_went_out AS int), 1000) AS alone
        FROM (
            SELECT n.id, n.not_taken_alone,
                   (
                       SELECT max(o.sent_at) FROM orchestration.notification o
                       WHERE o.channel = n.channel AND o.sent_at >= n.not_taken_at
                   ) IS NOT NULL AS others_went_out
            FROM orchestration.notification n
            WHERE n.id = CAST(:id AS uuid) AND n.claim_id = CAST(:claim_id AS uuid) AND n.attempts = :attempt
              AND n.state IN ('SENDING', 'IN_DOUBT')
        ) AS attempt
    ) AS judged
    WHERE n.id = judged.id AND n.claim_id = CAST(:claim_id AS uuid) AND n.attempts = :attempt
      AND n.state IN ('SENDING', 'IN_DOUBT')
    RETURNING n.state = 'FAILED' AS has_failed, judged.others_went_out
),
-- If it was a trial, the next one may go.
over AS (
    UPDATE orchestration.provider SET trial_until = NULL
    WHERE channel = :channel AND trial_until IS NOT NULL AND EXISTS (SELECT FROM put_back)
)
SELECT has_failed, others_went_out FROM put_back;
