"""Columns for facts that stood in a message's business key alone, and types for the questions of `views.sql`."""

from alembic import op

revision = "0017"
down_revision = "0016"

COLUMNS = """
-- At first, and at once, as in 0004.
LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

ALTER TABLE orchestration.notification
    ADD audience text CHECK (audience IN ('ASSIGNEE', 'ON_CALL', 'PATIENT')),
    ADD turn smallint,
    ADD again_of uuid,
    ADD resent_of uuid,
    ADD occasion text;
COMMENT ON COLUMN orchestration.notification.audience IS
    'to whom it goes: the nurse who has the task, who is on call, or the patient; NULL in rows of older versions, '
    'whose kinds say it (orchestration.audience_of)';
COMMENT ON COLUMN orchestration.notification.turn IS
    'of the texts that tell a nurse of her task: the how-manieth it is for her; NULL counts as 1';
COMMENT ON COLUMN orchestration.notification.again_of IS
    'the message that did not arrive and of which this one is the second try';
COMMENT ON COLUMN orchestration.notification.resent_of IS 'the first message of those that an operator has sent again';
COMMENT ON COLUMN orchestration.notification.occasion IS
    'the same for all messages that are made of one: a further recipient''s, a second try, one that is sent again';
"""

# Reads these columns from the key of a row that an older version has written. One version later no such row is written:
# then the trigger can go.
OLD_KEYS = r"""
CREATE FUNCTION orchestration.read_old_key(INOUT n orchestration.notification) LANGUAGE plpgsql STABLE AS $$
DECLARE
    stem text := regexp_replace(n.business_key, '(:again|:resent:\d+)+$', '');
    told text := orchestration.task_created_key(n.task_id, n.recipient_id);
BEGIN
    IF n.business_key ~ ':again$' THEN
        n.again_of := coalesce(
            (SELECT o.id FROM orchestration.notification o
             WHERE o.business_key = left(n.business_key, -6) ORDER BY o.created_at DESC LIMIT 1),
            n.id
        );
    ELSIF n.business_key ~ ':resent:\d+$' THEN
        n.resent_of := coalesce(
            (SELECT o.id FROM orchestration.notification o WHERE o.business_key = stem ORDER BY o.created_at LIMIT 1),
            n.id
        );
    END IF;
    IF n.kind = 'task-created' AND stem ~ '^task-created:' AND substr(stem, length(told) + 1) ~ '^:\d{1,4}$' THEN
        n.turn := substr(stem, length(told) + 2)::smallint;
    END IF;
    n.occasion := CASE WHEN n.kind IN ('sla-escalation', 'nurse-unreached') AND n.recipient_id IS NOT NULL
                            AND right(stem, length(n.recipient_id) + 1) = ':' || n.recipient_id
                       THEN left(stem, -length(n.recipient_id) - 1) ELSE stem END;
END $$;
COMMENT ON FUNCTION orchestration.read_old_key IS
    'What stands in columns now and stood in the business key alone, of a row of an older version';

CREATE FUNCTION orchestration.complete_old_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN orchestration.read_old_key(NEW);
END $$;
CREATE TRIGGER complete_old_row BEFORE INSERT ON orchestration.notification
    FOR EACH ROW WHEN (NEW.audience IS NULL) EXECUTE FUNCTION orchestration.complete_old_row();

-- Fills the columns of those rows that a program may ask about: second tries, messages sent again, tasks that a nurse
-- was told of more than once; and messages of the last days to people on call.
UPDATE orchestration.notification n
SET again_of = told.again_of, resent_of = told.resent_of, turn = told.turn, occasion = told.occasion
FROM orchestration.notification o CROSS JOIN LATERAL orchestration.read_old_key(o) AS told
WHERE n.id = o.id
  AND (
      o.business_key ~ ':(again|resent:\d+)$'
      OR (
          o.kind = 'task-created' AND o.business_key ~ ':\d+$'
          AND o.business_key <> orchestration.task_created_key(o.task_id, o.recipient_id)  -- an id may be a number
      )
      OR (o.kind IN ('sla-escalation', 'nurse-unreached') AND o.created_at > orchestration.clock() - interval '7 days')
  );
"""

INDEXES = """
DROP INDEX orchestration.notification_unreached;
-- Texts of any kind that may not have reached their nurse. An older version asks for its kinds, by the index on tasks.
CREATE INDEX notification_suspect ON orchestration.notification (task_id)
    WHERE task_id IS NOT NULL
      AND (
          state IN ('FAILED', 'HELD', 'UNDELIVERED')
          OR (state = 'QUEUED' AND refusals > 0)
          OR (urgency = 0 AND (state = 'IN_DOUBT' OR (state = 'SENT' AND receipt_at IS NOT NULL)))
      )
      AND (over_at >= created_at) IS NOT TRUE;
CREATE INDEX notification_again_of ON orchestration.notification (again_of) WHERE again_of IS NOT NULL;
CREATE INDEX notification_resent_of ON orchestration.notification (resent_of) WHERE resent_of IS NOT NULL;
"""

# Older versions go on using these types as long as their workers live, so the types are never changed: a question that
# needs more fields gets types of another name.
TYPES = """
CREATE TYPE orchestration.terms AS (
    go_live_at         timestamptz,
    check_in_delay     interval,
    sla_warning_window interval,
    escalation_delay   interval,
    unassigned_grace   interval,
    receipt_window     interval,
    created_within     interval,
    until              timestamptz,
    subject_ids        text[]
);
COMMENT ON TYPE orchestration.terms IS
    'What the questions of who is owed a message go by: the settings of whoever asks; whether they are about what was '
    'created lately alone, or about these tasks and episodes; and the time by which it is owed, if that is later';

CREATE TYPE orchestration.owed_message AS (
    kind         text,
    audience     text,
    business_key text,
    task_id      text,
    episode_id   text,
    recipient_id text,
    severity     text,
    urgency      smallint,
    owed_since   timestamptz,
    sla_due_at   timestamptz,
    due_at       timestamptz,
    because_of   uuid,
    turn         smallint
);
COMMENT ON TYPE orchestration.owed_message IS 'A message that somebody is owed, and of which there is no row yet';

CREATE TABLE orchestration.terms_in_force (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    go_live_at         timestamptz,
    check_in_delay     interval NOT NULL DEFAULT '24 hours',
    sla_warning_window interval NOT NULL DEFAULT '1 hour',
    escalation_delay   interval NOT NULL DEFAULT '30 minutes',
    unassigned_grace   interval NOT NULL DEFAULT '10 minutes',
    receipt_window     interval NOT NULL DEFAULT '5 minutes'
);
COMMENT ON TABLE orchestration.terms_in_force IS
    'The settings by which the sensors ask at present: what the view orchestration.owed goes by';
INSERT INTO orchestration.terms_in_force DEFAULT VALUES;

CREATE TABLE orchestration.questions_in_force (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    digest   text,
    made_at  timestamptz
);
COMMENT ON TABLE orchestration.questions_in_force IS 'Which version of views.sql is in force, and since when';
INSERT INTO orchestration.questions_in_force DEFAULT VALUES;
"""


def upgrade() -> None:
    for statements in (COLUMNS, OLD_KEYS, INDEXES, TYPES):
        op.get_bind().exec_driver_sql(statements)  # so that a colon names no parameter


def downgrade() -> None:
    op.execute("""
        -- The functions and views of `views.sql`; another version's `sequora migrate` makes its own.
        DROP VIEW IF EXISTS orchestration.owed;
        DROP TYPE orchestration.terms, orchestration.owed_message CASCADE;
        DROP FUNCTION IF EXISTS orchestration.audience_of, orchestration.doubt_window,
            orchestration.is_nobodys, orchestration.is_told, orchestration.tellings,
            orchestration.holds, orchestration.breach_alert, orchestration.suspects, orchestration.not_reached,
            orchestration.spell,
            orchestration.spell_key, orchestration.unassigned_tasks, orchestration.named_unassigned,
            orchestration.care_tasks, orchestration.care_episodes, orchestration.admission, orchestration.ready,
            orchestration.hindrances_by_now, orchestration.hindrances, orchestration.stand_ins,
            orchestration.is_replayed, orchestration.due_since,
            orchestration.is_told_otherwise_since, orchestration.stands_in_for, orchestration.first_of,
            orchestration.resent_key;

        DROP TRIGGER complete_old_row ON orchestration.notification;
        DROP FUNCTION orchestration.complete_old_row, orchestration.read_old_key;
        -- Those of an earlier version's `views.sql`, too: the ledger's table could not be dropped before them.
        DO $$
        DECLARE
            made text;
        BEGIN
            FOR made IN
                SELECT oid::regprocedure::text FROM pg_proc
                WHERE pronamespace = 'orchestration'::regnamespace
                  AND 'orchestration.notification'::regtype = ANY (proargtypes)
            LOOP
                EXECUTE 'DROP FUNCTION ' || made;
            END LOOP;
        END $$;
        DROP TABLE orchestration.terms_in_force, orchestration.questions_in_force;
        DROP INDEX orchestration.notification_suspect;
        ALTER TABLE orchestration.notification DROP audience, DROP turn, DROP again_of, DROP resent_of, DROP occasion;
        CREATE INDEX notification_unreached ON orchestration.notification (task_id)
            WHERE kind IN ('task-created', 'sla-warning', 'sla-breach')
              AND (
                  state IN ('FAILED', 'HELD', 'UNDELIVERED')
                  OR (state = 'QUEUED' AND refusals > 0)
                  OR (urgency = 0 AND (state = 'IN_DOUBT' OR (state = 'SENT' AND receipt_at IS NOT NULL)))
              )
              AND (over_at >= created_at) IS NOT TRUE;
    """)
