-- Who is owed a message: one function for each question, and the view `orchestration.owed`, which asks them all.
-- Conditions on a message that several statements share stand here as well. Tables and columns are not made here, but
-- in `versions/`.
--
-- Every `sequora migrate` applies this file anew, after the migrations and the views of the application's tables, so
-- the file is always in force as it stands. A worker of an older version may still be running: as long as one may, each
-- function and view keeps its name, its parameters and its columns; a different one gets another name.
--
-- A live row is one that is neither FAILED nor CANCELLED: its message is on its way, or has been or may have been sent.
-- A message that an operator has cancelled (ended_by) is not owed again. A question costs as much as there are open
-- tasks or recent episodes, and does not grow with the ledger: it goes through the application's rows and looks each up
-- in the ledger. OFFSET 0 keeps the planner from doing it the other way round. Each function is a single SELECT that is
-- STABLE and sets nothing: so the planner puts its text in place of the call, although the condition is written only
-- once.

-- --- conditions on a message
-- ------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION orchestration.audience_of(audience text, kind text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Rows from before the column was there are of one of these kinds.
    SELECT coalesce(
        audience,
        CASE kind WHEN 'check-in' THEN 'PATIENT' WHEN 'sla-escalation' THEN 'ON_CALL'
                  WHEN 'nurse-unreached' THEN 'ON_CALL' ELSE 'ASSIGNEE' END
    )
$$;
COMMENT ON FUNCTION orchestration.audience_of(text, text) IS
    'To whom a message goes, by its row''s two columns: ASSIGNEE, ON_CALL, PATIENT, WRITER or OPERATOR';

CREATE OR REPLACE FUNCTION orchestration.is_logged(n orchestration.notification) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT orchestration.log_takes(coalesce(n.audience, n.kind)) AND coalesce(n.task_id, n.episode_id) IS NOT NULL
$$;
COMMENT ON FUNCTION orchestration.is_logged(orchestration.notification) IS
    'Whether the application''s log has a row for such a message: it is about texts of tasks and episodes alone';

CREATE OR REPLACE FUNCTION orchestration.is_told(n orchestration.notification) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A message that was set aside, because runs died of it, is not made anew for an hour.
    SELECT n.state NOT IN ('FAILED', 'CANCELLED', 'UNDELIVERED', 'HELD') OR n.ended_by IS NOT NULL
        OR (
            n.cause = 'SET_ASIDE' AND n.state = 'FAILED'
            AND n.claimed_at > orchestration.clock() - interval '1 hour'
        )
$$;
COMMENT ON FUNCTION orchestration.is_told(orchestration.notification) IS
    'Whether the recipient has been told by the message, is about to be, or is not to be';

CREATE OR REPLACE FUNCTION orchestration.tellings(task_id text, nurse_id text) RETURNS SETOF orchestration.notification
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A cancelled text told nobody, and does not count; but if a person cancelled it, it counts as told.
    SELECT n.* FROM orchestration.notification n
    WHERE n.task_id = tellings.task_id AND n.recipient_id IS NOT DISTINCT FROM tellings.nurse_id
      AND n.kind = 'task-created' AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
$$;
COMMENT ON FUNCTION orchestration.tellings(text, text) IS
    'The texts that tell a nurse that a task is hers; for nobody, those that tell of a task without an assignee';

CREATE OR REPLACE FUNCTION orchestration.holds(n orchestration.notification, resolved_at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Nobody else was told since (over_at, in the words of the index notification_not_over), and the task was not
    -- closed since: a task that was opened again may still say when it was resolved.
    SELECT n.over_at IS NULL
       AND (
           n.state IN ('QUEUED', 'SCHEDULED', 'SENDING', 'IN_DOUBT', 'HELD')
           OR (
               resolved_at > coalesce(n.attempted_at, n.created_at) AND resolved_at <= orchestration.clock()
           ) IS NOT TRUE
       )
$$;
COMMENT ON FUNCTION orchestration.holds(orchestration.notification, timestamptz) IS
    'Whether a nurse still counts as told of her task by this text; the task was last resolved at resolved_at';

CREATE OR REPLACE FUNCTION orchestration.breach_alert(task_id text, sla_due_at timestamptz)
    RETURNS TABLE (id uuid, state text, alerted_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The newest alert that was not cancelled: the live row (a key has one at most), or else the last that failed.
    SELECT n.id, n.state, coalesce(n.sent_at, n.attempted_at, n.created_at)
    FROM (
        SELECT live.* FROM orchestration.notification live
        WHERE live.business_key = orchestration.sla_key('sla-breach', breach_alert.task_id, breach_alert.sla_due_at)
          AND live.state NOT IN ('FAILED', 'CANCELLED')
        UNION ALL
        SELECT failed.* FROM orchestration.notification failed
        WHERE failed.task_id = breach_alert.task_id AND failed.kind = 'sla-breach' AND failed.state = 'FAILED'
          AND failed.business_key = orchestration.sla_key('sla-breach', breach_alert.task_id, breach_alert.sla_due_at)
    ) AS n
    ORDER BY n.created_at DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION orchestration.breach_alert(text, timestamptz) IS
    'The alert of a breach, and when its nurse was told, or was to be';

CREATE OR REPLACE FUNCTION orchestration.doubt_window(
    urgency smallint, is_held boolean, "window" double precision, window_critical double precision,
    window_after_error_answer double precision
) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT make_interval(secs => CASE WHEN doubt_window.is_held THEN doubt_window."window"
        ELSE least(
            doubt_window."window",
            CASE WHEN doubt_window.urgency = 0 THEN doubt_window.window_critical END,
            doubt_window.window_after_error_answer
        )
    END)
$$;
COMMENT ON FUNCTION orchestration.doubt_window(
    smallint, boolean, double precision, double precision, double precision
) IS
    'For how long a text in doubt is looked for: for `window` if it is held afterwards, and otherwise at most for '
    '`window`, for `window_critical` if it is critical, and for `window_after_error_answer` if the phone company '
    'itself answered with an error (NULL if not)';

CREATE OR REPLACE FUNCTION orchestration.is_nobodys(provider_id text, fingerprints text[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT NOT EXISTS (SELECT FROM orchestration.notification o WHERE o.provider_sid = is_nobodys.provider_id)
       AND NOT EXISTS (SELECT FROM orchestration.lost_attempt o WHERE o.found_sid = is_nobodys.provider_id)
       AND NOT EXISTS (
           SELECT FROM orchestration.notification o
           WHERE o.state = 'SENDING' AND o.fingerprints && is_nobodys.fingerprints
       )
$$;
COMMENT ON FUNCTION orchestration.is_nobodys(text, text[]) IS
    'Whether a text in the phone company''s list belongs to no message: no message has its id, and none that is being '
    'sent has one of these fingerprints, so that it may be about to get the id';

CREATE OR REPLACE FUNCTION orchestration.handed_over_key(task_id text, sid text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 'handed-over:' || task_id || ':' || sid;
COMMENT ON FUNCTION orchestration.handed_over_key(text, text) IS
    'The business key of the message to supervisors about a task that was handed over by the message with that id';

CREATE OR REPLACE FUNCTION orchestration.waits_for_digest(n orchestration.notification) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- If there is no such digest (any more), nobody else would tell of the task.
    SELECT n.named_by IS NOT NULL AND EXISTS (
        SELECT FROM orchestration.notification d
        WHERE d.id = n.named_by AND d.state IN ('SCHEDULED', 'QUEUED', 'SENDING', 'IN_DOUBT', 'HELD')
    )
$$;
COMMENT ON FUNCTION orchestration.waits_for_digest(orchestration.notification) IS
    'Whether a digest is going to tell of the task, so that it gets no text of its own';

CREATE OR REPLACE FUNCTION orchestration.may_be_out(digest orchestration.notification) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A run that has it has counted its tasks already; and of an attempt that was given up the text may still show up.
    SELECT digest.state IN ('SENDING', 'IN_DOUBT')
        OR (
            digest.state = 'QUEUED'
            AND (digest.attempts > 0 OR (digest.claim_id IS NOT NULL AND digest.lease_until > orchestration.clock()))
        )
$$;
COMMENT ON FUNCTION orchestration.may_be_out(orchestration.notification) IS
    'Whether a digest that is not over may have been sent already, or is about to be: then nothing can be taken out of it';

CREATE OR REPLACE FUNCTION orchestration.first_of(n orchestration.notification) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        n.resent_of,
        (SELECT tried.resent_of FROM orchestration.notification tried WHERE tried.id = n.again_of),
        n.again_of,
        n.id
    )
$$;
COMMENT ON FUNCTION orchestration.first_of(orchestration.notification) IS
    'The first of the messages of which this one is a second try, or was sent again by order; itself, if it is neither';

CREATE OR REPLACE FUNCTION orchestration.resent_key(first_id uuid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT first.business_key || ':resent:' || (
        SELECT count(*)
        FROM orchestration.notification same
        JOIN orchestration.notification o ON o.resent_of = same.id
        WHERE same.business_key = first.business_key
    )
    FROM orchestration.notification first WHERE first.id = resent_key.first_id
$$;
COMMENT ON FUNCTION orchestration.resent_key(uuid) IS
    'The business key under which a message is sent again next by order, given the first of its kind: so of two orders '
    'at once only one makes a message';

CREATE OR REPLACE FUNCTION orchestration.stands_in_for(
    o orchestration.notification, n orchestration.notification
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Of the messages about the same to one person the newest decides. Where supervisors are told, or by now another
    -- nurse, one of them who was told, or is being told, is enough, unless it is a message that went out that is asked
    -- about: then each of them has had one.
    SELECT o.id <> n.id
       AND (
           coalesce(o.occasion, o.business_key) = coalesce(n.occasion, n.business_key)
           OR (o.turn IS NOT NULL AND n.turn IS NOT NULL AND o.recipient_id IS NOT DISTINCT FROM n.recipient_id)
       )
       AND (
           (
               o.recipient_id IS NOT DISTINCT FROM n.recipient_id
               AND (o.created_at, o.id) > (n.created_at, n.id)
           )
           OR (
               n.state NOT IN ('SENT', 'DELIVERED') AND o.state NOT IN ('FAILED', 'UNDELIVERED', 'CANCELLED')
               AND (o.created_at > n.created_at OR orchestration.audience_of(o.audience, o.kind) = 'ON_CALL')
           )
       )
$$;
COMMENT ON FUNCTION orchestration.stands_in_for(orchestration.notification, orchestration.notification) IS
    'Whether another message of that kind and task (or episode) makes it needless to send this one again';

CREATE OR REPLACE FUNCTION orchestration.is_told_otherwise_since(n orchestration.notification) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The same digest, when it was sent again or tried once more, does not count: it tells of the task once more.
    SELECT EXISTS (
        SELECT FROM orchestration.notification o
        WHERE o.task_id = n.task_id AND o.kind = n.kind AND o.recipient_id = n.recipient_id
          AND o.created_at > n.created_at AND o.state NOT IN ('FAILED', 'UNDELIVERED', 'CANCELLED')
          AND (
              SELECT orchestration.first_of(d) FROM orchestration.notification d WHERE d.id = o.named_by
          ) IS DISTINCT FROM (
              SELECT orchestration.first_of(d) FROM orchestration.notification d WHERE d.id = n.named_by
          )
        OFFSET 0
    )
$$;
COMMENT ON FUNCTION orchestration.is_told_otherwise_since(orchestration.notification) IS
    'Whether the nurse whom a digest was to tell of a task has had a text of its own about it since, or another digest '
    'that tells of it, or is about to';

CREATE OR REPLACE FUNCTION orchestration.stand_ins(ids uuid[])
    RETURNS TABLE (id uuid, stand_in text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- In one piece, and of many messages: a function that has a SELECT of its own and is called for each of them takes a
    -- millisecond each. Each part finds its rows by an index. If there are several, the one that says most is named.
    SELECT n.id, (
        SELECT CASE
            WHEN o.state IN ('FAILED', 'UNDELIVERED', 'CANCELLED') THEN 'STAND_IN_ENDED'
            WHEN o.recipient_id IS DISTINCT FROM n.recipient_id THEN 'SOMEBODY_ELSE_TOLD'
            WHEN o.state IN ('SENT', 'DELIVERED') THEN 'STAND_IN_SENT'
            ELSE 'STAND_IN_ON_ITS_WAY'
        END
        FROM (
            SELECT o.state, o.recipient_id FROM orchestration.notification o
            WHERE o.task_id = n.task_id AND o.kind = n.kind AND orchestration.stands_in_for(o, n)
            UNION ALL
            SELECT o.state, o.recipient_id FROM orchestration.notification o
            -- Neither `o.task_id IS NULL` nor `o.kind = n.kind`: for each message, all that are about no task, or are of
            -- its kind, would be looked through by a second index.
            WHERE n.task_id IS NULL AND o.episode_id = n.episode_id AND o.task_id IS NOT DISTINCT FROM n.task_id
              AND o.kind || '' = n.kind AND orchestration.stands_in_for(o, n)
            UNION ALL
            SELECT o.state, o.recipient_id FROM orchestration.notification o
            WHERE n.task_id IS NULL AND n.episode_id IS NULL AND o.again_of = n.id
              AND orchestration.stands_in_for(o, n)
            UNION ALL
            SELECT o.state, o.recipient_id FROM orchestration.notification o
            WHERE n.task_id IS NULL AND n.episode_id IS NULL
              AND o.resent_of = coalesce(
                  n.resent_of,
                  (SELECT tried.resent_of FROM orchestration.notification tried WHERE tried.id = n.again_of),
                  n.again_of,
                  n.id
              )
              AND orchestration.stands_in_for(o, n)
        ) AS o
        ORDER BY o.state IN ('FAILED', 'UNDELIVERED', 'CANCELLED'), o.recipient_id IS DISTINCT FROM n.recipient_id,
                 o.state IN ('SENT', 'DELIVERED')
        LIMIT 1
    )
    FROM orchestration.notification n
    WHERE n.id = ANY (stand_ins.ids)
$$;
COMMENT ON FUNCTION orchestration.stand_ins(uuid[]) IS
    'How it stands with the message that makes it needless to send each of these messages again; NULL if there is none';

CREATE OR REPLACE FUNCTION orchestration.hindrances(ids uuid[], also_sent boolean)
    RETURNS TABLE (id uuid, hindrance text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.id, coalesce(
        CASE WHEN n.named_by IS NOT NULL THEN 'IN_DIGEST' WHEN n.ended_by IS NOT NULL THEN 'ENDED_BY_SOMEBODY' END,
        s.stand_in,
        -- One that was cancelled after it had been in doubt was perhaps sent; of one that failed the last attempt was
        -- refused, or not found. A text that was given up may be found at the phone company all the same.
        CASE WHEN NOT hindrances.also_sent AND (
            n.state NOT IN ('FAILED', 'UNDELIVERED', 'CANCELLED')
            OR (n.state = 'CANCELLED' AND n.doubtful_since IS NOT NULL)
            OR EXISTS (
                SELECT FROM orchestration.lost_attempt l
                WHERE l.notification_id = n.id AND (l.found_sid IS NOT NULL OR l.look_at IS NOT NULL)
                OFFSET 0
            )
        ) THEN 'MAY_HAVE_ARRIVED' END
    )
    FROM orchestration.stand_ins(hindrances.ids) s
    JOIN orchestration.notification n ON n.id = s.id
$$;
COMMENT ON FUNCTION orchestration.hindrances(uuid[], boolean) IS
    'Why each of these messages, which are over, is not sent again together with others, as far as the ledger knows; '
    'NULL if it may be';

CREATE OR REPLACE FUNCTION orchestration.hindrances_by_now(ids uuid[], also_sent boolean)
    RETURNS TABLE (id uuid, hindrance text) LANGUAGE plpgsql ROWS 500 AS $$
BEGIN
    -- A sensor that makes the same message anew at this moment gives it another key. So the questions under way are
    -- waited for, and the next ones wait for this; and the statement below, in a function that is volatile, sees what was
    -- committed before it began.
    PERFORM pg_advisory_xact_lock(hashtextextended('orchestration.replay', 0));
    RETURN QUERY SELECT h.id, h.hindrance FROM orchestration.hindrances(ids, also_sent) h;
END $$;
COMMENT ON FUNCTION orchestration.hindrances_by_now(uuid[], boolean) IS
    'The same, once nobody else is about to make messages that would stand in the way; until the transaction is over '
    'nobody does';

CREATE OR REPLACE FUNCTION orchestration.is_replayed(n orchestration.notification) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.resent_of IS NOT NULL AND EXISTS (
        SELECT FROM orchestration.operator_action a WHERE a.notification_id = n.id AND a.verb = 'replay'
    )
$$;
COMMENT ON FUNCTION orchestration.is_replayed(orchestration.notification) IS
    'Whether a message is sent again together with others, and not because a person has asked for this one';

CREATE OR REPLACE FUNCTION orchestration.due_since(n orchestration.notification) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A check-in that is sent again keeps its time, hours ago: it is as stale as ever, but nobody has let it wait.
    SELECT CASE WHEN n.resent_of IS NULL THEN coalesce(n.due_at, n.owed_since)
                ELSE greatest(coalesce(n.due_at, n.owed_since), n.created_at) END
$$;
COMMENT ON FUNCTION orchestration.due_since(orchestration.notification) IS
    'Since when a message that is not sent yet has waited; one that is sent again, since the order';

-- --- who is owed a message -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION orchestration.owed_task_created(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks, created since we went live, have an assignee who is not told (or no assignee, and nobody is
    -- told of that)? A nurse is told each time that a task becomes hers, also when it is given back to her or opened
    -- again, but of one task three times an hour at most. With created_within the question is about recent tasks alone:
    -- that costs next to nothing, and a sensor asks it between two questions about all tasks.
    SELECT 'task-created', 'ASSIGNEE',
           orchestration.task_created_key(t.id, t.assigned_to_user_id)
               || coalesce(':' || CAST(nullif(told.times, 0) + 1 AS text), ''),
           t.id, t.episode_id, t.assigned_to_user_id, t.severity, orchestration.urgency(t.severity),
           -- An application's clock may be ahead of ours.
           least(
               coalesce(orchestration.plausible_time(greatest(t.created_at, t.updated_at)), orchestration.clock()),
               orchestration.clock()
           ),
           NULL::timestamptz, NULL::timestamptz, NULL::uuid, CAST(told.times + 1 AS smallint)
    FROM (
        SELECT t.id, t.episode_id, t.severity, t.assigned_to_user_id, t.created_at, t.updated_at
        FROM orchestration.care_task t
        WHERE NOT t.is_closed
          AND ((terms).subject_ids IS NULL OR t.id = ANY ((terms).subject_ids))
          AND coalesce(t.created_at, t.updated_at, orchestration.clock())
              >= coalesce((terms).go_live_at, (SELECT g.go_live_at FROM orchestration.go_live g))
          AND ((terms).created_within IS NULL OR t.created_at >= orchestration.clock() - (terms).created_within)
          -- A number, and not EXISTS: of a comparison with 0 the planner expects few rows to pass, of EXISTS half of
          -- them.
          AND coalesce((
              SELECT 1 FROM orchestration.tellings(t.id, t.assigned_to_user_id) n
              WHERE orchestration.holds(n, t.resolved_at)
              LIMIT 1
          ), 0) = 0
        OFFSET 0  -- the count below is made only for the tasks that are left
    ) AS t
    CROSS JOIN LATERAL (
        SELECT count(*) AS times,
               count(*) FILTER (WHERE n.created_at > orchestration.clock() - interval '1 hour') AS times_lately
        FROM orchestration.tellings(t.id, t.assigned_to_user_id) n
    ) AS told
    WHERE told.times_lately < 3
$$;
COMMENT ON FUNCTION orchestration.owed_task_created(orchestration.terms) IS
    'Nurses who are not told of a task that is theirs';

CREATE OR REPLACE FUNCTION orchestration.owed_check_in(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which episodes, created since we went live, have no row in the ledger? An episode older than a week and the delay
    -- is left out: its check-in would be stale by now, and the question stays as cheap as it is with few episodes. An
    -- episode that does not say when it was created counts from the discharge.
    SELECT 'check-in', 'PATIENT', orchestration.check_in_key(e.id),
           NULL::text, e.id, e.patient_id, NULL::text, orchestration.urgency('LOW'),
           coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at)),
           NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL::smallint
    FROM orchestration.care_episode e
    CROSS JOIN LATERAL (
        SELECT greatest(
            coalesce((terms).go_live_at, (SELECT g.workflows_live_at FROM orchestration.go_live g)),
            orchestration.clock() - interval '7 days' - (terms).check_in_delay
        ) AS since
    ) AS live
    -- The upper bound is always true. If the planner does not know a range's two bounds, it expects one row in 200; of
    -- a range with one bound it expects every third row. The sub-select hides the upper bound from it.
    WHERE ((e.created_at >= live.since AND e.created_at <= (SELECT timestamptz 'infinity')) OR e.created_at IS NULL)
      AND ((terms).subject_ids IS NULL OR e.id = ANY ((terms).subject_ids))
      AND coalesce(orchestration.plausible_time(e.created_at), orchestration.plausible_time(e.discharge_at))
          >= live.since
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n WHERE n.business_key = orchestration.check_in_key(e.id)
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.owed_check_in(orchestration.terms) IS
    'Patients whose check-in is not scheduled';

CREATE OR REPLACE FUNCTION orchestration.owed_sla_warning(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks, created since we went live, come to their SLA within the window, have at least half of their
    -- time over, and have a nurse who was not warned of that SLA?
    SELECT 'sla-warning', 'ASSIGNEE', orchestration.sla_key('sla-warning', t.id, t.sla_due_at),
           t.id, t.episode_id, t.assigned_to_user_id, t.severity, orchestration.urgency(t.severity),
           -- A row counts from the scan that makes it; whoever asks what will be owed is told since when a scan might have.
           CASE WHEN (terms).until IS NULL THEN orchestration.clock()
                ELSE greatest(
                    t.sla_due_at - (terms).sla_warning_window, half.at, orchestration.plausible_time(t.created_at),
                    coalesce((terms).go_live_at, (SELECT g.workflows_live_at FROM orchestration.go_live g))
                ) END,
           t.sla_due_at, NULL::timestamptz, NULL::uuid, NULL::smallint
    FROM orchestration.care_task t
    CROSS JOIN LATERAL (
        SELECT CASE WHEN orchestration.plausible_time(t.created_at) IS NOT NULL
                         AND orchestration.plausible_time(t.sla_due_at) IS NOT NULL
                    THEN t.created_at + (t.sla_due_at - t.created_at) / 2 END AS at
    ) AS half
    WHERE NOT t.is_closed
      AND ((terms).subject_ids IS NULL OR t.id = ANY ((terms).subject_ids))
      AND t.sla_due_at > orchestration.clock()
      AND t.sla_due_at <= coalesce((terms).until, orchestration.clock()) + (terms).sla_warning_window
      AND orchestration.plausible_time(t.sla_due_at) IS NOT NULL
      AND (half.at <= coalesce((terms).until, orchestration.clock())) IS NOT FALSE
      AND coalesce(t.created_at, t.updated_at, orchestration.clock())
          >= coalesce((terms).go_live_at, (SELECT g.go_live_at FROM orchestration.go_live g))
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.business_key = orchestration.sla_key('sla-warning', t.id, t.sla_due_at)
            AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
            AND (n.state <> 'FAILED' OR n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id)
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.owed_sla_warning(orchestration.terms) IS
    'Nurses who are not warned of an SLA that is near';

CREATE OR REPLACE FUNCTION orchestration.owed_sla_breach(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks, created since we went live, have passed their SLA and have a nurse who was not alerted?
    SELECT 'sla-breach', 'ASSIGNEE', orchestration.sla_key('sla-breach', t.id, t.sla_due_at),
           t.id, t.episode_id, t.assigned_to_user_id, t.severity, orchestration.urgency(t.severity),
           greatest(t.sla_due_at, orchestration.plausible_time(t.created_at)),
           t.sla_due_at, NULL::timestamptz, NULL::uuid, NULL::smallint
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND ((terms).subject_ids IS NULL OR t.id = ANY ((terms).subject_ids))
      AND t.sla_due_at <= coalesce((terms).until, orchestration.clock())
      AND orchestration.plausible_time(t.sla_due_at) IS NOT NULL
      AND coalesce(t.created_at, t.updated_at, orchestration.clock())
          >= coalesce((terms).go_live_at, (SELECT g.go_live_at FROM orchestration.go_live g))
      AND greatest(t.sla_due_at, t.created_at)
          >= coalesce((terms).go_live_at, (SELECT g.workflows_live_at FROM orchestration.go_live g))
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.business_key = orchestration.sla_key('sla-breach', t.id, t.sla_due_at)
            AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
            AND (n.state <> 'FAILED' OR n.recipient_id IS NOT DISTINCT FROM t.assigned_to_user_id)
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.owed_sla_breach(orchestration.terms) IS
    'Nurses who are not alerted to an SLA that has passed';

CREATE OR REPLACE FUNCTION orchestration.owed_sla_escalation(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks had their breach alert longer ago than the escalation's delay, and have no escalation that is
    -- scheduled, on its way or sent? Usually the breach's own run has scheduled it. This question finds tasks whose run
    -- died first, and tasks whose escalation reached nobody.
    SELECT 'sla-escalation', 'ON_CALL', orchestration.sla_key('sla-escalation', t.id, t.sla_due_at),
           t.id, t.episode_id, NULL::text, t.severity, orchestration.urgency(t.severity),
           breach.alerted_at + (terms).escalation_delay,
           t.sla_due_at, breach.alerted_at + (terms).escalation_delay, breach.id, NULL::smallint
    FROM (
        SELECT t.id, t.episode_id, t.severity, t.sla_due_at
        FROM orchestration.care_task t
        WHERE NOT t.is_closed
          AND ((terms).subject_ids IS NULL OR t.id = ANY ((terms).subject_ids))
          AND t.sla_due_at <= orchestration.clock()
          AND t.sla_due_at >= (SELECT timestamptz '-infinity')  -- always true, as with check-ins
        OFFSET 0
    ) AS t
    CROSS JOIN LATERAL orchestration.breach_alert(t.id, t.sla_due_at) AS breach
    WHERE breach.state NOT IN ('QUEUED', 'SENDING')
      AND breach.alerted_at + (terms).escalation_delay <= coalesce((terms).until, orchestration.clock())
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.task_id = t.id AND n.kind = 'sla-escalation' AND n.sla_due_at = t.sla_due_at
            AND orchestration.is_told(n)
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.owed_sla_escalation(orchestration.terms) IS
    'Supervisors who are not told of a breach that nobody acted upon';

CREATE OR REPLACE FUNCTION orchestration.suspects(task_id text, nurse_id text) RETURNS SETOF orchestration.notification
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The inner SELECT has the words of the index notification_suspect: so only its rows are looked at, and not those
    -- of every open task.
    SELECT f.*
    FROM (
        SELECT n.*
        FROM orchestration.notification n
        WHERE n.task_id = suspects.task_id
          AND n.task_id IS NOT NULL
          AND (
              n.state IN ('FAILED', 'HELD', 'UNDELIVERED')
              OR (n.state = 'QUEUED' AND n.refusals > 0)
              OR (n.urgency = 0 AND (n.state = 'IN_DOUBT' OR (n.state = 'SENT' AND n.receipt_at IS NOT NULL)))
          )
          AND (n.over_at >= n.created_at) IS NOT TRUE
        OFFSET 0
    ) AS f
    WHERE f.recipient_id IS NOT DISTINCT FROM suspects.nurse_id
      AND f.channel = 'SMS'  -- a call proves nothing, whether it is answered or not
      AND orchestration.audience_of(f.audience, f.kind) = 'ASSIGNEE'
$$;
COMMENT ON FUNCTION orchestration.suspects(text, text) IS
    'The texts about a task that may not have reached the nurse who has it';

CREATE OR REPLACE FUNCTION orchestration.texts_without_receipt(task_id text, nurse_id text)
    RETURNS SETOF orchestration.notification LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- As `suspects`, of any severity, and only those that the phone company was asked to take. A task that a digest
    -- tells of has the digest's receipt.
    SELECT n.*
    FROM orchestration.notification n
    WHERE n.task_id = texts_without_receipt.task_id AND n.recipient_id = texts_without_receipt.nurse_id
      AND n.channel = 'SMS' AND orchestration.audience_of(n.audience, n.kind) = 'ASSIGNEE'
      AND n.attempted_at IS NOT NULL
      -- As a CASE, so that the rows are found by their task alone: a planner without statistics would put indexes on the
      -- state beside it.
      AND CASE n.state
          WHEN 'QUEUED' THEN n.refusals > 0
          WHEN 'SENT' THEN coalesce(
              n.receipt_at, (SELECT d.receipt_at FROM orchestration.notification d WHERE d.id = n.named_by)
          ) IS NOT NULL
          ELSE n.state IN ('FAILED', 'HELD', 'UNDELIVERED', 'IN_DOUBT') END
      AND (n.over_at >= n.created_at) IS NOT TRUE
$$;
COMMENT ON FUNCTION orchestration.texts_without_receipt(text, text) IS
    'The texts about a task that were tried, and that may not have reached the nurse who has it';

CREATE OR REPLACE FUNCTION orchestration.reached_since(
    task_id text, nurse_id text, state text, created_at timestamptz, attempted_at timestamptz
) RETURNS TABLE (at timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    (
        SELECT n.sent_at
        FROM orchestration.notification n
        WHERE n.task_id = reached_since.task_id AND n.recipient_id = reached_since.nurse_id
          AND n.created_at > reached_since.created_at
          AND n.channel = 'SMS'  -- an answering machine may have answered a call
          AND orchestration.audience_of(n.audience, n.kind) = 'ASSIGNEE'
          AND (n.state = 'DELIVERED' OR (n.state = 'SENT' AND reached_since.state <> 'SENT'))
        OFFSET 0
    )
    UNION ALL
    (
        -- Who answers has been reached, whatever the receipt says.
        SELECT a.at
        FROM orchestration.answer a
        WHERE a.task_id = reached_since.task_id AND a.person_id = reached_since.nurse_id
          AND a.at >= coalesce(reached_since.attempted_at, reached_since.created_at)
        OFFSET 0
    )
$$;
COMMENT ON FUNCTION orchestration.reached_since(text, text, text, timestamptz, timestamptz) IS
    'When a nurse has been reached about a task after a text that did not reach her: by a later text, or as she has answered';

CREATE OR REPLACE FUNCTION orchestration.not_reached(
    id uuid, channel text, task_id text, nurse_id text, state text, urgency smallint, created_at timestamptz,
    attempted_at timestamptz, doubtful_since timestamptz, is_picked_up boolean, receipt_window interval
) RETURNS TABLE (is_certain boolean) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT not_reached.state NOT IN ('SENT', 'IN_DOUBT')
    WHERE (
          not_reached.state IN ('FAILED', 'HELD')
          -- The text was refused for an unknown reason, and so far only this nurse's texts were: a text to a supervisor
          -- shows whether others go out.
          OR (
              not_reached.state = 'QUEUED'
              AND not_reached.nurse_id = (
                  SELECT p.refused_recipient_id FROM orchestration.provider p WHERE p.channel = not_reached.channel
              )
              AND not_reached.created_at <= orchestration.clock()
                  - CASE WHEN not_reached.urgency = 0 THEN interval '0' ELSE not_reached.receipt_window END
          )
          OR (
              not_reached.state = 'UNDELIVERED'
              AND (
                  not_reached.urgency = 0
                  OR NOT EXISTS (
                      SELECT FROM orchestration.notification n
                      WHERE n.again_of = not_reached.id AND n.state <> 'CANCELLED'
                  )
              )
          )
          OR (
              NOT not_reached.is_picked_up
              AND CASE not_reached.state WHEN 'SENT' THEN not_reached.attempted_at
                                         WHEN 'IN_DOUBT' THEN not_reached.doubtful_since END
                  <= orchestration.clock() - not_reached.receipt_window
          )
      )
      AND NOT EXISTS (
          SELECT FROM orchestration.reached_since(
              not_reached.task_id, not_reached.nurse_id, not_reached.state, not_reached.created_at,
              not_reached.attempted_at
          )
      )
$$;
COMMENT ON FUNCTION orchestration.not_reached(
    uuid, text, text, text, text, smallint, timestamptz, timestamptz, timestamptz, boolean, interval
) IS
    'A row if a text has not reached its nurse, as far as can be known, and no later one has';

CREATE OR REPLACE FUNCTION orchestration.unreached_since(
    id uuid, state text, urgency smallint, created_at timestamptz, attempted_at timestamptz,
    doubtful_since timestamptz, receipt_window interval
) RETURNS TABLE (since timestamptz) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN unreached_since.state = 'SENT' THEN unreached_since.attempted_at + unreached_since.receipt_window
                WHEN unreached_since.state = 'IN_DOUBT'
                THEN unreached_since.doubtful_since + unreached_since.receipt_window
                WHEN unreached_since.state = 'QUEUED' AND unreached_since.urgency > 0
                THEN unreached_since.created_at + unreached_since.receipt_window
                WHEN unreached_since.state = 'QUEUED' THEN unreached_since.created_at
                ELSE coalesce(
                    (SELECT max(e.at) FROM orchestration.notification_event e
                     WHERE e.notification_id = unreached_since.id AND e.from_state IS DISTINCT FROM e.to_state),
                    unreached_since.created_at
                ) END
$$;
COMMENT ON FUNCTION orchestration.unreached_since(
    uuid, text, smallint, timestamptz, timestamptz, timestamptz, interval
) IS
    'Since when a text that is `not_reached` has counted as not having reached its nurse';

CREATE OR REPLACE FUNCTION orchestration.spell(task_id text, nurse_id text)
    RETURNS TABLE (since timestamptz, turn smallint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A second try, a message that an operator sends again, or another one of the same turn begins no new spell.
    SELECT coalesce(min(telling.created_at) FILTER (WHERE telling.turn = telling.newest), '-infinity'), max(telling.newest)
    FROM (
        SELECT n.created_at, coalesce(n.turn, CAST(1 AS smallint)) AS turn,
               first_value(coalesce(n.turn, CAST(1 AS smallint))) OVER (ORDER BY n.created_at DESC) AS newest
        FROM orchestration.notification n
        WHERE n.task_id = spell.task_id AND n.kind = 'task-created'
          AND n.recipient_id IS NOT DISTINCT FROM spell.nurse_id AND n.again_of IS NULL AND n.resent_of IS NULL
    ) AS telling
$$;
COMMENT ON FUNCTION orchestration.spell(text, text) IS
    'Since when a nurse has a task this time: the time of the message that told her of it, and that message''s turn';

CREATE OR REPLACE FUNCTION orchestration.spell_key(task_id text, nurse_id text, turn smallint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- '#', because a supervisor's id follows in a longer key, and may be a number as well.
    SELECT orchestration.unreached_key(task_id, nurse_id) || coalesce('#' || nullif(turn, 1), '')
$$;
COMMENT ON FUNCTION orchestration.spell_key(text, text, smallint) IS
    'The business key of the message to a supervisor about a nurse who cannot be reached about a task, in this spell';

CREATE OR REPLACE FUNCTION orchestration.owed_nurse_unreached(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks have a message to the assignee that failed, was held or was not delivered (for a critical task:
    -- is not known to be delivered), with no later message that reached her, and no supervisor told or being told of
    -- it? A task that nobody is assigned to has the grace first; but not if it is critical, or if there was just no
    -- nurse to give it to. A task that comes back to a nurse who cannot be reached, or to nobody, is reported anew.
    SELECT DISTINCT ON (
               orchestration.urgency(f.severity), orchestration.spell_key(f.task_id, f.recipient_id, spell.turn)
           )
           'nurse-unreached', 'ON_CALL', orchestration.spell_key(f.task_id, f.recipient_id, spell.turn),
           f.task_id, f.episode_id, NULL::text, f.severity, orchestration.urgency(f.severity),
           -- A row counts from when it is made; whoever asks what will be owed is told since when.
           CASE WHEN (terms).until IS NULL THEN orchestration.clock()
                ELSE greatest(
                    grace.ends_at,
                    (SELECT u.since FROM orchestration.unreached_since(
                        f.id, f.state, f.urgency, f.created_at, f.attempted_at, f.doubtful_since,
                        (terms).receipt_window
                    ) AS u)
                ) END,
           NULL::timestamptz, NULL::timestamptz, f.id, NULL::smallint
    FROM (
        SELECT t.severity, t.episode_id, t.is_taken, f.id, f.channel, f.task_id, f.recipient_id, f.state, f.urgency,
               f.created_at, f.attempted_at, f.doubtful_since, f.owed_since
        FROM orchestration.care_task t
        CROSS JOIN LATERAL orchestration.suspects(t.id, t.assigned_to_user_id) AS f
        WHERE NOT t.is_closed
          AND ((terms).subject_ids IS NULL OR t.id = ANY ((terms).subject_ids))
        OFFSET 0
    ) AS f
    CROSS JOIN LATERAL orchestration.spell(f.task_id, f.recipient_id) AS spell
    CROSS JOIN LATERAL orchestration.not_reached(
        f.id, f.channel, f.task_id, f.recipient_id, f.state, f.urgency, f.created_at, f.attempted_at, f.doubtful_since,
        f.is_taken, (terms).receipt_window
    )
    CROSS JOIN LATERAL (
        SELECT CASE WHEN f.recipient_id IS NOT NULL OR f.severity = 'CRITICAL' OR orchestration.has_no_taker(f.task_id)
                    THEN timestamptz '-infinity'
                    ELSE least(f.owed_since, f.created_at) + (terms).unassigned_grace END AS ends_at
    ) AS grace
    WHERE f.created_at >= spell.since
      AND f.created_at >= coalesce((terms).go_live_at, (SELECT g.workflows_live_at FROM orchestration.go_live g))
      AND grace.ends_at <= coalesce((terms).until, orchestration.clock())
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          JOIN orchestration.notification reported ON reported.id = n.because_of
          WHERE n.kind = 'nurse-unreached' AND n.task_id = f.task_id AND orchestration.is_told(n)
            AND reported.recipient_id IS NOT DISTINCT FROM f.recipient_id AND n.created_at >= spell.since
          OFFSET 0
      )
    ORDER BY orchestration.urgency(f.severity), orchestration.spell_key(f.task_id, f.recipient_id, spell.turn),
             f.created_at DESC
$$;
COMMENT ON FUNCTION orchestration.owed_nurse_unreached(orchestration.terms) IS
    'Supervisors who are not told of a nurse whom a text did not reach, or of a task that is nobody''s';

CREATE OR REPLACE FUNCTION orchestration.call_key(task_id text, nurse_id text, turn smallint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'nurse-call:' || task_id || ':' || nurse_id || coalesce('#' || nullif(turn, 1), '')
$$;
COMMENT ON FUNCTION orchestration.call_key(text, text, smallint) IS
    'The business key of the call to a nurse whom no text about a task has reached, in this spell';

CREATE OR REPLACE FUNCTION orchestration.owed_nurse_call(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which nurses has a text not reached that is about an open task that nobody works on, of a severity that nurses are
    -- called for (call_for, NULL if for none), with no later text that has, and no call in this spell? A text that was
    -- never handed to the phone company says that her record is wrong: then nobody can call her either. Whom a text did
    -- not reach longer than an hour ago is not called any more: else many would be called when the setting is changed,
    -- or after an outage; her supervisors know. A call names no task, so one call stands for all that had not reached
    -- her by then, the most severe of them; and five minutes pass between two calls to her.
    SELECT DISTINCT ON (f.recipient_id)
           'nurse-call', 'ASSIGNEE', orchestration.call_key(f.task_id, f.recipient_id, spell.turn),
           f.task_id, f.episode_id, f.recipient_id, f.severity, orchestration.urgency(f.severity),
           CASE WHEN (terms).until IS NULL THEN orchestration.clock() ELSE unreached.since END,
           NULL::timestamptz, NULL::timestamptz, f.id, NULL::smallint
    FROM (
        SELECT t.severity, t.episode_id, f.id, f.channel, f.task_id, f.recipient_id, f.state, f.urgency, f.created_at,
               f.attempted_at, f.doubtful_since
        FROM orchestration.care_task t
        CROSS JOIN LATERAL orchestration.texts_without_receipt(t.id, t.assigned_to_user_id) AS f
        WHERE NOT t.is_closed
          AND NOT t.is_taken
          AND orchestration.urgency(t.severity) <= (SELECT s.call_for FROM orchestration.terms_in_force s)
          AND ((terms).subject_ids IS NULL OR t.id = ANY ((terms).subject_ids))
        OFFSET 0
    ) AS f
    CROSS JOIN LATERAL orchestration.spell(f.task_id, f.recipient_id) AS spell
    CROSS JOIN LATERAL orchestration.not_reached(
        f.id, f.channel, f.task_id, f.recipient_id, f.state, f.urgency, f.created_at, f.attempted_at, f.doubtful_since,
        false, (terms).receipt_window
    )
    CROSS JOIN LATERAL orchestration.unreached_since(
        f.id, f.state, f.urgency, f.created_at, f.attempted_at, f.doubtful_since, (terms).receipt_window
    ) AS unreached
    WHERE f.created_at >= spell.since
      AND f.created_at >= coalesce((terms).go_live_at, (SELECT g.workflows_live_at FROM orchestration.go_live g))
      AND unreached.since > orchestration.clock() - interval '1 hour'
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.business_key = orchestration.call_key(f.task_id, f.recipient_id, spell.turn)
            AND (n.state <> 'CANCELLED' OR n.ended_by IS NOT NULL)
          OFFSET 0
      )
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.channel = 'VOICE' AND n.recipient_id = f.recipient_id AND n.state <> 'CANCELLED'
            -- The time of the call; a call that waits is still to come.
            AND coalesce(n.attempted_at, CASE n.state WHEN 'QUEUED' THEN orchestration.clock() ELSE n.created_at END)
                >= least(unreached.since, orchestration.clock() - interval '5 minutes')
          OFFSET 0
      )
    ORDER BY f.recipient_id, orchestration.urgency(f.severity), f.created_at DESC
$$;
COMMENT ON FUNCTION orchestration.owed_nurse_call(orchestration.terms) IS
    'Nurses who are not called about a task although no text about it has reached them';

CREATE OR REPLACE FUNCTION orchestration.unassigned_tasks(go_live_at timestamptz)
    RETURNS TABLE (id text, episode_id text, severity text, created_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks, created since we went live, have no assignee, were never given to anybody, and are due for a
    -- try? A task is not due while a run has it, or just after a run found nobody to give it to.
    SELECT t.id, t.episode_id, t.severity, orchestration.plausible_time(t.created_at)
    FROM orchestration.care_task t
    WHERE NOT t.is_closed
      AND t.assigned_to_user_id IS NULL
      AND coalesce(t.created_at, t.updated_at, orchestration.clock())
          >= coalesce(unassigned_tasks.go_live_at, (SELECT g.go_live_at FROM orchestration.go_live g))
      AND NOT EXISTS (
          SELECT FROM orchestration.assignment a
          WHERE a.task_id = t.id AND (a.person_id IS NOT NULL OR a.next_try_at > orchestration.clock())
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.unassigned_tasks(timestamptz) IS 'Tasks that are to be given to a nurse';

-- --- messages that somebody asks for by id
-- ----------------------------------------------------------------------------

-- The application's tasks and episodes with these ids, looked up by the type of their column: so its index serves.
DO $do$
DECLARE
    type_of_tasks text := format_type(atttypid, atttypmod)
        FROM pg_attribute WHERE attrelid = 'orchestration.care_task'::regclass AND attname = 'key';
    type_of_episodes text := format_type(atttypid, atttypmod)
        FROM pg_attribute WHERE attrelid = 'orchestration.care_episode'::regclass AND attname = 'key';
BEGIN
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION orchestration.care_tasks(ids text[])
            RETURNS TABLE (id text, episode_id text, severity text, is_closed boolean, is_taken boolean,
                           sla_due_at timestamptz, assigned_to_user_id text, resolved_at timestamptz,
                           created_at timestamptz, updated_at timestamptz)
            LANGUAGE sql STABLE PARALLEL SAFE AS $$
            SELECT t.id, t.episode_id, t.severity, t.is_closed, t.is_taken, t.sla_due_at, t.assigned_to_user_id,
                   t.resolved_at, t.created_at, t.updated_at
            FROM orchestration.care_task t WHERE t.key = ANY (CAST(care_tasks.ids AS %s[]))
        $$
    $sql$, type_of_tasks);
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION orchestration.care_episodes(ids text[])
            RETURNS TABLE (id text, patient_id text, created_at timestamptz, discharge_at timestamptz)
            LANGUAGE sql STABLE PARALLEL SAFE AS $$
            SELECT e.id, e.patient_id, e.created_at, e.discharge_at
            FROM orchestration.care_episode e WHERE e.key = ANY (CAST(care_episodes.ids AS %s[]))
        $$
    $sql$, type_of_episodes);
END $do$;

CREATE OR REPLACE FUNCTION orchestration.hand_overs(task_ids text[], since timestamptz)
    RETURNS SETOF orchestration.answer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Who sends it twice within minutes has handed it over once.
    SELECT a.*
    FROM orchestration.answer a
    WHERE a.verb = 'HAND_OVER' AND a.outcome = 'DONE' AND a.at > hand_overs.since
      AND (hand_overs.task_ids IS NULL OR a.task_id = ANY (hand_overs.task_ids))
      AND NOT EXISTS (
          SELECT FROM orchestration.answer earlier
          WHERE earlier.task_id = a.task_id AND earlier.person_id = a.person_id AND earlier.verb = a.verb
            AND earlier.outcome = a.outcome AND earlier.id < a.id AND earlier.at > a.at - interval '10 minutes'
      )
$$;
COMMENT ON FUNCTION orchestration.hand_overs(text[], timestamptz) IS
    'The tasks (of these, or of all) that nurses have handed over by text since then';

CREATE OR REPLACE FUNCTION orchestration.owed_handed_over(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Which open tasks have been handed over by text in the last day, still are with whoever handed them over, and no
    -- supervisor has been told or is being told of that?
    SELECT 'handed-over', 'ON_CALL', orchestration.handed_over_key(a.task_id, a.sid), a.task_id, t.episode_id,
           NULL::text, t.severity, orchestration.urgency(t.severity), a.at, NULL::timestamptz, NULL::timestamptz,
           a.notification_id, NULL::smallint
    FROM (
        SELECT * FROM orchestration.hand_overs((terms).subject_ids, orchestration.clock() - interval '1 day') OFFSET 0
    ) AS a
    CROSS JOIN LATERAL orchestration.care_tasks(ARRAY[a.task_id]) AS t
    WHERE NOT t.is_closed AND t.assigned_to_user_id = a.person_id
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.kind = 'handed-over' AND n.task_id = a.task_id
            AND n.occasion = orchestration.handed_over_key(a.task_id, a.sid) AND orchestration.is_told(n)
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.owed_handed_over(orchestration.terms) IS
    'Supervisors who are not told of a task that its nurse has handed over';

CREATE OR REPLACE FUNCTION orchestration.canary_key(hour timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'canary:' || to_char(canary_key.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24')
$$;
COMMENT ON FUNCTION orchestration.canary_key(timestamptz) IS
    'The business key of the test text that is owed from this full hour (UTC) on';

CREATE OR REPLACE FUNCTION orchestration.owed_canary(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- While canaries are on: has the hour that it is no canary yet? One that has failed or was cancelled is not made
    -- anew, and the canaries of hours that are over are not made up for. It is owed from the full hour on, or since
    -- canaries were switched on.
    SELECT 'canary', 'OPERATOR', orchestration.canary_key(hour.at), NULL::text, NULL::text, NULL::text, NULL::text,
           orchestration.urgency('LOW'), greatest(hour.at, t.canary_since), NULL::timestamptz, NULL::timestamptz,
           NULL::uuid, NULL::smallint
    FROM orchestration.terms_in_force t
    CROSS JOIN LATERAL (SELECT date_trunc('hour', orchestration.clock(), 'UTC') AS at) AS hour
    WHERE t.canary_since IS NOT NULL AND (terms).subject_ids IS NULL
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n WHERE n.business_key = orchestration.canary_key(hour.at)
          OFFSET 0
      )
$$;
COMMENT ON FUNCTION orchestration.owed_canary(orchestration.terms) IS
    'The test text of this hour to a number of our own, if there is none yet';

CREATE OR REPLACE FUNCTION orchestration.named_task_created(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The nurses of these tasks, in any state of the tasks: whether a text is wanted is asked before it is sent. If a
    -- text failed, its nurse is told again, by a message with the same key.
    SELECT 'task-created', 'ASSIGNEE',
           coalesce(
               told.business_key,
               orchestration.task_created_key(t.id, t.assigned_to_user_id)
                   || coalesce(':' || CAST(nullif(tellings.times, 0) + 1 AS text), '')
           ),
           t.id, t.episode_id, t.assigned_to_user_id, t.severity, orchestration.urgency(t.severity),
           orchestration.clock(), NULL::timestamptz, NULL::timestamptz, NULL::uuid,
           CASE WHEN told.business_key IS NULL THEN CAST(tellings.times + 1 AS smallint)
                ELSE coalesce(told.turn, CAST(1 AS smallint)) END
    FROM orchestration.care_tasks(ids) AS t
    CROSS JOIN LATERAL (
        SELECT count(*) AS times FROM orchestration.tellings(t.id, t.assigned_to_user_id)
    ) AS tellings
    LEFT JOIN LATERAL (
        SELECT n.business_key, n.turn FROM orchestration.tellings(t.id, t.assigned_to_user_id) AS n
        WHERE orchestration.holds(n, t.resolved_at)
        ORDER BY n.created_at DESC
        LIMIT 1
    ) AS told ON true
$$;

CREATE OR REPLACE FUNCTION orchestration.named_check_in(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'check-in', 'PATIENT', orchestration.check_in_key(e.id), NULL::text, e.id, e.patient_id, NULL::text,
           orchestration.urgency('LOW'), orchestration.clock(), NULL::timestamptz, NULL::timestamptz, NULL::uuid,
           NULL::smallint
    FROM orchestration.care_episodes(ids) AS e
$$;

CREATE OR REPLACE FUNCTION orchestration.named_check_in_now(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The same check-ins, due now: they are sent and not only scheduled.
    SELECT 'check-in', 'PATIENT', orchestration.check_in_key(e.id), NULL::text, e.id, e.patient_id, NULL::text,
           orchestration.urgency('LOW'), orchestration.clock(), NULL::timestamptz, orchestration.clock(), NULL::uuid,
           NULL::smallint
    FROM orchestration.care_episodes(ids) AS e
$$;

CREATE OR REPLACE FUNCTION orchestration.named_sla_warning(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- A warning has its time: given too early, it would be missing when it is due. But a person need not wait until
    -- half of the task's time is over.
    SELECT 'sla-warning', 'ASSIGNEE',
           orchestration.sla_key('sla-warning', t.id, orchestration.plausible_time(t.sla_due_at)),
           t.id, t.episode_id, t.assigned_to_user_id, t.severity, orchestration.urgency(t.severity),
           orchestration.clock(), orchestration.plausible_time(t.sla_due_at), NULL::timestamptz, NULL::uuid,
           NULL::smallint
    FROM orchestration.care_tasks(ids) AS t
    WHERE (
        orchestration.plausible_time(t.sla_due_at) <= orchestration.clock() + (terms).sla_warning_window
    ) IS NOT FALSE
$$;

CREATE OR REPLACE FUNCTION orchestration.named_sla_breach(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'sla-breach', 'ASSIGNEE',
           orchestration.sla_key('sla-breach', t.id, orchestration.plausible_time(t.sla_due_at)),
           t.id, t.episode_id, t.assigned_to_user_id, t.severity, orchestration.urgency(t.severity),
           orchestration.clock(), orchestration.plausible_time(t.sla_due_at), NULL::timestamptz, NULL::uuid,
           NULL::smallint
    FROM orchestration.care_tasks(ids) AS t
$$;

CREATE OR REPLACE FUNCTION orchestration.named_sla_escalation(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Those of these tasks whose breach alert has gone out; asking by id does not bring an escalation forward.
    SELECT 'sla-escalation', 'ON_CALL', orchestration.sla_key('sla-escalation', t.id, t.sla_due_at),
           t.id, t.episode_id, NULL::text, t.severity, orchestration.urgency(t.severity),
           orchestration.clock(), t.sla_due_at, breach.alerted_at + (terms).escalation_delay, breach.id, NULL::smallint
    FROM orchestration.care_tasks(ids) AS t
    CROSS JOIN LATERAL orchestration.breach_alert(t.id, t.sla_due_at) AS breach
    WHERE breach.state NOT IN ('QUEUED', 'SENDING')
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          WHERE n.task_id = t.id AND n.kind = 'sla-escalation' AND n.sla_due_at = t.sla_due_at
            AND orchestration.is_told(n) AND n.recipient_id IS NOT NULL
      )
$$;

CREATE OR REPLACE FUNCTION orchestration.named_nurse_unreached(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Those of these tasks with a message that did not reach the assignee; there is no grace.
    SELECT DISTINCT ON (orchestration.spell_key(f.task_id, f.recipient_id, spell.turn))
           'nurse-unreached', 'ON_CALL', orchestration.spell_key(f.task_id, f.recipient_id, spell.turn),
           f.task_id, t.episode_id, NULL::text, t.severity, orchestration.urgency(t.severity),
           orchestration.clock(), NULL::timestamptz, NULL::timestamptz, f.id, NULL::smallint
    FROM orchestration.care_tasks(ids) AS t
    CROSS JOIN LATERAL orchestration.suspects(t.id, t.assigned_to_user_id) AS f
    CROSS JOIN LATERAL orchestration.spell(f.task_id, f.recipient_id) AS spell
    CROSS JOIN LATERAL orchestration.not_reached(
        f.id, f.channel, f.task_id, f.recipient_id, f.state, f.urgency, f.created_at, f.attempted_at, f.doubtful_since,
        t.is_taken, (terms).receipt_window
    )
    WHERE f.created_at >= spell.since
      AND NOT EXISTS (
          SELECT FROM orchestration.notification n
          JOIN orchestration.notification reported ON reported.id = n.because_of
          WHERE n.kind = 'nurse-unreached' AND n.task_id = f.task_id AND orchestration.is_told(n)
            AND reported.recipient_id IS NOT DISTINCT FROM f.recipient_id AND n.created_at >= spell.since
            AND n.recipient_id IS NOT NULL
      )
    ORDER BY orchestration.spell_key(f.task_id, f.recipient_id, spell.turn), f.created_at DESC
$$;

CREATE OR REPLACE FUNCTION orchestration.named_handed_over(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Those of these tasks that whoever has them has handed over, the last time.
    SELECT DISTINCT ON (a.task_id)
           'handed-over', 'ON_CALL', orchestration.handed_over_key(a.task_id, a.sid), a.task_id, t.episode_id,
           NULL::text, t.severity, orchestration.urgency(t.severity), orchestration.clock(), NULL::timestamptz,
           NULL::timestamptz, a.notification_id, NULL::smallint
    FROM orchestration.care_tasks(ids) AS t
    JOIN orchestration.hand_overs(ids, '-infinity') AS a ON a.task_id = t.id AND a.person_id = t.assigned_to_user_id
    WHERE NOT EXISTS (
        SELECT FROM orchestration.notification n
        WHERE n.kind = 'handed-over' AND n.task_id = a.task_id
          AND n.occasion = orchestration.handed_over_key(a.task_id, a.sid)
          AND orchestration.is_told(n) AND n.recipient_id IS NOT NULL
    )
    ORDER BY a.task_id, a.id DESC
$$;

CREATE OR REPLACE FUNCTION orchestration.named_nurse_call(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Those of these tasks, of a severity that nurses are called for, with a text that did not reach the assignee, however
    -- long ago.
    SELECT DISTINCT ON (orchestration.call_key(f.task_id, f.recipient_id, spell.turn))
           'nurse-call', 'ASSIGNEE', orchestration.call_key(f.task_id, f.recipient_id, spell.turn),
           f.task_id, t.episode_id, f.recipient_id, t.severity, orchestration.urgency(t.severity),
           orchestration.clock(), NULL::timestamptz, NULL::timestamptz, f.id, NULL::smallint
    FROM orchestration.care_tasks(ids) AS t
    CROSS JOIN LATERAL orchestration.texts_without_receipt(t.id, t.assigned_to_user_id) AS f
    CROSS JOIN LATERAL orchestration.spell(f.task_id, f.recipient_id) AS spell
    CROSS JOIN LATERAL orchestration.not_reached(
        f.id, f.channel, f.task_id, f.recipient_id, f.state, f.urgency, f.created_at, f.attempted_at, f.doubtful_since,
        t.is_taken, (terms).receipt_window
    )
    WHERE f.created_at >= spell.since
      AND orchestration.urgency(t.severity) <= (SELECT s.call_for FROM orchestration.terms_in_force s)
    ORDER BY orchestration.call_key(f.task_id, f.recipient_id, spell.turn), f.created_at DESC
$$;

CREATE OR REPLACE FUNCTION orchestration.named_task_digest_now(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The digests with these ids that wait for their time. There are no others: a digest is made when it is needed.
    SELECT n.kind, n.audience, n.business_key, NULL::text, NULL::text, n.recipient_id, NULL::text, n.urgency,
           n.owed_since, NULL::timestamptz, n.due_at, NULL::uuid, NULL::smallint
    FROM orchestration.notification n
    WHERE n.id = ANY (ARRAY(
              SELECT CASE WHEN one ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN CAST(one AS uuid) END
              FROM unnest(ids) AS one
          ))
      AND n.kind = 'task-digest' AND n.state IN ('SCHEDULED', 'QUEUED')
$$;

CREATE OR REPLACE FUNCTION orchestration.named_canary(ids text[], terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The canaries with these ids that wait. There are no others: each hour has one.
    SELECT n.kind, n.audience, n.business_key, NULL::text, NULL::text, NULL::text, NULL::text, n.urgency,
           n.owed_since, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL::smallint
    FROM orchestration.notification n
    WHERE n.id = ANY (ARRAY(
              SELECT CASE WHEN one ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN CAST(one AS uuid) END
              FROM unnest(ids) AS one
          ))
      AND n.kind = 'canary' AND n.state = 'QUEUED'
$$;

CREATE OR REPLACE FUNCTION orchestration.named_unassigned(ids text[], go_live_at timestamptz)
    RETURNS TABLE (id text, episode_id text, severity text, created_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Those of these tasks that need a nurse, also while another run has them.
    SELECT t.id, t.episode_id, t.severity, orchestration.plausible_time(t.created_at)
    FROM orchestration.care_tasks(ids) AS t
    WHERE NOT t.is_closed
      AND t.assigned_to_user_id IS NULL
      AND coalesce(t.created_at, t.updated_at, orchestration.clock())
          >= coalesce(named_unassigned.go_live_at, (SELECT g.go_live_at FROM orchestration.go_live g))
      AND NOT EXISTS (
          SELECT FROM orchestration.assignment a WHERE a.task_id = t.id AND a.person_id IS NOT NULL
          OFFSET 0
      )
$$;

-- --- the way into the queue
-- -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION orchestration.admission(kind text, channel text)
    RETURNS TABLE (is_paused boolean, is_open boolean, must_wait boolean, on_trial boolean, refused_recipient_id text,
                   rows bigint, unstarted bigint, most_urgent smallint)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (SELECT FROM orchestration.pause WHERE pause.kind IN ('all', admission.kind)),
           p.is_open,
           coalesce(p.resume_at > orchestration.clock(), false),
           coalesce(p.trial_until > orchestration.clock(), false),
           p.refused_recipient_id,
           on_its_way.rows, on_its_way.unstarted, on_its_way.most_urgent
    FROM orchestration.provider p
    CROSS JOIN (
        SELECT count(*) AS rows,
               count(*) FILTER (WHERE run_id IS NULL) AS unstarted,
               -- A run that has been silent for two seconds does not keep less urgent messages waiting.
               min(urgency) FILTER (WHERE state = 'QUEUED' AND heard_of > orchestration.clock() - interval '2 seconds')
                   AS most_urgent
        FROM (
            SELECT n.state, n.run_id, n.urgency,
                   max(greatest(n.claimed_at, n.attempted_at)) OVER (PARTITION BY n.claim_id) AS heard_of
            FROM orchestration.notification n
            WHERE n.kind = admission.kind AND n.state IN ('QUEUED', 'SENDING') AND n.lease_until > orchestration.clock()
              AND n.claim_id IS NOT NULL
        ) AS claimed
    ) AS on_its_way
    WHERE p.channel = admission.channel
$$;
COMMENT ON FUNCTION orchestration.admission(text, text) IS
    'What decides how much of a kind of message may be claimed now. A hint: whether a message goes out is decided when '
    'its attempt begins';

CREATE OR REPLACE FUNCTION orchestration.ready(kind text, scheduled boolean, most integer, most_runs integer)
    RETURNS SETOF orchestration.notification LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT *
    FROM (
        (
            SELECT n.*
            FROM orchestration.notification n
            WHERE n.kind = ready.kind AND n.state = 'QUEUED' AND n.lease_until <= orchestration.clock()
              AND n.runs < ready.most_runs
              AND (n.due_at IS NOT NULL) = coalesce(ready.scheduled, n.due_at IS NOT NULL)
            ORDER BY n.urgency, n.owed_since
            LIMIT ready.most
        )
        UNION ALL
        (
            SELECT n.*
            FROM orchestration.notification n
            WHERE n.kind = ready.kind AND n.state = 'SCHEDULED' AND n.due_at <= orchestration.clock()
              AND coalesce(ready.scheduled, true)
              AND NOT orchestration.waits_for_digest(n)
            ORDER BY n.urgency, n.due_at
            LIMIT ready.most
        )
    ) AS waiting
    ORDER BY urgency, owed_since, business_key
    LIMIT ready.most
$$;
COMMENT ON FUNCTION orchestration.ready(text, boolean, integer, integer) IS
    'The queue, the most urgent first: messages that were just put there, that have fallen due, or that a dead run left '
    'behind; none that most_runs have died of, for it is about to be set aside';

CREATE OR REPLACE FUNCTION orchestration.enqueue(
    question text, kind text, channel text, terms orchestration.terms, room integer, few integer, not_to text,
    scheduled boolean, most integer, most_runs integer
)
    RETURNS TABLE (owed integer, enqueued integer, seconds double precision, is_paused boolean, is_open boolean,
                   must_wait boolean, on_trial boolean, refused_recipient_id text, rows bigint, unstarted bigint,
                   most_urgent smallint, id uuid, business_key text, task_id text, episode_id text, recipient_id text,
                   severity text, urgency smallint, owed_since timestamptz, runs smallint, failures smallint,
                   refusals smallint)
    LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
    owed_now integer := 0;
    enqueued_now integer := 0;
    seconds_now double precision;
BEGIN
    -- EXECUTE, because the question's name is a parameter; so each call is also planned for its own terms.
    IF question IS NOT NULL THEN
        -- A replay that is under way is waited for (`hindrances_by_now`), and the question sees what it has sent again.
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('orchestration.replay', 0));
        began := clock_timestamp();  -- to wait costs nothing: a question that seems dear is asked less often
        EXECUTE format($sql$
            WITH owed AS MATERIALIZED (
                SELECT q.*
                FROM orchestration.%I($1) AS q
                WHERE (q.recipient_id = $3) IS NOT TRUE
                ORDER BY q.urgency, q.owed_since, q.sla_due_at, q.business_key
                LIMIT $2
            ),
            chosen AS (
                -- If they are more than few, only the most urgent: the others would wait here with a severity that may
                -- change.
                SELECT o.* FROM owed o
                WHERE $4 IS NULL OR (SELECT count(*) FROM owed) <= $4 OR o.urgency = (SELECT min(urgency) FROM owed)
            ),
            enqueued AS (
                INSERT INTO orchestration.notification
                    (kind, channel, audience, business_key, occasion, task_id, episode_id, recipient_id, severity,
                     urgency, owed_since, sla_due_at, due_at, because_of, turn, state, lease_until)
                SELECT o.kind, $5, o.audience, o.business_key, o.business_key, o.task_id, o.episode_id, o.recipient_id,
                       o.severity, o.urgency, o.owed_since, o.sla_due_at, o.due_at, o.because_of, o.turn, 'QUEUED',
                       orchestration.clock()
                FROM chosen o
                ORDER BY o.business_key
                ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM owed), (SELECT count(*) FROM enqueued)
        $sql$, question) INTO owed_now, enqueued_now USING terms, room, not_to, few, channel;
    END IF;
    seconds_now := extract(epoch FROM clock_timestamp() - began);
    -- EXECUTE, because a plan that is kept may have been made while the table was empty.
    RETURN QUERY EXECUTE $sql$
        SELECT $1, $2, $3, a.*, w.id, w.business_key, w.task_id, w.episode_id, w.recipient_id, w.severity, w.urgency,
               w.owed_since, w.runs, w.failures, w.refusals
        FROM orchestration.ready($6, $7, $8, $9) w
        CROSS JOIN orchestration.admission($4, $5) a
        ORDER BY w.urgency, w.owed_since, w.business_key
    $sql$ USING owed_now, enqueued_now, seconds_now, kind, channel, kind, scheduled, most, most_runs;
    IF NOT FOUND THEN
        owed := owed_now;
        enqueued := enqueued_now;
        seconds := seconds_now;
        RETURN NEXT;
    END IF;
END $$;
COMMENT ON FUNCTION orchestration.enqueue(
    text, text, text, orchestration.terms, integer, integer, text, boolean, integer, integer
) IS
    'Put the messages that a question finds into the queue, as rows that are nobody''s: the most urgent, as many as '
    'there is room for. Return the queue (`ready`), and in each row how many the question found, how many of them were '
    'new, and the `admission`; a row without an id if the queue is empty. Twice, or two at once: a row is inserted once '
    '(unique key), in the order of keys';

CREATE OR REPLACE FUNCTION orchestration.enqueue_named(
    question text, channel text, terms orchestration.terms, ids text[], claim_id uuid
) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('orchestration.replay', 0));  -- as in `enqueue`
    RETURN QUERY EXECUTE format($sql$
        WITH named AS MATERIALIZED (
            SELECT q.*, again.business_key AS again_key
            FROM orchestration.%I($1, $2) AS q
            -- What an operator has sent again goes under another key, and is the same message to its recipient.
            LEFT JOIN LATERAL (
                SELECT o.business_key
                FROM orchestration.notification same
                JOIN orchestration.notification o ON o.resent_of = same.id
                WHERE same.business_key = q.business_key AND o.state NOT IN ('FAILED', 'CANCELLED')
                ORDER BY o.created_at DESC
                LIMIT 1
            ) AS again ON true
        ),
        enqueued AS (
            INSERT INTO orchestration.notification
                (kind, channel, audience, business_key, occasion, task_id, episode_id, recipient_id, severity, urgency,
                 owed_since, sla_due_at, due_at, because_of, turn, again_of, resent_of, state, lease_until)
            SELECT o.kind, $4, o.audience, o.business_key, coalesce(before.occasion, o.business_key), o.task_id,
                   o.episode_id, o.recipient_id, o.severity, o.urgency, o.owed_since, o.sla_due_at, o.due_at,
                   o.because_of, o.turn, before.again_of, before.resent_of, 'QUEUED', orchestration.clock()
            FROM named o
            -- A message that failed is made again as what it was: a second try, say.
            LEFT JOIN LATERAL (
                SELECT n.occasion, n.again_of, n.resent_of FROM orchestration.notification n
                WHERE n.business_key = o.business_key
                ORDER BY n.created_at DESC
                LIMIT 1
            ) AS before ON true
            WHERE o.again_key IS NULL
              AND NOT EXISTS (
                  SELECT FROM orchestration.notification n
                  WHERE n.business_key = o.business_key
                    AND (n.state NOT IN ('FAILED', 'CANCELLED') OR n.claim_id = $3)
              )
            ORDER BY o.business_key
            ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING
        )
        SELECT coalesce(again_key, business_key) FROM named
    $sql$, question) USING ids, terms, claim_id, channel;
END $$;
COMMENT ON FUNCTION orchestration.enqueue_named(text, text, orchestration.terms, text[], uuid) IS
    'Put messages that somebody asks for by id into the queue, except those that were sent or may have been, or that '
    'this claim has tried. Returns the business keys of all of them. Twice, or two at once: a row is inserted once '
    '(unique key)';

-- --- answers by text
-- -------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION orchestration.number_of_task(digest text, task_id text, person_id text) RETURNS smallint
    LANGUAGE plpgsql SET plan_cache_mode TO force_generic_plan AS $$
DECLARE
    -- With a plan that is kept: planning anew, which also looks into the application's tables, took four times as long
    -- as all the rest.
    given smallint;
    a_quarter_ago timestamptz := orchestration.clock() - interval '15 minutes';
BEGIN
    -- Two texts to one phone wait for each other here: else both would get the same number.
    PERFORM pg_advisory_xact_lock(hashtextextended('task_number:' || number_of_task.digest, 0));
    -- A number is free again a day after its last text, or a quarter of an hour after its task was closed: an answer to
    -- the earlier text may be on its way.
    UPDATE orchestration.task_number n
    SET is_in_use = false
    WHERE n.digest = number_of_task.digest AND n.is_in_use AND n.task_id <> number_of_task.task_id
      AND n.texted_at < a_quarter_ago
      AND (
          n.texted_at < orchestration.clock() - interval '1 day'
          OR NOT EXISTS (
              SELECT FROM orchestration.care_tasks(ARRAY[n.task_id]) t
              WHERE NOT t.is_closed
                 OR coalesce(greatest(t.resolved_at, t.updated_at), orchestration.clock()) > a_quarter_ago
          )
      );
    INSERT INTO orchestration.task_number AS n (digest, task_id, person_id, number)
    SELECT number_of_task.digest, number_of_task.task_id, number_of_task.person_id,
           CASE WHEN free.number < 1000 THEN free.number END
    FROM (
        -- The first place in the row of numbers at which another number stands, or the place after all of them.
        SELECT coalesce(min(place) FILTER (WHERE taken.number <> place), count(*) + 1) AS number
        FROM (
            SELECT t.number, row_number() OVER (ORDER BY t.number) AS place FROM orchestration.task_number t
            WHERE t.digest = number_of_task.digest AND t.is_in_use AND t.number IS NOT NULL
        ) AS taken
    ) AS free
    ON CONFLICT ON CONSTRAINT task_number_pkey DO UPDATE
    SET person_id = excluded.person_id, texted_at = excluded.texted_at, is_in_use = true,
        number = CASE WHEN n.is_in_use THEN coalesce(n.number, excluded.number) ELSE excluded.number END,
        given_at = CASE WHEN n.is_in_use AND n.number IS NOT NULL THEN n.given_at ELSE excluded.given_at END
    RETURNING n.number INTO given;
    RETURN given;
END $$;
COMMENT ON FUNCTION orchestration.number_of_task(text, text, text) IS
    'The small number of a task on a phone (its digest) that is about to be texted about it: the smallest that is free; '
    'NULL if none is. Twice: the same number again, for another day';

CREATE OR REPLACE FUNCTION orchestration.gather(
    ids uuid[], claim_id uuid, run_id text, kind text, channel text, texts integer, "within" interval, all_alone boolean,
    reason text, cause text
)
    RETURNS TABLE (id uuid, due_at timestamptz)
    LANGUAGE plpgsql SET plan_cache_mode TO force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    -- Of two runs with messages to one nurse the later one waits here. Each statement below sees what was committed
    -- before it began, so the later run sees what the earlier one has decided.
    PERFORM pg_advisory_xact_lock(hashtextextended('orchestration.digest to ' || nurse.id, 0))
    FROM (
        SELECT DISTINCT n.recipient_id AS id FROM orchestration.notification n
        WHERE n.id = ANY (gather.ids) AND n.recipient_id IS NOT NULL
        ORDER BY 1
    ) AS nurse;
    -- None of these digests is claimed before this is over.
    PERFORM FROM orchestration.notification d
    WHERE d.recipient_id IN (SELECT n.recipient_id FROM orchestration.notification n WHERE n.id = ANY (gather.ids))
      AND d.kind = gather.kind AND d.state = 'SCHEDULED'
    FOR NO KEY UPDATE;

    RETURN QUERY
    WITH ours AS MATERIALIZED (
        SELECT *, row_number() OVER (
            PARTITION BY recipient_id, goes_alone ORDER BY urgency, owed_since, business_key
        ) AS place
        FROM (
            SELECT n.id, n.recipient_id, n.urgency, n.owed_since, n.business_key,
                   gather.all_alone OR n.urgency = 0 OR n.alone_at IS NOT NULL OR n.again_of IS NOT NULL
                       OR (n.resent_of IS NOT NULL AND NOT orchestration.is_replayed(n)) AS goes_alone
            FROM orchestration.notification n
            WHERE n.id = ANY (gather.ids) AND n.claim_id = gather.claim_id AND n.state = 'QUEUED'
              AND n.recipient_id IS NOT NULL
            FOR NO KEY UPDATE
        ) AS n
    ),
    nurse AS MATERIALIZED (
        SELECT o.recipient_id, o.go_alone, had.at, open.id AS open_id, open.due_at AS open_until, last.at AS last_at,
               CASE WHEN open.id IS NULL AND (last.at > orchestration.clock() - gather."within") IS NOT TRUE
                    THEN greatest(gather.texts - o.go_alone - cardinality(had.at), 0) ELSE 0 END AS room
        FROM (
            SELECT recipient_id, CAST(count(*) FILTER (WHERE goes_alone) AS integer) AS go_alone
            FROM ours GROUP BY recipient_id
        ) AS o
        CROSS JOIN LATERAL (
            -- The texts that she has had alone in this time, the latest first; also those of a worker that gathers none.
            SELECT coalesce(array_agg(greatest(n.alone_at, n.sent_at) ORDER BY greatest(n.alone_at, n.sent_at) DESC), '{}')
                   AS at
            FROM orchestration.notification n
            WHERE n.recipient_id = o.recipient_id AND n.kind = 'task-created' AND n.named_by IS NULL
              AND coalesce(n.alone_at, n.sent_at) > orchestration.clock() - gather."within"
              AND n.state NOT IN ('FAILED', 'CANCELLED') AND n.id <> ALL (gather.ids)
        ) AS had
        LEFT JOIN LATERAL (
            SELECT d.id, d.due_at FROM orchestration.notification d
            WHERE d.recipient_id = o.recipient_id AND d.kind = gather.kind AND d.state = 'SCHEDULED'
              AND d.again_of IS NULL AND d.resent_of IS NULL
            ORDER BY d.created_at DESC
            LIMIT 1
        ) AS open ON true
        LEFT JOIN LATERAL (
            SELECT CASE WHEN d.state IN ('QUEUED', 'SENDING', 'IN_DOUBT') THEN orchestration.clock()
                        ELSE coalesce(d.sent_at, d.attempted_at, d.created_at) END AS at
            FROM orchestration.notification d
            WHERE d.recipient_id = o.recipient_id AND d.kind = gather.kind
              AND d.state NOT IN ('FAILED', 'CANCELLED', 'SCHEDULED')
            ORDER BY d.created_at DESC
            LIMIT 1
        ) AS last ON true
    ),
    waiting AS MATERIALIZED (
        SELECT o.id, o.recipient_id, o.urgency, nurse.open_id,
               -- Until she may have a text alone again: it is as long since the last digest, or since the first of the
               -- last texts that she had alone. The digest that waits may be due later than that, from when the window
               -- was longer, or was made after fewer texts.
               least(
                   nurse.open_until,
                   coalesce(
                       CASE WHEN nurse.last_at > orchestration.clock() - gather."within" THEN nurse.last_at
                            WHEN nurse.go_alone + nurse.room >= gather.texts THEN orchestration.clock()
                            ELSE nurse.at[gather.texts - nurse.go_alone - nurse.room] END,
                       orchestration.clock()
                   ) + gather."within"
               ) AS until
        FROM ours o JOIN nurse USING (recipient_id)
        WHERE NOT o.goes_alone AND o.place > nurse.room
    ),
    made AS (
        INSERT INTO orchestration.notification
            (id, kind, channel, audience, business_key, occasion, recipient_id, urgency, owed_since, due_at, state, reason,
             cause)
        SELECT w.id, gather.kind, gather.channel, 'ASSIGNEE', gather.kind || ':' || w.recipient_id || ':' || w.id,
               gather.kind || ':' || w.recipient_id || ':' || w.id, w.recipient_id, w.urgency, w.until, w.until,
               'SCHEDULED', gather.reason, gather.cause
        FROM (
            SELECT gen_random_uuid() AS id, recipient_id, min(urgency) AS urgency, min(until) AS until
            FROM waiting WHERE open_id IS NULL
            GROUP BY recipient_id
        ) AS w
        RETURNING id, recipient_id
    ),
    hurried AS (
        UPDATE orchestration.notification d
        SET urgency = least(d.urgency, w.urgency), due_at = least(d.due_at, w.until),
            owed_since = least(d.owed_since, w.until)
        FROM (SELECT open_id, min(urgency) AS urgency, min(until) AS until FROM waiting GROUP BY open_id) AS w
        WHERE d.id = w.open_id AND (d.urgency > w.urgency OR d.due_at > w.until)
    ),
    hurried_with_it AS (
        UPDATE orchestration.notification n SET due_at = w.until
        FROM (SELECT open_id, min(until) AS until FROM waiting GROUP BY open_id) AS w
        WHERE n.named_by = w.open_id AND n.state = 'SCHEDULED' AND n.due_at > w.until
    ),
    let_go AS (
        UPDATE orchestration.notification n SET alone_at = orchestration.clock()
        FROM ours o
        WHERE n.id = o.id AND o.id NOT IN (SELECT w.id FROM waiting w)
    )
    UPDATE orchestration.notification n
    SET state = 'SCHEDULED', named_by = coalesce(w.open_id, made.id), due_at = w.until, reason = gather.reason,
        cause = gather.cause, run_id = gather.run_id, claims = 0, runs = 0, lease_until = NULL
    FROM waiting w LEFT JOIN made ON made.recipient_id = w.recipient_id
    WHERE n.id = w.id
    RETURNING n.id, n.due_at;
END $$;
COMMENT ON FUNCTION orchestration.gather(
    uuid[], uuid, text, text, text, integer, interval, boolean, text, text
) IS
    'Decide which of a claim''s messages have a text of their own and which wait for their nurse''s digest: those that '
    'she would get after `texts` texts alone `within` that time, or after a digest within that time, the least urgent '
    'ones; a critical one never waits. Make the digest if there is none that waits, or let that one be due sooner, and '
    'return the messages that wait for it, and until when. Twice: what was decided stays so. Two at once: the second '
    'waits for the first';

-- The trigger's function of 0021, which see.
CREATE OR REPLACE FUNCTION orchestration.repeat_digest() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan TO off AS $$
DECLARE
    was_cancelled boolean := NEW.resent_of IS NOT NULL AND EXISTS (
        SELECT FROM orchestration.notification d WHERE d.id = NEW.resent_of AND d.ended_by IS NOT NULL
    );
BEGIN
    INSERT INTO orchestration.notification
        (business_key, occasion, kind, channel, audience, task_id, episode_id, recipient_id, severity, urgency,
         owed_since, due_at, turn, again_of, resent_of, named_by, state, reason, cause)
    SELECT n.business_key || CASE WHEN NEW.again_of IS NULL THEN ':resent:' || NEW.id ELSE ':again' END, n.occasion,
           n.kind, n.channel, n.audience, n.task_id, n.episode_id, n.recipient_id, n.severity, n.urgency,
           NEW.owed_since, coalesce(NEW.due_at, orchestration.clock()), n.turn,
           CASE WHEN NEW.again_of IS NOT NULL THEN n.id END,
           CASE WHEN NEW.resent_of IS NOT NULL THEN coalesce(n.resent_of, n.id) END,
           NEW.id, 'SCHEDULED', NEW.reason, NEW.cause
    FROM orchestration.notification n
    WHERE n.named_by = coalesce(NEW.again_of, NEW.resent_of)
      AND (
          (n.state || '' <> 'CANCELLED' AND n.ended_by IS NULL)
          OR (was_cancelled AND n.cause = 'CANCELLED_BY_OPERATOR')
      )
      -- What she has been told of since, or is about to be, is not new to her any more.
      AND NOT orchestration.is_told_otherwise_since(n)
    ORDER BY 1
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION orchestration.repeat_digest IS
    'A digest that is tried once more, or that an operator sends again, tells of the same tasks as the one before';

-- --- all questions ---------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION orchestration.owed_by(terms orchestration.terms)
    RETURNS SETOF orchestration.owed_message LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM orchestration.owed_task_created(terms)
    UNION ALL SELECT * FROM orchestration.owed_check_in(terms)
    UNION ALL SELECT * FROM orchestration.owed_sla_warning(terms)
    UNION ALL SELECT * FROM orchestration.owed_sla_breach(terms)
    UNION ALL SELECT * FROM orchestration.owed_sla_escalation(terms)
    UNION ALL SELECT * FROM orchestration.owed_nurse_unreached(terms)
    UNION ALL SELECT * FROM orchestration.owed_handed_over(terms)
    UNION ALL SELECT * FROM orchestration.owed_nurse_call(terms)
    UNION ALL SELECT * FROM orchestration.owed_canary(terms)
$$;
COMMENT ON FUNCTION orchestration.owed_by(orchestration.terms) IS
    'The messages that are owed by these terms and have no row in the ledger yet; with `until`, those that will be '
    'owed by then if nothing happens';

CREATE OR REPLACE VIEW orchestration.owed AS
SELECT q.*
-- LIMIT 1: terms_in_force has one row, but the planner guesses many. All questions would look dear to it, and Postgres
-- would compile them for seconds.
FROM (SELECT * FROM orchestration.terms_in_force LIMIT 1) AS s
CROSS JOIN LATERAL orchestration.owed_by(
    CAST(
        ROW(s.go_live_at, s.check_in_delay, s.sla_warning_window, s.escalation_delay, s.unassigned_grace,
            s.receipt_window, NULL, NULL, NULL)
        AS orchestration.terms
    )
) AS q;
COMMENT ON VIEW orchestration.owed IS
    'The messages that are owed at this moment and have no row in the ledger yet, by the settings of the sensors';
