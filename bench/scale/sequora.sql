-- The application's own tables as they are after two years. The statements are run once, one after the other, on empty
-- tables. Each is given :tasks, :open or :episodes.

-- name: people
WITH patient AS (
    INSERT INTO "Patient" (first_name, primary_phone)
    SELECT 'Ellen', '+1202556' || lpad(number::text, 4, '0') FROM generate_series(1, 1000) AS number
)
INSERT INTO "User" (email, name, phone, role, active)
SELECT number || '@example.com', 'Nora Reyes ' || number, '+1202555' || lpad(number::text, 4, '0'),
       CASE WHEN number % 20 = 0 THEN 'ADMIN' ELSE 'NURSE' END, true
FROM generate_series(1, 400) AS number;

-- name: episodes
INSERT INTO "Episode" (patient_id, condition_code, risk_level, discharge_at, created_at)
SELECT patient.ids[1 + number % 1000], 'CHF', 'HIGH', at, at
FROM (
    SELECT number, now() - interval '2 years' * (1 - number::float / :episodes) AS at
    FROM generate_series(1, CAST(:episodes AS int)) AS number
) AS each
CROSS JOIN (SELECT array_agg(id) AS ids FROM "Patient") AS patient;

-- name: tasks
-- The oldest first. Every eighth of the newest is open, all others are closed.
WITH nurse AS MATERIALIZED (SELECT array_agg(id) AS ids FROM "User" WHERE role = 'NURSE'),
episode AS MATERIALIZED (
    SELECT array_agg(id) AS ids FROM (SELECT id FROM "Episode" ORDER BY created_at DESC LIMIT 1000) AS newest
)
INSERT INTO "EscalationTask"
    (episode_id, severity, reason_codes, status, sla_due_at, assigned_to_user_id, picked_up_at, resolved_at,
     created_at, updated_at)
SELECT episode.ids[1 + number % 1000],
       (ARRAY['CRITICAL', 'HIGH', 'HIGH', 'MODERATE', 'MODERATE', 'LOW']::severity_level[])[1 + number % 6],
       ARRAY['CHEST_PAIN', 'DYSPNEA'],
       CAST(CASE WHEN is_open THEN CASE WHEN number % 4 = 0 THEN 'IN_PROGRESS' ELSE 'OPEN' END
                 WHEN number % 20 = 0 THEN 'CANCELLED' ELSE 'RESOLVED' END AS task_status),
       CASE WHEN number % 3 = 0 THEN at + interval '4 hours' ELSE at + interval '60 days' END,
       CASE WHEN number % 25 <> 0 THEN nurse.ids[1 + number % cardinality(nurse.ids)] END,
       CASE WHEN number % 4 = 0 THEN at + interval '1 hour' END,
       CASE WHEN NOT is_open THEN at + interval '3 hours' END,
       at, at
FROM (
    SELECT is_open, CASE WHEN is_open THEN place / 8 ELSE place END AS number,
           now() - interval '2 hours' - interval '2 years' * (1 - place::float / :tasks) AS at
    FROM (
        SELECT place, place > :tasks - 8 * :open AND place % 8 = 0 AS is_open
        FROM generate_series(1, CAST(:tasks AS int)) AS place
    ) AS each
) AS each
CROSS JOIN nurse CROSS JOIN episode;
