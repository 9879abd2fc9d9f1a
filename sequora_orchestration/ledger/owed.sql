-- Who is owed a message and has no row yet, as `views.sql` says it.

-- name: note_terms
-- The settings by which the sensors of this process ask, for the view `orchestration.owed`. If nurses are called, the
-- phone company has a row for calls, too. Twice: nothing is left to change; of two processes with different settings the
-- last one's stand.
WITH for_calls AS (
    INSERT INTO orchestration.provider (channel)
    SELECT 'VOICE'
    WHERE CAST(:call_for AS smallint) IS NOT NULL
      AND NOT EXISTS (SELECT FROM orchestration.provider WHERE channel = 'VOICE')
    ON CONFLICT (channel) DO NOTHING
)
UPDATE orchestration.terms_in_force
SET go_live_at = :go_live_at, check_in_delay = :check_in_delay, sla_warning_window = :sla_warning_window,
    escalation_delay = :escalation_delay, unassigned_grace = :unassigned_grace, receipt_window = :receipt_window,
    call_for = :call_for,
    canary_since = CASE WHEN CAST(:has_canary AS boolean) THEN coalesce(canary_since, orchestration.clock()) END
WHERE (go_live_at, check_in_delay, sla_warning_window, escalation_delay, unassigned_grace, receipt_window, call_for,
       canary_since IS NOT NULL)
      IS DISTINCT FROM (CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval),
                        CAST(:sla_warning_window AS interval), CAST(:escalation_delay AS interval),
                        CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval),
                        CAST(:call_for AS smallint), CAST(:has_canary AS boolean));

-- name: to_come
-- The messages about these tasks and episodes that are owed and have no row yet, or will be owed if nothing happens:
-- since when, or from when on. Reading changes nothing.
SELECT q.kind, q.audience, q.task_id, q.episode_id, q.recipient_id, q.owed_since, q.sla_due_at,
       q.because_of::text
FROM orchestration.owed_by(
    CAST(
        ROW(
            CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval), CAST(:sla_warning_window AS interval),
            CAST(:escalation_delay AS interval), CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval),
            NULL, timestamptz 'infinity', CAST(:task_ids AS text[]) || CAST(:episode_ids AS text[])
        ) AS orchestration.terms
    )
) AS q
WHERE q.task_id = ANY (CAST(:task_ids AS text[]))
   OR (q.task_id IS NULL AND q.episode_id = ANY (CAST(:episode_ids AS text[])))
ORDER BY q.owed_since, q.kind;
