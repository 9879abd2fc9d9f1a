-- The application's tables, read only. Enums are read as text, `reason_codes` as JSON, whatever their types.
-- Reading changes nothing: each is safe to run twice.

-- name: tasks
SELECT t.id::text AS id,
       t.episode_id::text AS episode_id,
       t.severity::text AS severity,
       t.priority::text AS priority,
       to_json(t.reason_codes) AS reason_codes,
       t.status::text AS status,
       t.assigned_to_user_id::text AS assigned_to_user_id
FROM public."EscalationTask" t
WHERE t.id = ANY (:ids);

-- name: users
SELECT u.id::text AS id,
       u.primary_phone::text AS primary_phone,
       u.role::text AS role,
       u.active AS active
FROM public."User" u
WHERE u.id = ANY (:ids);
