-- Tallies of the ledger for Prometheus. Each statement only reads, so it is safe to run twice or at the same time as
-- itself. It looks at what is under way, or at rows since midnight (UTC), so its cost does not grow with the ledger.
-- Times are those of orchestration.clock(); lengths are in seconds.

-- name: sent_today
-- The messages that the phone company has taken since midnight (UTC), by kind; texts about new tasks also by severity,
-- and by how many of the :bounds they were within, from when they were owed. The bounds are negative and rise
-- (-10, -1), for `width_bucket` counts the bounds that a value has reached, and a text on a bound is within it. What a
-- digest has told of had no text of its own, and does not count.
SELECT kind,
       CASE WHEN kind = 'task-created' AND severity = ANY (CAST(:severities AS text[])) THEN severity END AS severity,
       CASE WHEN kind = 'task-created' THEN width_bucket(-seconds, CAST(:bounds AS double precision[])) END AS within,
       count(*) AS messages, sum(seconds) AS seconds
FROM (
    SELECT kind, severity, greatest(extract(epoch FROM sent_at - owed_since), 0)::float AS seconds
    FROM orchestration.notification
    WHERE sent_at >= date_trunc('day', orchestration.clock(), 'UTC') AND named_by IS NULL
) AS sent
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: under_way
-- The messages of these kinds that are not over, by kind and state. Of a digest that is held its tasks do not count, for
-- the digest is what a person releases.
SELECT kind, state, count(*) AS messages
FROM orchestration.notification
WHERE kind = ANY (CAST(:kinds AS text[])) AND state = ANY (CAST(:states AS text[]))
  AND (named_by IS NULL OR state <> 'HELD')
GROUP BY kind, state
ORDER BY kind, state;

-- name: amiss
-- `doubled`: texts found since midnight (UTC) that were given up and had been sent again. `late`: texts about new tasks
-- that have waited for longer than :inside. `set_aside`: messages that run after run has died of within the last hour; a
-- check-in waits for a day before its first run, so rows of the last two days are looked at.
SELECT (
           SELECT count(*)
           FROM orchestration.lost_attempt l
           JOIN orchestration.notification n ON n.id = l.notification_id
           WHERE l.found_at >= date_trunc('day', orchestration.clock(), 'UTC') AND n.provider_sid IS NOT NULL
       ) AS doubled,
       (
           SELECT count(*)
           FROM orchestration.notification
           WHERE kind = 'task-created' AND state IN ('QUEUED', 'SENDING')
             AND owed_since < orchestration.clock() - make_interval(secs => :inside)
       ) AS late,
       (
           SELECT count(*)
           FROM orchestration.notification
           WHERE state = 'FAILED' AND cause = 'SET_ASIDE' AND created_at > orchestration.clock() - interval '2 days'
             AND claimed_at > orchestration.clock() - interval '1 hour'
       ) AS set_aside;
