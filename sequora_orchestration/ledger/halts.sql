-- The breaker, the sender's rate, and operators' pauses: each keeps texts from going out for a while.

-- name: note_answer
-- The phone company answers, if only to refuse a text for good. If the breaker opened because the phone company could
-- not be reached, it closes. If it opened because all texts were refused, it stays open: a wrong number may be refused
-- for good meanwhile. Twice: nothing is left to change.
UPDATE orchestration.provider
SET troubles = CASE WHEN refuses THEN troubles ELSE 0 END, trial_until = NULL,
    closed_at = CASE WHEN is_open AND NOT refuses THEN orchestration.clock() ELSE closed_at END,
    resume_at = CASE WHEN refuses OR (NOT is_open AND resume_at > orchestration.clock()) THEN resume_at END
WHERE channel = :channel AND (troubles > 0 OR is_open);

-- name: note_trouble
-- The phone company did not take a text, through no fault of the text as far as is known. `troubles` counts such calls
-- in a row; at :limit of them, or with :at_once, the breaker opens. A trial is due after as long as it has been open,
-- between :pause and four times that; never before the phone company wants to be asked again (:retry_after). Twice:
-- counted twice, which only opens the breaker sooner.
WITH trouble AS MATERIALIZED (
    SELECT is_open AS was_open,
           CASE WHEN is_open THEN opened_at
                WHEN CAST(:at_once AS boolean) OR troubles + 1 >= :limit THEN orchestration.clock() END AS open_since
    FROM orchestration.provider
    WHERE channel = :channel
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
WHERE channel = :channel
RETURNING open_since IS NOT NULL AS is_open,
          open_since IS NOT NULL AND NOT was_open AS has_just_opened;

-- name: next_slot
-- The sender's rate, shared by all processes: how many seconds are left until a message may be sent that takes up
-- :seconds of it. Twice: a slot is left unused.
UPDATE orchestration.provider
SET next_slot = greatest(next_slot, orchestration.clock()) + make_interval(secs => :seconds)
WHERE channel = :channel
RETURNING extract(epoch FROM next_slot - orchestration.clock())::float - :seconds AS wait;

-- name: providers
-- Whether the phone company takes each channel's messages, and whether its list can be read. Reading changes nothing.
SELECT channel, is_open, opened_at, closed_at, reason, code,
       CASE WHEN resume_at > orchestration.clock() THEN resume_at END AS resume_at,
       coalesce(resume_at, opened_at) < orchestration.clock() - interval '10 minutes' AS has_no_trials,
       unreadable_since, unreadable_reason, unreadable_status, unreadable_code
FROM orchestration.provider
ORDER BY channel;

-- name: note_unreadable
-- The phone company's list, or a receipt, could not be read. Twice, or two at once: the first moment stands, and the
-- same answer again writes nothing.
UPDATE orchestration.provider
SET unreadable_since = coalesce(unreadable_since, orchestration.clock()), unreadable_reason = :reason,
    unreadable_status = :http_status, unreadable_code = :code
WHERE channel = :channel
  AND (
      unreadable_since IS NULL
      OR (unreadable_reason, unreadable_status, unreadable_code)
         IS DISTINCT FROM (CAST(:reason AS text), CAST(:http_status AS smallint), CAST(:code AS int))
  );

-- name: note_readable
-- The phone company's list, or a receipt, could be read. Twice: nothing is left to change.
UPDATE orchestration.provider
SET unreadable_since = NULL, unreadable_reason = NULL, unreadable_status = NULL, unreadable_code = NULL
WHERE channel = :channel AND unreadable_since IS NOT NULL;

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
-- Ends the pause of a kind. For `all` it ends every pause, and each channel that leaves the phone company alone for a
-- while tries it at once. Twice: there is no pause any more.
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
FROM (SELECT kind FROM resumed UNION ALL SELECT DISTINCT kind FROM tried_now) AS each
RETURNING kind;
