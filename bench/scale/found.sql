-- Makes fifty rows for a queue to find, each time in a transaction that is rolled back.

-- name: new_tasks
DELETE FROM orchestration.notification
WHERE task_id IN (SELECT id::text FROM "EscalationTask" WHERE status NOT IN ('RESOLVED', 'CANCELLED') LIMIT 50);

-- name: new_episodes
DELETE FROM orchestration.notification
WHERE kind = 'check-in' AND episode_id IN (SELECT id::text FROM "Episode" ORDER BY created_at DESC LIMIT 50);

-- name: due_check_ins
UPDATE orchestration.notification SET due_at = now()
WHERE id IN (SELECT id FROM orchestration.notification WHERE state = 'SCHEDULED' LIMIT 50);

-- name: tasks_near_sla
UPDATE "EscalationTask" SET sla_due_at = now() + interval '30 minutes'
WHERE id IN (SELECT id FROM "EscalationTask" WHERE status NOT IN ('RESOLVED', 'CANCELLED') LIMIT 50);

-- name: sla_breaches
UPDATE "EscalationTask" SET sla_due_at = now() - interval '1 minute'
WHERE id IN (SELECT id FROM "EscalationTask" WHERE status NOT IN ('RESOLVED', 'CANCELLED') LIMIT 50);

-- name: unanswered_breaches
DELETE FROM orchestration.notification
WHERE kind = 'sla-escalation'
  AND task_id IN (
      SELECT id::text FROM "EscalationTask"
      WHERE status NOT IN ('RESOLVED', 'CANCELLED') AND sla_due_at < now() - interval '1 day'
      LIMIT 50
  );

-- name: unreached_nurses
DELETE FROM orchestration.notification
WHERE kind = 'nurse-unreached'
  AND task_id IN (
      SELECT t.id::text FROM "EscalationTask" t
      JOIN orchestration.notification n ON n.task_id = t.id::text AND n.kind = 'nurse-unreached'
      WHERE t.status NOT IN ('RESOLVED', 'CANCELLED')
      LIMIT 50
  );

-- name: nurses_to_call
WITH called_for AS (UPDATE orchestration.terms_in_force SET call_for = 3)
UPDATE orchestration.notification SET state = 'UNDELIVERED', attempted_at = now(), reason = 'landline'
WHERE kind = 'task-created' AND state = 'SENT'
  AND task_id IN (SELECT id::text FROM "EscalationTask" WHERE status NOT IN ('RESOLVED', 'CANCELLED') LIMIT 50);

-- name: no_unassigned_tasks
INSERT INTO orchestration.assignment (task_id, next_try_at)
SELECT id::text, now() + interval '1 hour' FROM "EscalationTask"
WHERE status NOT IN ('RESOLVED', 'CANCELLED') AND assigned_to_user_id IS NULL;

-- name: unassigned_tasks
UPDATE "EscalationTask" SET assigned_to_user_id = NULL
WHERE id IN (SELECT id FROM "EscalationTask" WHERE status NOT IN ('RESOLVED', 'CANCELLED') LIMIT 50);
