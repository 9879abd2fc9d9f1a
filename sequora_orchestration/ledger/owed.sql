-- Who is owed a message and has no row yet, as `views.sql` says it.

-- name: note_terms
-- The settings by which the sensors of this process ask, for the view `orchestration.owed`. Twice: nothing is left to
-- change; of two processes with different settings the last one is told.
UPDATE orchestration.terms_in_force
SET go_live_at = :go_live_at, check_in_delay = :check_in_delay, sla_warning_window = :sla_warning_window,
    escalation_delay = :escalation_delay, unassigned_grace = :unassigned_grace, receipt_window = :receipt_window
WHERE (go_live_at, check_in_delay, sla_warning_window, escalation_delay, unassigned_grace, receipt_window)
      IS DISTINCT FROM (CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval),
                        CAST(:sla_warning_window AS interval), CAST(:escalation_delay AS interval),
                        CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval));
