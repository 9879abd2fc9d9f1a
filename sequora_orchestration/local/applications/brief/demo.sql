-- The demo's statements on these tables. Its people are invented, with numbers reserved for fiction. Each statement
-- uses those of the demo's values that it needs.

-- name: put_patients
-- Run twice, it changes only the zone, which differs from hour to hour.
INSERT INTO public."Patient" (id, first_name, last_name, primary_phone, language_code, timezone) VALUES
    (:english, 'Emma', 'Doyle', '+12025550161', 'EN', :zone),
    (:spanish, 'Marisol', 'Vega', '+12025550162', 'ES', :zone)
ON CONFLICT (id) DO UPDATE SET timezone = excluded.timezone;

-- name: put_unreached_nurses
-- One without a usable number, and one with a landline: the phone company takes no texts to it, and puts calls through.
-- Run twice, it changes nothing.
INSERT INTO public."User" (id, first_name, last_name, primary_phone, role, active) VALUES
    (:nurse, 'Nils', 'Ward', '555-CALL-ME', 'NURSE', true),
    (:on_landline, 'Lena', 'Lund', '+15005550009', 'NURSE', true)
ON CONFLICT (id) DO NOTHING;

-- name: put_episode
-- An old episode, so that it gets no check-in. Run twice, it changes nothing.
INSERT INTO public."Episode" (id, patient_id, condition_code, risk_level, discharge_at, created_at)
VALUES (:episode, :patient, 'CHF', 'HIGH', now() - interval '60 days', now() - interval '60 days')
ON CONFLICT (id) DO NOTHING;

-- name: insert_task
-- Each run makes another task, whose SLA is in so many seconds.
INSERT INTO public."EscalationTask" (episode_id, severity, priority, reason_codes, assigned_to_user_id, sla_due_at)
VALUES (:episode, :severity, 'URGENT', CAST(:reasons AS text[]), :nurse, now() + make_interval(secs => :sla))
RETURNING id::text;

-- name: insert_episode
-- Each run makes another episode, of a patient who has just been discharged.
INSERT INTO public."Episode" (patient_id, condition_code, risk_level, discharge_at)
VALUES (:patient, 'CHF', 'HIGH', now())
RETURNING id::text;

-- name: resolve_task
-- Run twice, it only moves the time.
UPDATE public."EscalationTask" SET status = 'RESOLVED', resolved_at = now(), updated_at = now()
WHERE id = :task;

-- name: resolve_tasks_of_episode
-- Run twice, it finds nothing.
UPDATE public."EscalationTask" SET status = 'RESOLVED', resolved_at = now(), updated_at = now()
WHERE episode_id = :episode AND status IN ('OPEN', 'IN_PROGRESS');
