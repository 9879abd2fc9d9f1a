-- Giving tasks without an assignee to nurses. Each statement says why it is safe to run twice or at the same time as
-- itself. Times are those of orchestration.clock(); :lease is in seconds. Rows are locked in one order: the turn, then
-- assignments by their tasks' ids, then the task in the application's table.

-- name: lease
-- Leases the tasks that need a run, the most severe first (the question stands in `views.sql`). Until the lease is over
-- no other tick finds them. While no worker takes up the runs, each lease is twice as long as the one before, up to
-- eight times. Two at once: a row is inserted once (unique key), and the other finds that its lease has begun.
WITH waiting AS MATERIALIZED (
    SELECT id, episode_id, severity, created_at
    FROM orchestration.unassigned_tasks(CAST(:go_live_at AS timestamptz))
    ORDER BY orchestration.urgency(severity), created_at, id
    LIMIT :most
),
leased AS (
    INSERT INTO orchestration.assignment AS a (task_id, tries, next_try_at)
    SELECT id, 1, orchestration.clock() + make_interval(secs => :lease)
    FROM waiting
    ORDER BY id
    ON CONFLICT (task_id) DO UPDATE
    SET tries = least(a.tries, 3) + 1,
        next_try_at = orchestration.clock() + make_interval(secs => :lease * power(2, least(a.tries, 3)))
    WHERE a.person_id IS NULL AND a.next_try_at <= orchestration.clock()
    RETURNING task_id
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds,
       waiting.id AS task_id, waiting.episode_id, waiting.severity
FROM (SELECT 1) AS one
LEFT JOIN (waiting JOIN leased ON leased.task_id = waiting.id) ON true
ORDER BY orchestration.urgency(waiting.severity), waiting.created_at, waiting.id;

-- name: take_up
-- A run takes up those of its tasks that still need a nurse. Twice, or two at once: both get the same tasks, and `give`
-- lets only one of them give a task away.
WITH waiting AS MATERIALIZED (
    SELECT id, episode_id, severity, created_at
    FROM orchestration.named_unassigned(CAST(:ids AS text[]), CAST(:go_live_at AS timestamptz))
),
taken_up AS (
    INSERT INTO orchestration.assignment AS a (task_id, next_try_at, run_id)
    SELECT id, orchestration.clock() + make_interval(secs => :lease), :run_id
    FROM waiting
    ORDER BY id
    ON CONFLICT (task_id) DO UPDATE
    SET next_try_at = greatest(a.next_try_at, excluded.next_try_at), run_id = excluded.run_id
    WHERE a.person_id IS NULL
    RETURNING task_id
)
SELECT waiting.id, waiting.severity, waiting.created_at
FROM waiting
JOIN taken_up ON taken_up.task_id = waiting.id
ORDER BY orchestration.urgency(waiting.severity), waiting.created_at, waiting.id;

-- name: nurses
-- Everybody with the role of a nurse: is she on shift now (NULL where nobody keeps shifts), how many open tasks may she
-- have in it (of several shifts the lowest number), how many has she by severity, and when was she last given a task?
-- Every row has the turn; without nurses there is one row with nothing else. Reading changes nothing.
WITH shift AS MATERIALIZED (
    SELECT s.person_id, min(s.most_tasks) AS most_tasks
    FROM orchestration.care_shift s
    WHERE s.is_active IS NOT FALSE AND s.starts_at <= orchestration.clock() AND s.ends_at > orchestration.clock()
    GROUP BY s.person_id
),
has AS MATERIALIZED (
    SELECT person_id, json_object_agg(severity, tasks) AS open_tasks
    FROM (
        SELECT t.assigned_to_user_id AS person_id, coalesce(t.severity, '') AS severity, count(*) AS tasks
        FROM orchestration.care_task t
        WHERE NOT t.is_closed AND t.assigned_to_user_id IS NOT NULL
        GROUP BY t.assigned_to_user_id, t.severity
    ) AS each
    GROUP BY person_id
)
SELECT turn.number AS turn, p.id, p.primary_phone, p.active,
       CASE WHEN EXISTS (SELECT FROM orchestration.care_shift) THEN shift.person_id IS NOT NULL END AS is_on_shift,
       shift.most_tasks, has.open_tasks,
       (SELECT max(a.assigned_at) FROM orchestration.assignment a WHERE a.person_id = p.id) AS given_at
FROM orchestration.assignment_turn turn
LEFT JOIN orchestration.care_person p ON p.role = 'NURSE'
LEFT JOIN shift ON shift.person_id = p.id
LEFT JOIN has ON has.person_id = p.id;

-- name: give
-- Gives tasks to nurses and records it. A task must be open, nobody's, and never given before; its nurse must still be
-- active. Nothing is given if another run has given tasks since the choice was made (:turn), or is doing so now: else
-- two runs that choose at once could pass a nurse's limit. Twice, or two at once: the second has no turn, and chooses
-- anew. A person who assigns or closes a task in the same moment comes before or after: the application's row is
-- locked, and looked at again.
WITH turn AS MATERIALIZED (
    SELECT number FROM orchestration.assignment_turn WHERE number = :turn
    FOR UPDATE SKIP LOCKED
),
ours AS MATERIALIZED (
    SELECT a.task_id, chosen.person_id, chosen.reason
    FROM unnest(CAST(:task_ids AS text[]), CAST(:people AS text[]), CAST(:reasons AS text[]))
        AS chosen (task_id, person_id, reason)
    JOIN orchestration.assignment a ON a.task_id = chosen.task_id
    CROSS JOIN turn
    WHERE a.person_id IS NULL
      AND EXISTS (
          SELECT FROM orchestration.care_person p
          WHERE p.key = ANY (:person_ids) AND p.id = chosen.person_id AND p.active IS NOT FALSE
      )
    ORDER BY a.task_id
    FOR UPDATE OF a
),
given AS MATERIALIZED (
    SELECT * FROM ours WHERE orchestration.assign_task(task_id, person_id)
),
recorded AS (
    UPDATE orchestration.assignment a
    SET person_id = given.person_id, assigned_at = orchestration.clock(), reason = given.reason, run_id = :run_id,
        tries = 0
    FROM given
    WHERE a.task_id = given.task_id
    RETURNING a.task_id
),
next_turn AS (
    UPDATE orchestration.assignment_turn SET number = number + 1
    WHERE EXISTS (SELECT FROM recorded)
    RETURNING number
)
SELECT coalesce((SELECT number FROM next_turn), (SELECT number FROM turn)) AS turn,
       ARRAY(SELECT task_id FROM recorded) AS given;

-- name: note_nobody
-- Records that there is nobody to give these tasks to; the next try is at the next full minute, when shifts begin.
-- Twice: the try may come a minute later.
WITH tried AS MATERIALIZED (
    SELECT a.task_id, said.because
    FROM unnest(CAST(:task_ids AS text[]), CAST(:reasons AS text[])) AS said (task_id, because)
    JOIN orchestration.assignment a ON a.task_id = said.task_id
    WHERE a.person_id IS NULL
    ORDER BY a.task_id
    FOR UPDATE OF a
)
UPDATE orchestration.assignment a
SET nobody_since = coalesce(a.nobody_since, orchestration.clock()), nobody_at = orchestration.clock(),
    nobody_because = tried.because, tries = 0,
    next_try_at = date_trunc('minute', orchestration.clock()) + interval '1 minute', run_id = :run_id
FROM tried
WHERE a.task_id = tried.task_id;

-- name: hurry_tellings
-- The texts that tell supervisors of these unassigned tasks are due at once, instead of after the grace. That holds for
-- a text in a run's hands, too: `postpone` in `withheld.sql` puts off no text that was made due. Twice: they are due
-- already.
WITH telling AS MATERIALIZED (
    SELECT id
    FROM orchestration.notification
    WHERE task_id = ANY (CAST(:task_ids AS text[])) AND kind = 'task-created' AND recipient_id IS NULL
      AND state IN ('SCHEDULED', 'QUEUED') AND coalesce(due_at > orchestration.clock(), true)
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE orchestration.notification n
SET due_at = orchestration.clock(), owed_since = least(n.owed_since, orchestration.clock())
FROM telling
WHERE n.id = telling.id;

-- name: of_tasks
-- Reading changes nothing.
SELECT task_id, person_id, assigned_at, reason, nobody_since, nobody_because, orchestration.has_no_taker(task_id),
       next_try_at, run_id
FROM orchestration.assignment
WHERE task_id = ANY (CAST(:task_ids AS text[]));
