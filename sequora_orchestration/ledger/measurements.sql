-- How well texting goes, in figures. Each statement only reads, so it is safe to run twice or at the same time as
-- itself. It looks at the last hour or at messages under way, so its cost does not grow with the ledger. Times are
-- those of orchestration.clock(); lengths are in seconds.

-- name: text_latency
-- The last hour's texts about new tasks: the time from when each was owed until the phone company had it, and until we
-- knew that it had arrived. The share counts texts that still wait as late, once they have waited for longer than
-- :inside. What a digest has told of had no text, and waited on purpose: it does not count, here and below.
WITH told AS MATERIALIZED (
    SELECT id, state, owed_since, extract(epoch FROM sent_at - owed_since) AS seconds
    FROM orchestration.notification
    WHERE sent_at > orchestration.clock() - interval '1 hour' AND kind = 'task-created' AND named_by IS NULL
),
arrived AS MATERIALIZED (
    SELECT extract(epoch FROM max(e.at) - told.owed_since) AS seconds
    FROM told
    JOIN orchestration.notification_event e ON e.notification_id = told.id AND e.to_state = 'DELIVERED'
    WHERE told.state = 'DELIVERED'
    GROUP BY told.id, told.owed_since
),
late AS MATERIALIZED (
    SELECT count(*) AS still_waiting
    FROM orchestration.notification
    WHERE kind = 'task-created' AND state IN ('QUEUED', 'SENDING')
      AND owed_since < orchestration.clock() - make_interval(secs => :inside)
)
SELECT count(*) AS texts,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::float AS p50,
       (percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds))::float AS p95,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FROM arrived)::float AS delivered_p50,
       (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) FROM arrived)::float AS delivered_p95,
       (count(*) FILTER (WHERE seconds <= :inside))::float / nullif(count(*) + (SELECT still_waiting FROM late), 0)
           AS share_inside
FROM told;

-- name: deliveries
-- How the last hour's messages of the channel ended, and how many messages of any age are in doubt or held now. Test
-- texts to the operator's own number are nobody's, and count only while they are in doubt or held.
-- `doubled` counts messages that were given up, sent again, and found within the last hour.
WITH doubt AS MATERIALIZED (
    SELECT count(*) AS texts,
           extract(epoch FROM orchestration.clock() - min(coalesce(doubtful_since, attempted_at)))::float AS longest
    FROM orchestration.notification
    WHERE state = 'IN_DOUBT'
)
SELECT count(*) AS sent,
       count(*) FILTER (WHERE state = 'DELIVERED') AS delivered,
       (
           SELECT count(*) FROM orchestration.notification
           WHERE state = 'FAILED' AND created_at > orchestration.clock() - interval '1 hour' AND channel = :channel
             AND named_by IS NULL AND audience IS DISTINCT FROM 'OPERATOR'
       ) AS failed,
       (SELECT texts FROM doubt) AS in_doubt,
       (SELECT longest FROM doubt) AS longest_doubt,
       (
           SELECT count(*) FROM orchestration.notification
           WHERE kind = ANY (CAST(:kinds AS text[])) AND state = 'HELD' AND named_by IS NULL
       ) AS held,
       (
           SELECT count(*)
           FROM orchestration.lost_attempt l
           JOIN orchestration.notification n ON n.id = l.notification_id
           WHERE l.found_at > orchestration.clock() - interval '1 hour' AND n.provider_sid IS NOT NULL
       ) AS doubled
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour' AND channel = :channel AND named_by IS NULL
  AND audience IS DISTINCT FROM 'OPERATOR';

-- name: undelivered
-- How many of the last hour's texts did not arrive, by the phone company's code (0 where it gave none).
SELECT coalesce(provider_code, 0) AS code, count(*) AS count
FROM orchestration.notification
WHERE sent_at > orchestration.clock() - interval '1 hour' AND state = 'UNDELIVERED' AND channel = :channel
  AND named_by IS NULL AND audience IS DISTINCT FROM 'OPERATOR'
GROUP BY 1
ORDER BY 1;

-- name: backlog
-- How many messages are due and not sent, and for how long the oldest; those that an operator keeps back are apart.
WITH due AS MATERIALIZED (
    SELECT orchestration.due_since(n) AS since,
           EXISTS (SELECT FROM orchestration.pause p WHERE p.kind IN ('all', n.kind)) AS is_paused
    FROM orchestration.notification n
    WHERE n.kind = ANY (CAST(:kinds AS text[])) AND n.state IN ('QUEUED', 'SENDING')
    UNION ALL
    SELECT orchestration.due_since(n), EXISTS (SELECT FROM orchestration.pause p WHERE p.kind IN ('all', n.kind))
    FROM orchestration.notification n
    WHERE n.kind = ANY (CAST(:kinds AS text[])) AND n.state = 'SCHEDULED' AND n.due_at <= orchestration.clock()
      AND NOT orchestration.waits_for_digest(n)
)
SELECT count(*) FILTER (WHERE NOT is_paused) AS due,
       count(*) FILTER (WHERE is_paused) AS paused,
       (max(greatest(extract(epoch FROM orchestration.clock() - since), 0)) FILTER (WHERE NOT is_paused))::float
           AS oldest_due
FROM due;

-- name: pace
-- How long ago the last text of the last hour was sent (a test text says nothing of those that wait: its queue is
-- another); and when the sender's rate allows the next message.
SELECT (
           SELECT extract(epoch FROM orchestration.clock() - max(sent_at))::float
           FROM orchestration.notification
           WHERE sent_at > orchestration.clock() - interval '1 hour' AND channel = :channel
             AND audience IS DISTINCT FROM 'OPERATOR'
       ) AS last_sent,
       (SELECT extract(epoch FROM next_slot - orchestration.clock())::float
        FROM orchestration.provider WHERE channel = :channel) AS next_slot;

-- name: unanswered_tasks
-- The open tasks that have had neither a text nor a reason for none for longer than :grace: no claim has them (the
-- question about new tasks, in `views.sql`), or their message is under way all the time. An operator's pause is a
-- reason.
SELECT task_id
FROM (
    (
        SELECT q.task_id, q.urgency, q.owed_since
        FROM orchestration.owed_task_created(
            CAST(
                ROW(CAST(:go_live_at AS timestamptz), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
                AS orchestration.terms
            )
        ) AS q
        ORDER BY q.urgency, q.owed_since
        LIMIT :most
    )
    UNION ALL
    SELECT n.task_id, n.urgency, n.owed_since FROM orchestration.notification n
    WHERE n.kind = 'task-created' AND n.state IN ('QUEUED', 'SENDING')
) AS silent
WHERE owed_since <= orchestration.clock() - make_interval(secs => :grace)
  AND NOT EXISTS (SELECT FROM orchestration.pause WHERE kind IN ('all', 'task-created'))
ORDER BY urgency, owed_since;

-- name: canaries
-- Since when canaries are on, whether an operator keeps them back, and the canary of each hour of the last day that has
-- one, newest first: each hour is looked up by its key. One that was made more than :late seconds after it was owed was
-- made by a system that had stood still. While an operator keeps them back their time does not run: it counts from the
-- last resumption.
SELECT orchestration.clock() AS now,
       CASE WHEN t.canary_since IS NOT NULL THEN greatest(t.canary_since, resumed.at) END AS owed_since,
       EXISTS (SELECT FROM orchestration.pause WHERE kind IN ('all', 'canary')) AS is_paused,
       of_hour.*
FROM (SELECT canary_since FROM orchestration.terms_in_force LIMIT 1) AS t  -- it has one row; the planner guesses many
CROSS JOIN (
    SELECT max(at) AS at FROM orchestration.operator_action
    WHERE notification_id IS NULL AND verb = 'resume' AND kind IN ('all', 'canary')
) AS resumed
LEFT JOIN LATERAL (
    SELECT n.id::text, hour.at AS hour, n.state, n.reason,
           extract(epoch FROM orchestration.clock() - greatest(n.owed_since, n.created_at, resumed.at))::float AS age,
           n.created_at > n.owed_since + make_interval(secs => :late) AS is_made_late,
           n.state = 'CANCELLED' AND n.ended_by IS NOT NULL AS is_called_off,
           CASE WHEN n.state = 'DELIVERED' THEN (
               SELECT max(e.at) FROM orchestration.notification_event e
               WHERE e.notification_id = n.id AND e.to_state = 'DELIVERED'
           ) END AS delivered_at
    FROM generate_series(0, 24) AS ago
    CROSS JOIN LATERAL (
        SELECT date_trunc('hour', orchestration.clock(), 'UTC') - ago * interval '1 hour' AS at
    ) AS hour
    CROSS JOIN LATERAL (
        SELECT * FROM orchestration.notification n
        WHERE n.business_key = orchestration.canary_key(hour.at)
        ORDER BY n.created_at DESC
        LIMIT 1
    ) AS n
) AS of_hour ON true
ORDER BY of_hour.hour DESC;
