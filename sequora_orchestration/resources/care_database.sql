-- The application's tables, read only. Enums are read as text, `reason_codes` as JSON, whatever their types; a time
-- that nobody can have meant is read as none. Reading changes nothing: each is safe to run twice.

-- name: tasks
SELECT t.id::text AS id,
       t.episode_id::text AS episode_id,
       t.severity::text AS severity,
       t.priority::text AS priority,
       to_json(t.reason_codes) AS reason_codes,
       t.status::text AS status,
       orchestration.plausible_time(t.sla_due_at) AS sla_due_at,
       t.assigned_to_user_id::text AS assigned_to_user_id,
       orchestration.plausible_time(t.picked_up_at) AS picked_up_at
FROM public."EscalationTask" t
WHERE t.id = ANY (:ids);

-- name: task_times
SELECT t.id::text AS id,
       orchestration.plausible_time(t.created_at) AS created_at,
       orchestration.plausible_time(t.updated_at) AS updated_at,
       orchestration.plausible_time(t.picked_up_at) AS picked_up_at,
       orchestration.plausible_time(t.resolved_at) AS resolved_at
FROM public."EscalationTask" t
WHERE t.id = ANY (:ids);

-- name: open_tasks_of_episodes
-- What is open is found by the helpful index; the ledger knows the others.
SELECT t.id::text AS id
FROM public."EscalationTask" t
WHERE (t.status IN ('RESOLVED', 'CANCELLED')) IS NOT TRUE AND t.episode_id = ANY (:ids);

-- name: users
SELECT u.id::text AS id,
       u.primary_phone::text AS primary_phone,
       u.role::text AS role,
       u.active AS active
FROM public."User" u
WHERE u.id = ANY (:ids);

-- name: users_of_roles
SELECT u.id::text AS id,
       u.primary_phone::text AS primary_phone,
       u.role::text AS role,
       u.active AS active
FROM public."User" u
WHERE u.role::text = ANY (CAST(:roles AS text[]));

-- name: episodes
SELECT e.id::text AS id,
       e.patient_id::text AS patient_id,
       orchestration.plausible_time(e.discharge_at) AS discharge_at,
       orchestration.plausible_time(e.created_at) AS created_at
FROM public."Episode" e
WHERE e.id = ANY (:ids);

-- name: patients
SELECT p.id::text AS id,
       p.first_name::text AS first_name,
       p.primary_phone::text AS primary_phone,
       p.language_code::text AS language_code,
       p.timezone::text AS timezone
FROM public."Patient" p
WHERE p.id = ANY (:ids);
