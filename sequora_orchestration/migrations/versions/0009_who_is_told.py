"""Who was told last of a task, by one rule; and indexes for a task's messages of a kind, and for failed ones."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

        -- Of two indexes that a planner without statistics takes for equally choosy it reads both, and one of them
        -- holds every message of that kind: in a burst, for each of its tasks.
        DROP INDEX orchestration.notification_task;
        CREATE INDEX notification_task ON orchestration.notification (task_id, kind);
        CREATE INDEX notification_failed ON orchestration.notification (created_at) WHERE state = 'FAILED';

        -- Its plans are kept, also those that were made while the table was empty. They are to find the rows by their
        -- task, whatever the planner knew by then: with || '' no index on the column is of use.
        CREATE OR REPLACE FUNCTION orchestration.note_who_was_told() RETURNS trigger LANGUAGE plpgsql
            SET enable_seqscan TO off AS $$
        DECLARE
            others uuid[];
            told_last timestamptz;
        BEGIN
            -- Of two answers at the same moment the second sees what the first has left.
            PERFORM pg_advisory_xact_lock(hashtextextended('orchestration.notification of ' || NEW.task_id, 0));
            SELECT array_agg(o.id), max(coalesce(o.attempted_at, o.claimed_at, o.created_at)) INTO others, told_last
            FROM orchestration.notification o
            WHERE o.task_id = NEW.task_id AND o.kind || '' = 'task-created' AND o.over_at IS NULL
              AND o.recipient_id IS DISTINCT FROM NEW.recipient_id
              AND (o.state || '' IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED')
                   OR (o.state || '' = 'CANCELLED' AND o.ended_by IS NOT NULL));
            IF told_last > coalesce(NEW.attempted_at, NEW.claimed_at, NEW.created_at) THEN
                NEW.over_at := orchestration.clock();
            ELSE
                UPDATE orchestration.notification SET over_at = orchestration.clock() WHERE id = ANY (others);
            END IF;
            RETURN NEW;
        END $$;
    """)


def downgrade() -> None:
    op.execute("""
        DROP INDEX orchestration.notification_failed;
        DROP INDEX orchestration.notification_task;
        CREATE INDEX notification_task ON orchestration.notification (task_id);

        CREATE OR REPLACE FUNCTION orchestration.note_who_was_told() RETURNS trigger LANGUAGE plpgsql
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
    """)
