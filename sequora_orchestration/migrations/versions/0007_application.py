"""The seam to the application: which map is in force, and what the application's log is owed."""

from alembic import op

revision = "0007"
down_revision = "0006"

VIEWS = ("care_task", "care_person", "care_episode", "care_patient", "care_shift")


def upgrade() -> None:
    op.execute("""
        CREATE TABLE orchestration.application_map (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            name     text NOT NULL,
            source   text NOT NULL,
            digest   text NOT NULL,
            since    timestamptz NOT NULL DEFAULT orchestration.clock(),
            rights   jsonb NOT NULL,
            indexes  jsonb NOT NULL,
            problems text[] NOT NULL
        );
        COMMENT ON TABLE orchestration.application_map IS
            'The map that the views of the application''s tables were made of, by `sequora migrate`';
        COMMENT ON COLUMN orchestration.application_map.source IS 'the map''s TOML';
        COMMENT ON COLUMN orchestration.application_map.digest IS
            'of the map, the catalog and the code: where it differs, `sequora migrate` makes the views anew';
        COMMENT ON COLUMN orchestration.application_map.rights IS
            'what the role of the running system must be allowed to do with the application''s tables';
        COMMENT ON COLUMN orchestration.application_map.problems IS 'why the application''s log would refuse a row';

        CREATE FUNCTION orchestration.time_of(typed text) RETURNS timestamptz LANGUAGE plpgsql STABLE
            SET timezone TO 'UTC' SET datestyle TO 'ISO, MDY' AS $$
        BEGIN
            RETURN CAST(typed AS timestamptz);
        EXCEPTION WHEN data_exception THEN
            RETURN NULL;
        END $$;
        COMMENT ON FUNCTION orchestration.time_of IS
            'A time that an application keeps as text, NULL if it is none; without a zone it is UTC. For maps';

        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE orchestration.notification
            ADD log_owes text CHECK (log_owes IN ('row', 'receipt')),
            -- Of the rows that are there it is not known; the default fills them in without writing any.
            ADD over_at timestamptz DEFAULT '-infinity';
        ALTER TABLE orchestration.notification ALTER over_at DROP DEFAULT;
        COMMENT ON COLUMN orchestration.notification.log_owes IS
            'what the application''s log lacks: the row of a text that was sent, or what its receipt says';
        COMMENT ON COLUMN orchestration.notification.over_at IS
            'since when a nurse counts as not told of her task: it was closed, or told to another; -infinity: for ever';
        UPDATE orchestration.notification SET log_owes = 'row'
        WHERE logged_at IS NULL AND task_id IS NOT NULL AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED');
        DROP INDEX orchestration.notification_unlogged;
        CREATE INDEX notification_log_owes ON orchestration.notification (sent_at) WHERE log_owes IS NOT NULL;
        CREATE INDEX notification_not_over ON orchestration.notification (task_id, recipient_id) INCLUDE (id)
            WHERE kind = 'task-created' AND over_at IS NULL;

        -- Its plans are kept, also those that were made while the table was empty. They are to find the rows by their
        -- task, whatever the planner knew by then: with || '' no other index is of use.
        CREATE FUNCTION orchestration.note_who_was_told() RETURNS trigger LANGUAGE plpgsql
            SET enable_seqscan TO off AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM orchestration.notification o
                WHERE o.task_id = NEW.task_id AND o.kind || '' = 'task-created' AND o.over_at IS NULL
                  AND o.recipient_id IS DISTINCT FROM NEW.recipient_id
                  AND o.state || '' IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED')
                  AND coalesce(o.attempted_at, o.claimed_at) > coalesce(NEW.attempted_at, NEW.claimed_at)
            ) THEN
                NEW.over_at := orchestration.clock();
            ELSE
                UPDATE orchestration.notification o SET over_at = orchestration.clock()
                WHERE o.task_id = NEW.task_id AND o.kind || '' = 'task-created' AND o.over_at IS NULL
                  AND o.recipient_id IS DISTINCT FROM NEW.recipient_id
                  AND (o.state || '' IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED')
                       OR (o.state || '' = 'CANCELLED' AND o.ended_by IS NOT NULL));
            END IF;
            RETURN NEW;
        END $$;
        COMMENT ON FUNCTION orchestration.note_who_was_told IS
            'Of those who are told of a task only the last one counts as told: whoever gets it back is told again';
        -- That nobody is assigned is seen when the message about that begins to wait.
        CREATE TRIGGER note_who_was_told BEFORE UPDATE OF state ON orchestration.notification
            FOR EACH ROW WHEN (
                NEW.kind = 'task-created' AND OLD.state IS DISTINCT FROM NEW.state
                AND (NEW.state IN ('SENT', 'FAILED') OR (NEW.state = 'SCHEDULED' AND NEW.recipient_id IS NULL)
                     OR (NEW.state = 'CANCELLED' AND NEW.ended_by IS NOT NULL))
            )
            EXECUTE FUNCTION orchestration.note_who_was_told();

        DROP INDEX orchestration.notification_set_aside;
        CREATE INDEX notification_set_aside ON orchestration.notification (created_at)
            WHERE (state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED') OR log_owes = 'row')
              AND (over_at >= created_at) IS NOT TRUE;
    """)


def downgrade() -> None:
    op.execute(f"DROP VIEW IF EXISTS {', '.join(f'orchestration.{view}' for view in VIEWS)}")
    op.execute("""
        DO $$
        DECLARE made text;
        BEGIN
            FOR made IN
                SELECT oid::regprocedure::text FROM pg_proc
                WHERE pronamespace = 'orchestration'::regnamespace
                  AND (starts_with(proname, 'map_') OR starts_with(proname, 'log_') OR proname = 'assign_task')
            LOOP
                EXECUTE 'DROP FUNCTION ' || made;
            END LOOP;
        END $$;
        DROP FUNCTION orchestration.time_of;
        DROP TABLE orchestration.application_map;
        DROP TRIGGER note_who_was_told ON orchestration.notification;
        DROP FUNCTION orchestration.note_who_was_told;
        DROP INDEX orchestration.notification_log_owes, orchestration.notification_set_aside,
            orchestration.notification_not_over;
        ALTER TABLE orchestration.notification DROP log_owes, DROP over_at;
        CREATE INDEX notification_unlogged ON orchestration.notification (sent_at)
            WHERE logged_at IS NULL AND task_id IS NOT NULL AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED');
        CREATE INDEX notification_set_aside ON orchestration.notification (created_at)
            WHERE state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED')
               OR (state = 'SENT' AND logged_at IS NULL AND task_id IS NOT NULL);
    """)
