-- Who is owed a message: one question per queue, put into the claims of `ledger.sql`, which say why they are safe to
-- run twice or at the same time as themselves. "Live" is a row that is neither FAILED nor CANCELLED: its message is on
-- its way, or has been or may have been sent. What an operator has cancelled (ended_by) is not asked for again.
-- A question's cost hangs on what is open and not on what has ever been: it goes through the application's rows and looks
-- each up in the ledger. Where OFFSET 0 stands the planner may not do it the other way round, whatever it estimates.

-- part: task
t.id AS task_id,
       t.episode_id,
       t.severity,
       orchestration.urgency(t.severity) AS urgency

-- part: episode
NULL AS task_id,
       e.id AS episode_id,
       NULL AS severity,
       orchestration.urgency('LOW') AS urgency,
       e.patient_id AS recipient_id

-- part: no_more
NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of

-- part: created_since_live
coalesce(t.created_at, t.updated_at, orchestration.clock())
      >= coalesce(CAST(:go_live_at AS timestamptz), (SELECT go_live_at FROM orchestration.go_live))

-- part: without_assignee
NOT t.is_closed
  AND t.assigned_to_user_id IS NULL
  AND {created_since_live}

-- part: workflows_live_at
coalesce(CAST(:go_live_at AS timestamptz), (SELECT workflows_live_at FROM orchestration.go_live))

-- part: nurse_not_told
NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.business_key = orchestration.sla_key(:kind, t.id, t.sla_due_at)
        AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
        AND (n.state <> 'FAILED' OR n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id)
      OFFSET 0
  )

-- part: with_breach_alert
-- The newest alert that was not cancelled: the live one (of which a key has one at most), or else the last that failed.
JOIN LATERAL (
    SELECT n.id, n.state,
           coalesce(n.sent_at, n.attempted_at, n.created_at) + make_interval(secs => :escalation_delay)
               AS escalation_due_at
    FROM (
        SELECT * FROM orchestration.notification
        WHERE business_key = orchestration.sla_key('sla-breach', t.id, t.sla_due_at)
          AND state NOT IN ('FAILED', 'CANCELLED')
        UNION ALL
        SELECT * FROM orchestration.notification
        WHERE task_id = t.id AND kind = 'sla-breach' AND state = 'FAILED'
          AND business_key = orchestration.sla_key('sla-breach', t.id, t.sla_due_at)
    ) AS n
    ORDER BY n.created_at DESC
    LIMIT 1
) AS breach ON breach.state NOT IN ('QUEUED', 'SENDING')

-- part: told
-- What was set aside, for runs died of it, is not made anew for an hour.
(
    n.state NOT IN ('FAILED', 'CANCELLED', 'UNDELIVERED', 'HELD') OR n.ended_by IS NOT NULL
    OR (n.cause = 'SET_ASIDE' AND n.state = 'FAILED' AND n.claimed_at > orchestration.clock() - interval '1 hour')
)

-- part: escalation
orchestration.notification n
      WHERE n.kind = 'sla-escalation' AND n.task_id = t.id AND {told}
        AND starts_with(n.business_key || ':', orchestration.sla_key('sla-escalation', t.id, t.sla_due_at) || ':')

-- part: suspects
-- What may not have reached the assignee: the rows of the index notification_unreached, in its words. What follows is
-- asked of them alone, and not of every open task.
SELECT f.*, t.is_taken AS is_picked_up,
       t.severity AS task_severity, t.episode_id AS task_episode_id
FROM orchestration.care_task t
JOIN LATERAL (
    SELECT *
    FROM orchestration.notification n
    WHERE n.task_id = t.id
      AND n.kind IN ('task-created', 'sla-warning', 'sla-breach')
      AND (
          n.state IN ('FAILED', 'HELD', 'UNDELIVERED')
          OR (n.state = 'QUEUED' AND n.refusals > 0)
          OR (n.urgency = 0 AND (n.state = 'IN_DOUBT' OR (n.state = 'SENT' AND n.receipt_at IS NOT NULL)))
      )
      AND (n.over_at >= n.created_at) IS NOT TRUE
    OFFSET 0
) AS f ON f.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id

-- part: unreached
f.created_at >= spell.since
  AND (
      f.state IN ('FAILED', 'HELD')
      -- Refused for a reason that nobody knows, and so far of all texts only hers: a supervisor's shows whether it is.
      OR (
          f.state = 'QUEUED'
          AND f.recipient_id = (SELECT p.refused_recipient_id FROM orchestration.provider p)
          AND f.created_at <= orchestration.clock()
              - CASE WHEN f.urgency = 0 THEN interval '0' ELSE make_interval(secs => :receipt_window) END
      )
      OR (
          f.state = 'UNDELIVERED'
          AND (
              f.urgency = 0
              OR NOT EXISTS (
                  SELECT FROM orchestration.notification n
                  WHERE n.business_key = f.business_key || '\:again' AND n.state <> 'CANCELLED'
              )
          )
      )
      OR (
          NOT f.is_picked_up
          AND CASE f.state WHEN 'SENT' THEN f.attempted_at WHEN 'IN_DOUBT' THEN f.doubtful_since END
              <= orchestration.clock() - make_interval(secs => :receipt_window)
      )
  )
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n
      WHERE n.task_id = f.task_id AND n.recipient_id = f.recipient_id AND n.created_at > f.created_at
        AND n.kind IN ('task-created', 'sla-warning', 'sla-breach')
        AND (n.state = 'DELIVERED' OR (n.state = 'SENT' AND f.state <> 'SENT'))
      OFFSET 0
  )

-- part: spell
-- Since when the assignee has the task this time, by the message that told her, and the end of that one's key. A task that
-- comes back to a nurse who cannot be reached, or to nobody, is reported anew.
CROSS JOIN LATERAL (
    SELECT coalesce(max(telling.created_at), '-infinity') AS since,
           coalesce((array_agg(telling.ending ORDER BY telling.created_at DESC))[1], '') AS ending
    FROM (
        SELECT n.created_at,
               substr(n.business_key, length(orchestration.task_created_key(f.task_id, f.recipient_id)) + 1) AS ending
        FROM orchestration.notification n
        WHERE n.task_id = f.task_id AND n.kind = 'task-created' AND n.recipient_id IS NOT DISTINCT FROM f.recipient_id
    ) AS telling
    WHERE telling.ending ~ '^(\:[0-9]+)?$'  -- a second try of hers has another, and so has what an operator sends again
) AS spell

-- part: report
orchestration.notification n
      JOIN orchestration.notification cause ON cause.id = n.because_of
      WHERE n.kind = 'nurse-unreached' AND n.task_id = f.task_id AND {told}
        AND cause.recipient_id IS NOT DISTINCT FROM f.recipient_id AND n.created_at >= spell.since

-- part: unreached_key
-- An id of a supervisor follows, which a number may be as well.
orchestration.unreached_key(f.task_id, f.recipient_id) || replace(spell.ending, '\:', '#')

-- part: telling_of_assignee
-- What tells the assignee of the task. What was called off tells nobody, unless a person called it off.
orchestration.notification n
          WHERE n.task_id = t.id AND n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id
            AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)

-- part: is_not_over
-- Nobody else was told, and the task was not closed, since (over_at, in the words of the index notification_not_over). A
-- task that was opened again may say when it was closed.
n.over_at IS NULL
            AND (
                n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
                OR (
                    t.resolved_at > coalesce(n.attempted_at, n.created_at) AND t.resolved_at <= orchestration.clock()
                ) IS NOT TRUE
            )

-- part: is_told
-- 1 if the assignee is or is about to be told of the task, else 0. A number, for of one that is compared with 0 the planner
-- expects few rows, and of EXISTS half of them.
coalesce((
          SELECT 1 FROM {telling_of_assignee}
            AND {is_not_over}
          LIMIT 1
      ), 0)

-- part: tellings
-- How often the assignee was told of the task, so far.
SELECT count(*) FROM {telling_of_assignee}

-- part: next_key
orchestration.task_created_key(t.id, t.assigned_to_user_id)
           || coalesce('\:' || CAST(nullif(({tellings}), 0) + 1 AS text), '')

-- name: new_tasks
-- Which open tasks, created since we went live, have an assignee who is not told (or no assignee, and nobody is told of
-- that)? She is told once for each time that a task becomes hers, three times an hour at most: of one that is given back
-- to her, or opened again. Or only of those created within so many seconds: a shortcut that costs next to nothing, for
-- whoever asks for all of them too.
SELECT {next_key} AS business_key,
       {task},
       t.assigned_to_user_id AS recipient_id,
       coalesce(orchestration.plausible_time(greatest(t.created_at, t.updated_at)), orchestration.clock())
           AS owed_since,
       {no_more}
FROM (
    SELECT t.id, t.episode_id, t.severity, t.assigned_to_user_id, t.created_at, t.updated_at
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND {created_since_live}
      AND (
          CAST(:created_within AS float) IS NULL
          OR t.created_at >= orchestration.clock() - make_interval(secs => CAST(:created_within AS float))
      )
      AND {is_told} = 0
    OFFSET 0  -- only of those that are left is it counted how often they were told
) AS t
WHERE ({tellings} AND n.created_at > orchestration.clock() - interval '1 hour') < 3
ORDER BY urgency, owed_since
LIMIT :most

-- name: new_episodes
-- Which episodes, created since we went live, have no row in the ledger? One that is older than a week and the delay
-- would be stale by now; leaving those out keeps the question as cheap as it is with few. One that does not say when it
-- was created counts from the discharge.
SELECT orchestration.check_in_key(e.id) AS business_key,
       {episode},
       coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at))
           AS owed_since,
       {no_more}
FROM orchestration.care_episode e
CROSS JOIN LATERAL (
    SELECT greatest(
        {workflows_live_at},
        orchestration.clock() - make_interval(days => 7, secs => :check_in_delay)
    ) AS since
) AS live
-- The upper bound is always true. Of a range whose bounds it does not see the planner expects one row in 200, of an open
-- one every third; the sub-select keeps it from seeing this one.
WHERE ((e.created_at >= live.since AND e.created_at <= (SELECT timestamptz 'infinity')) OR e.created_at IS NULL)
  AND coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at)) >= live.since
  AND NOT EXISTS (
      SELECT FROM orchestration.notification n WHERE n.business_key = orchestration.check_in_key(e.id)
      OFFSET 0
  )
ORDER BY owed_since
LIMIT :most

-- name: tasks_near_sla
-- Which open tasks, created since we went live, come to their SLA within the window, with at least half of their time
-- over, and their nurse has not been warned of that SLA? A person who names a task need not wait for the half.
SELECT orchestration.sla_key('sla-warning', t.id, t.sla_due_at) AS business_key,
       {task},
       t.assigned_to_user_id AS recipient_id,
       orchestration.clock() AS owed_since,
       t.sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM orchestration.care_task t
WHERE NOT t.is_closed
  AND t.sla_due_at > orchestration.clock()
  AND t.sla_due_at <= orchestration.clock() + make_interval(secs => :sla_warning_window)
  AND (
      orchestration.clock() - orchestration.plausible_time(t.created_at) >= t.sla_due_at - orchestration.clock()
  ) IS NOT FALSE
  AND {created_since_live}
  AND {nurse_not_told}
ORDER BY urgency, t.sla_due_at
LIMIT :most

-- name: sla_breaches
-- Which open tasks, created since we went live, have passed their SLA, and their nurse has not been alerted?
SELECT orchestration.sla_key('sla-breach', t.id, t.sla_due_at) AS business_key,
       {task},
       t.assigned_to_user_id AS recipient_id,
       greatest(t.sla_due_at, orchestration.plausible_time(t.created_at)) AS owed_since,
       t.sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM orchestration.care_task t
WHERE NOT t.is_closed
  AND t.sla_due_at <= orchestration.clock()
  AND orchestration.plausible_time(t.sla_due_at) IS NOT NULL
  AND {created_since_live}
  AND greatest(t.sla_due_at, t.created_at)
      >= {workflows_live_at}
  AND {nurse_not_told}
ORDER BY urgency, owed_since
LIMIT :most

-- name: unanswered_breaches
-- Which open tasks had their breach alert longer ago than the escalation's delay, and no escalation is scheduled, on
-- its way or sent? Usually the breach's own run has scheduled it; this is for those whose run died first, and for
-- escalations that reached nobody.
WITH breached AS MATERIALIZED (
    SELECT t.id, t.episode_id, t.severity, t.sla_due_at
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND t.sla_due_at <= orchestration.clock()
      AND t.sla_due_at >= (SELECT timestamptz '-infinity')  -- always true, as with new episodes
)
SELECT orchestration.sla_key('sla-escalation', t.id, t.sla_due_at) AS business_key,
       {task},
       NULL AS recipient_id,
       breach.escalation_due_at AS owed_since,
       t.sla_due_at,
       breach.escalation_due_at AS due_at,
       breach.id AS because_of
FROM breached t
{with_breach_alert}
WHERE breach.escalation_due_at <= orchestration.clock()
  AND NOT EXISTS (SELECT FROM {escalation} OFFSET 0)
ORDER BY urgency, owed_since
LIMIT :most

-- name: unreached_nurses
-- Of which open tasks has a message to the assignee failed, been held, or not been delivered (a critical one: not for
-- certain), and she has had none since, and no supervisor has been or is being told? A task that nobody is assigned to
-- has the grace; a critical one has none, nor one that was just to be given to a nurse when there was none.
WITH suspect AS MATERIALIZED (
{suspects}
WHERE NOT t.is_closed
)
SELECT DISTINCT ON (urgency, business_key)
       {unreached_key} AS business_key,
       f.task_id,
       f.task_episode_id AS episode_id,
       f.task_severity AS severity,
       orchestration.urgency(f.task_severity) AS urgency,
       NULL AS recipient_id,
       orchestration.clock() AS owed_since,
       NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at,
       f.id AS because_of
FROM suspect f
{spell}
WHERE {unreached}
  AND f.created_at >= {workflows_live_at}
  AND (
      f.recipient_id IS NOT NULL
      OR f.task_severity = 'CRITICAL'
      OR orchestration.has_no_taker(f.task_id)
      OR least(f.owed_since, f.created_at) + make_interval(secs => :unassigned_grace) <= orchestration.clock()
  )
  AND NOT EXISTS (SELECT FROM {report} OFFSET 0)
ORDER BY urgency, business_key, f.created_at DESC
LIMIT :most

-- name: nothing
-- A queue in which nothing is found but what has been scheduled.
SELECT NULL AS business_key, NULL AS task_id, NULL AS episode_id, NULL AS recipient_id, NULL AS severity,
       NULL::smallint AS urgency, NULL::timestamptz AS owed_since, NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at, NULL::uuid AS because_of
WHERE false

-- name: named_tasks
-- These tasks, whatever their state: whether a text is wanted is asked before it is sent. Only a warning has its time:
-- given early, it would be missing when it is due.
SELECT CASE WHEN :kind = 'task-created' THEN coalesce(told.business_key, {next_key})
            ELSE orchestration.sla_key(:kind, t.id, orchestration.plausible_time(t.sla_due_at))
       END AS business_key,
       {task},
       t.assigned_to_user_id AS recipient_id,
       orchestration.clock() AS owed_since,
       CASE WHEN :kind <> 'task-created' THEN orchestration.plausible_time(t.sla_due_at) END AS sla_due_at,
       NULL::timestamptz AS due_at,
       NULL::uuid AS because_of
FROM orchestration.care_task t
-- By name she is told again of what failed, by a message of the same key.
LEFT JOIN LATERAL (
    SELECT n.business_key FROM {telling_of_assignee}
            AND {is_not_over}
    ORDER BY n.created_at DESC
    LIMIT 1
) AS told ON true
WHERE t.key = ANY (:ids)
  AND (
      :kind <> 'sla-warning'
      OR (
          orchestration.plausible_time(t.sla_due_at)
          <= orchestration.clock() + make_interval(secs => :sla_warning_window)
      ) IS NOT FALSE
  )

-- name: named_episodes
-- These episodes; one that is to be sent, and not only scheduled, is due now.
SELECT orchestration.check_in_key(e.id) AS business_key,
       {episode},
       orchestration.clock() AS owed_since,
       NULL::timestamptz AS sla_due_at,
       CASE WHEN CAST(:scheduled AS boolean) THEN orchestration.clock() END AS due_at,
       NULL::uuid AS because_of
FROM orchestration.care_episode e
WHERE e.key = ANY (:ids)

-- name: named_breaches
-- Those of these tasks whose breach of the SLA has been handled; an escalation is not made before its time by asking.
SELECT orchestration.sla_key('sla-escalation', t.id, t.sla_due_at) AS business_key,
       {task},
       NULL AS recipient_id,
       orchestration.clock() AS owed_since,
       t.sla_due_at,
       breach.escalation_due_at AS due_at,
       breach.id AS because_of
FROM orchestration.care_task t
{with_breach_alert}
WHERE t.key = ANY (:ids)
  AND NOT EXISTS (SELECT FROM {escalation} AND n.recipient_id IS NOT NULL)

-- name: named_unreached
-- Those of these tasks of which a message to the assignee has failed, without any grace.
WITH suspect AS MATERIALIZED (
{suspects}
WHERE t.key = ANY (:ids)
)
SELECT DISTINCT ON (business_key)
       {unreached_key} AS business_key,
       f.task_id,
       f.task_episode_id AS episode_id,
       f.task_severity AS severity,
       orchestration.urgency(f.task_severity) AS urgency,
       NULL AS recipient_id,
       orchestration.clock() AS owed_since,
       NULL::timestamptz AS sla_due_at,
       NULL::timestamptz AS due_at,
       f.id AS because_of
FROM suspect f
{spell}
WHERE {unreached}
  AND NOT EXISTS (SELECT FROM {report} AND n.recipient_id IS NOT NULL)
ORDER BY business_key, f.created_at DESC

-- name: unassigned_tasks
-- Which open tasks, created since we went live, have no assignee, were never given to anybody, and no run has them, nor
-- was there nobody to give them to a moment ago?
SELECT t.id, t.episode_id, t.severity, orchestration.plausible_time(t.created_at) AS created_at
FROM orchestration.care_task t
WHERE {without_assignee}
  AND NOT EXISTS (
      SELECT FROM orchestration.assignment a
      WHERE a.task_id = t.id AND (a.person_id IS NOT NULL OR a.next_try_at > orchestration.clock())
      OFFSET 0
  )
ORDER BY orchestration.urgency(t.severity), created_at, t.id
LIMIT :most

-- name: named_unassigned
-- The same of these tasks, whoever has them in hand.
SELECT t.id, t.episode_id, t.severity, orchestration.plausible_time(t.created_at) AS created_at
FROM orchestration.care_task t
WHERE t.key = ANY (:ids)
  AND {without_assignee}
  AND NOT EXISTS (
      SELECT FROM orchestration.assignment a WHERE a.task_id = t.id AND a.person_id IS NOT NULL
      OFFSET 0
  )
