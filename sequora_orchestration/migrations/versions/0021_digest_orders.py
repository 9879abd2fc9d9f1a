"""Digests: orders about a task whose digest may be out, texts that count as had, and how a digest is known as one.

The functions of 0020's triggers are made anew. A worker of the version before may go on working: its statements find
the same rows, one of them, which is asked once a day, without an index.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

INDEXES = """
-- At first, and at once, as in 0004.
LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

-- An answer to somebody who has texted us is about no task or episode, either: only its kind says that it is a digest.
DROP INDEX orchestration.notification_digest;
CREATE INDEX notification_digest ON orchestration.notification (recipient_id, created_at) WHERE kind = 'task-digest';

-- The texts about new tasks that somebody has had alone, also while nobody asked whether they were to be gathered.
DROP INDEX orchestration.notification_alone;
CREATE INDEX notification_alone ON orchestration.notification (recipient_id, coalesce(alone_at, sent_at))
    WHERE kind = 'task-created' AND named_by IS NULL;
"""

TRIGGERS = """
-- Its plans are kept, also those that were made while the table was empty: so no table is read whole. Rows are locked
-- in the order of their ids, as by whatever else locks many of them.
CREATE OR REPLACE FUNCTION orchestration.follow_digest() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan TO off AS $$
DECLARE
    before text[] := CASE NEW.state
        WHEN 'SENT' THEN ARRAY['SCHEDULED'] WHEN 'FAILED' THEN ARRAY['SCHEDULED'] WHEN 'HELD' THEN ARRAY['SCHEDULED']
        WHEN 'CANCELLED' THEN ARRAY['SCHEDULED', 'HELD'] WHEN 'QUEUED' THEN ARRAY['HELD']
        ELSE ARRAY['SENT'] END;
    named uuid[];
BEGIN
    SELECT array_agg(n.id) INTO named
    FROM (
        SELECT n.id FROM orchestration.notification n
        WHERE n.named_by = NEW.id AND n.state || '' = ANY (before)
        ORDER BY n.id
        FOR NO KEY UPDATE
    ) AS n;
    -- A task that an operator has cancelled while its digest was in doubt is not told of by a release, either.
    IF NEW.state = 'HELD' THEN
        UPDATE orchestration.notification n
        SET state = 'CANCELLED', (reason, cause) = ('cancelled by an operator', 'CANCELLED_BY_OPERATOR')
        WHERE n.id = ANY (named) AND n.ended_by IS NOT NULL;
    END IF;
    UPDATE orchestration.notification n
    SET state = CASE NEW.state WHEN 'QUEUED' THEN 'SCHEDULED' ELSE NEW.state END,
        reason = CASE NEW.state
            WHEN 'SENT' THEN 'told in a digest of ' || cardinality(named)
                || CASE cardinality(named) WHEN 1 THEN ' task' ELSE ' tasks' END
            WHEN 'DELIVERED' THEN n.reason
            ELSE NEW.reason END,
        cause = CASE NEW.state WHEN 'SENT' THEN 'TOLD_IN_DIGEST' WHEN 'DELIVERED' THEN n.cause ELSE NEW.cause END,
        ended_by = CASE NEW.state WHEN 'CANCELLED' THEN coalesce(n.ended_by, NEW.ended_by) ELSE n.ended_by END,
        due_at = CASE NEW.state WHEN 'QUEUED' THEN coalesce(NEW.due_at, n.due_at) ELSE n.due_at END,
        -- The run that has sent the digest also sees that the application's log gets its rows.
        claim_id = NEW.claim_id, run_id = NEW.run_id, claimed_at = NEW.claimed_at,
        attempted_at = NEW.attempted_at, sent_at = NEW.sent_at, provider_code = NEW.provider_code,
        log_owes = CASE
            WHEN NEW.state = 'SENT' THEN CASE WHEN orchestration.log_takes(coalesce(n.audience, n.kind)) THEN 'row' END
            WHEN NEW.state IN ('DELIVERED', 'UNDELIVERED') AND n.logged_at IS NOT NULL
                 AND orchestration.log_takes_receipts() THEN 'receipt'
            ELSE n.log_owes END
    WHERE n.id = ANY (named) AND n.state <> 'CANCELLED';
    RETURN NULL;
END $$;
DROP TRIGGER follow_digest ON orchestration.notification;
CREATE TRIGGER follow_digest AFTER UPDATE OF state ON orchestration.notification
    FOR EACH ROW WHEN (
        NEW.kind = 'task-digest' AND OLD.state IS DISTINCT FROM NEW.state
        AND (NEW.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED', 'HELD')
             OR (OLD.state = 'HELD' AND NEW.state = 'QUEUED'))
    )
    EXECUTE FUNCTION orchestration.follow_digest();

-- A task that somebody has cancelled is not told of again: neither by a second try, nor by an order to send the digest
-- again, unless it was the digest that was cancelled.
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
    ORDER BY 1
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING;
    RETURN NULL;
END $$;
DROP TRIGGER repeat_digest ON orchestration.notification;
CREATE TRIGGER repeat_digest AFTER INSERT ON orchestration.notification
    FOR EACH ROW WHEN (NEW.kind = 'task-digest' AND (NEW.again_of IS NOT NULL OR NEW.resent_of IS NOT NULL))
    EXECUTE FUNCTION orchestration.repeat_digest();
"""


def upgrade() -> None:
    for statements in (INDEXES, TRIGGERS):
        op.get_bind().exec_driver_sql(statements)  # so that a colon names no parameter


def downgrade() -> None:
    # The triggers stay as they are, for they need nothing of this: 0020's own downgrade takes them away.
    op.execute("""
        DROP FUNCTION IF EXISTS orchestration.may_be_out;
        DROP INDEX orchestration.notification_digest, orchestration.notification_alone;
        CREATE INDEX notification_digest ON orchestration.notification (recipient_id, created_at)
            WHERE task_id IS NULL AND episode_id IS NULL;
        CREATE INDEX notification_alone ON orchestration.notification (recipient_id, alone_at)
            WHERE alone_at IS NOT NULL;
    """)
