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
            'when it was seen that the task is not open any more which it tells of; -infinity: it was not looked';
        UPDATE orchestration.notification SET log_owes = 'row'
        WHERE logged_at IS NULL AND task_id IS NOT NULL AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED');
        DROP INDEX orchestration.notification_unlogged;
        CREATE INDEX notification_log_owes ON orchestration.notification (sent_at) WHERE log_owes IS NOT NULL;
        CREATE INDEX notification_not_over ON orchestration.notification (task_id) INCLUDE (id, recipient_id)
            WHERE kind = 'task-created' AND over_at IS NULL;
        DROP INDEX orchestration.notification_set_aside;
        CREATE INDEX notification_set_aside ON orchestration.notification (created_at)
            WHERE (state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED') OR log_owes = 'row')
              AND (over_at > created_at) IS NOT TRUE;
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
        DROP INDEX orchestration.notification_log_owes, orchestration.notification_set_aside,
            orchestration.notification_not_over;
        ALTER TABLE orchestration.notification DROP log_owes, DROP over_at;
        CREATE INDEX notification_unlogged ON orchestration.notification (sent_at)
            WHERE logged_at IS NULL AND task_id IS NOT NULL AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED');
        CREATE INDEX notification_set_aside ON orchestration.notification (created_at)
            WHERE state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED')
               OR (state = 'SENT' AND logged_at IS NULL AND task_id IS NOT NULL);
    """)
