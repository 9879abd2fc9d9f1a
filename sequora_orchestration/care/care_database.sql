-- The application's tables, read only, through the views of the map in force. An id is looked up in the application's
-- own type (key), so that the application's indexes serve; a time that nobody can have meant is read as NULL. Reading
-- changes nothing: each is safe to run twice.

-- name: tasks
SELECT t.id, t.episode_id, t.severity, t.priority, t.reason_codes, t.status, t.unknown_status IS NULL AS is_status_known,
       t.is_closed, t.is_taken,
       orchestration.plausible_time(t.sla_due_at) AS sla_due_at,
       t.assigned_to_user_id,
       orchestration.plausible_time(t.picked_up_at) AS picked_up_at,
       orchestration.plausible_time(t.updated_at) AS updated_at
FROM orchestration.care_task t
WHERE t.key = ANY (:ids);

-- name: task_times
SELECT t.id,
       orchestration.plausible_time(t.created_at) AS created_at,
       orchestration.plausible_time(t.updated_at) AS updated_at,
       orchestration.plausible_time(t.picked_up_at) AS picked_up_at,
       orchestration.plausible_time(t.resolved_at) AS resolved_at
FROM orchestration.care_task t
WHERE t.key = ANY (:ids);

-- name: open_tasks_of_episodes
-- Open tasks only: the helpful index finds them, and the ledger knows the closed ones.
SELECT t.id
FROM orchestration.care_task t
WHERE NOT t.is_closed AND t.episode_key = ANY (:ids);

-- name: users
SELECT p.id, p.primary_phone, p.role, p.active
FROM orchestration.care_person p
WHERE p.key = ANY (:ids);

-- name: users_of_roles
SELECT p.id, p.primary_phone, p.role, p.active
FROM orchestration.care_person p
WHERE p.role = ANY (CAST(:roles AS text[])) AND (p.is_on_call IS TRUE OR NOT :on_call);

-- name: episodes
SELECT e.id, e.patient_id,
       orchestration.plausible_time(e.discharge_at) AS discharge_at,
       orchestration.plausible_time(e.created_at) AS created_at,
       e.timezone
FROM orchestration.care_episode e
WHERE e.key = ANY (:ids);

-- name: patients
SELECT p.id, p.first_name, p.primary_phone, p.language_code, p.timezone, p.may_be_texted
FROM orchestration.care_patient p
WHERE p.key = ANY (:ids);

-- name: unknown_words
-- The words in columns of open tasks and of active people that have no meaning in the map, and the number of rows with
-- each. A value that is no single word may be anything that somebody typed: it is counted, and not shown.
SELECT unknown.column_name,
       CASE WHEN unknown.word ~ '^[\w./-]{1,60}$' THEN unknown.word END AS word,
       sum(unknown.tasks) AS tasks,
       sum(unknown.people) AS people
FROM (
    SELECT of_task.column_name, of_task.word, 1 AS tasks, 0 AS people
    FROM orchestration.care_task t
    CROSS JOIN LATERAL (VALUES ('status', t.unknown_status), ('severity', t.unknown_severity)) AS of_task (column_name, word)
    WHERE NOT t.is_closed
    UNION ALL
    SELECT 'role', p.unknown_role, 0, 1
    FROM orchestration.care_person p
    WHERE p.active IS NOT FALSE
) AS unknown
WHERE unknown.word IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, count(*) DESC, 2;
