-- The demo's statements on these tables. Its people are invented, with numbers reserved for fiction. Each statement
-- uses those of the demo's values that it needs.

-- name: put_patients
-- Patients who may be texted. Run twice, it changes only the zone of their plans, which differs from hour to hour.
WITH patient AS (
    INSERT INTO public."Patient" (id, first_name, last_name, primary_phone, language_code) VALUES
        (:english, 'Emma', 'Doyle', '+12025550161', 'EN'),
        (:spanish, 'Marisol', 'Vega', '+12025550162', 'ES')
    ON CONFLICT (id) DO NOTHING
), plan AS (
    UPDATE public."OutreachPlan" SET timezone = :zone
    WHERE episode_id IN (SELECT id FROM public."Episode" WHERE patient_id IN (:english, :spanish))
)
INSERT INTO public."SMSConsent" (phone_number, consent_given, active) VALUES
    ('+12025550161', true, true),
    ('+12025550162', true, true)
ON CONFLICT (phone_number) DO NOTHING;

-- name: put_unreached_nurses
-- One without a usable number, and one with a landline: the phone company takes no texts to it, and puts calls through.
-- Run twice, it changes nothing.
INSERT INTO public."User" (id, email, name, phone, role, active) VALUES
    (:nurse, 'nils.ward@example.com', 'Nils Ward', '555-CALL-ME', 'NURSE', true),
    (:on_landline, 'lena.lund@example.com', 'Lena Lund', '+15005550009', 'NURSE', true)
ON CONFLICT (id) DO NOTHING;

-- name: put_episode
-- An old episode, so that it gets no check-in. Run twice, it changes nothing.
INSERT INTO public."Episode" (id, patient_id, condition_code, risk_level, discharge_at, created_at)
VALUES (:episode, :patient, 'CHF', 'HIGH', now() - interval '60 days', now() - interval '60 days')
ON CONFLICT (id) DO NOTHING;

-- name: insert_task
-- Each run makes another task, whose SLA is in so many seconds.
INSERT INTO public."EscalationTask" (episode_id, severity, reason_codes, assigned_to_user_id, sla_due_at)
VALUES (:episode, :severity, CAST(:reasons AS text[]), :nurse, now() + make_interval(secs => :sla))
RETURNING id::text;

-- name: insert_episode
-- Each run makes another episode, of a patient who has just been discharged, with a plan that has the zone.
WITH episode AS (
    INSERT INTO public."Episode" (patient_id, condition_code, risk_level, discharge_at)
    VALUES (:patient, 'CHF', 'HIGH', now())
    RETURNING id
), plan AS (
    INSERT INTO public."OutreachPlan" (episode_id, status, window_start_at, window_end_at, timezone, max_attempts)
    SELECT id, 'PENDING', now(), now() + interval '2 days', :zone, 3 FROM episode
)
SELECT id::text FROM episode;

-- name: resolve_task
-- Run twice, it only moves the time.
UPDATE public."EscalationTask" SET status = 'RESOLVED', resolved_at = now()
WHERE id = :task;

-- name: resolve_tasks_of_episode
-- Run twice, it finds nothing.
UPDATE public."EscalationTask" SET status = 'RESOLVED', resolved_at = now()
WHERE episode_id = :episode AND status IN ('OPEN', 'IN_PROGRESS');
