-- Notes that a task is closed, after which its nurse no longer counts as told of it.

-- name: note_what_is_over
-- A task that its nurse was told of is closed, or a task that nobody was assigned to has a nurse now. If the task is
-- opened again, or loses its nurse, a new text goes out. Messages under way are not noted: they still go out, or are
-- called off. If no task at all can be seen, nothing is noted: the tasks are hidden, or about to be loaded, and their
-- nurses have been told of them. Twice: nothing is left to note. Returns the seconds that the database took.
WITH over AS MATERIALIZED (
    SELECT told.id
    FROM orchestration.notification told
    WHERE told.kind = 'task-created' AND told.over_at IS NULL
      AND (SELECT t.key::text FROM orchestration.care_task t LIMIT 1) IS NOT NULL
      -- NOT IN is looked up in a hash, even when the planner has no statistics of the tables; no id is NULL.
      AND (
          told.task_id NOT IN (SELECT t.id FROM orchestration.care_task t WHERE NOT t.is_closed)
          OR (
              told.recipient_id IS NULL
              AND told.task_id NOT IN (
                  SELECT t.id FROM orchestration.care_task t
                  WHERE NOT t.is_closed AND t.assigned_to_user_id IS NULL
              )
          )
      )
),
noted AS (
    UPDATE orchestration.notification n
    SET over_at = orchestration.clock()
    WHERE n.id = ANY (ARRAY(
        SELECT told.id
        FROM over JOIN orchestration.notification told USING (id)
        WHERE told.state NOT IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
        LIMIT :most
    ))
      AND n.state NOT IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
    RETURNING n.id
)
SELECT extract(epoch FROM clock_timestamp() - statement_timestamp())::float AS seconds, count(*) AS noted FROM noted;
