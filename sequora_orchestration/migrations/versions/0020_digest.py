"""Digests: the texts about new tasks that one text to a nurse stands for, and what becomes of them with it.

A worker of the version before makes no digest and claims none; it may go on working.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

COLUMNS = """
-- At first, and at once, as in 0004.
LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

ALTER TABLE orchestration.notification
    ADD named_by uuid,
    ADD alone_at timestamptz;
COMMENT ON COLUMN orchestration.notification.named_by IS
    'the digest that tells of its task in its place; NULL if it has a text of its own';
COMMENT ON COLUMN orchestration.notification.alone_at IS
    'when it was decided that it has a text of its own and waits for no digest; NULL if nobody has asked';

-- What a digest tells of has no id of the phone company's: that is the digest's.
ALTER TABLE orchestration.notification DROP CONSTRAINT notification_check3;
ALTER TABLE orchestration.notification ADD CONSTRAINT notification_sent CHECK (
    state <> 'SENT' OR (sent_at IS NOT NULL AND (provider_sid IS NOT NULL OR named_by IS NOT NULL))
);

CREATE INDEX notification_named ON orchestration.notification (named_by) WHERE named_by IS NOT NULL;
CREATE INDEX notification_gathered ON orchestration.notification (task_id)
    WHERE state = 'SCHEDULED' AND named_by IS NOT NULL;
CREATE INDEX notification_alone ON orchestration.notification (recipient_id, alone_at) WHERE alone_at IS NOT NULL;
CREATE INDEX notification_digest ON orchestration.notification (recipient_id, created_at)
    WHERE task_id IS NULL AND episode_id IS NULL;

-- What waits for a digest goes where that goes; and back, if the digest was held and is sent after all.
INSERT INTO orchestration.notification_move VALUES
    ('SCHEDULED', 'FAILED'), ('SCHEDULED', 'HELD'), ('HELD', 'SCHEDULED');
"""

TRIGGERS = """
-- Its plans are kept, also those that were made while the table was empty: so no table is read whole.
CREATE FUNCTION orchestration.follow_digest() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan TO off AS $$
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
        ORDER BY n.task_id
        FOR NO KEY UPDATE
    ) AS n;
    UPDATE orchestration.notification n
    SET state = CASE NEW.state WHEN 'QUEUED' THEN 'SCHEDULED' ELSE NEW.state END,
        reason = CASE NEW.state
            WHEN 'SENT' THEN 'told in a digest of ' || cardinality(named)
                || CASE cardinality(named) WHEN 1 THEN ' task' ELSE ' tasks' END
            WHEN 'DELIVERED' THEN n.reason
            ELSE NEW.reason END,
        cause = CASE NEW.state WHEN 'SENT' THEN 'TOLD_IN_DIGEST' WHEN 'DELIVERED' THEN n.cause ELSE NEW.cause END,
        ended_by = CASE NEW.state WHEN 'CANCELLED' THEN NEW.ended_by ELSE n.ended_by END,
        due_at = CASE NEW.state WHEN 'QUEUED' THEN coalesce(NEW.due_at, n.due_at) ELSE n.due_at END,
        -- The run that has sent the digest also sees that the application's log gets its rows.
        claim_id = NEW.claim_id, run_id = NEW.run_id, claimed_at = NEW.claimed_at,
        attempted_at = NEW.attempted_at, sent_at = NEW.sent_at, provider_code = NEW.provider_code,
        log_owes = CASE
            WHEN NEW.state = 'SENT' THEN CASE WHEN orchestration.log_takes(coalesce(n.audience, n.kind)) THEN 'row' END
            WHEN NEW.state IN ('DELIVERED', 'UNDELIVERED') AND n.logged_at IS NOT NULL
                 AND orchestration.log_takes_receipts() THEN 'receipt'
            ELSE n.log_owes END
    WHERE n.id = ANY (named);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION orchestration.follow_digest IS
    'What becomes of a digest becomes of everything that it tells of, in the same transaction and by whatever way';
CREATE TRIGGER follow_digest AFTER UPDATE OF state ON orchestration.notification
    FOR EACH ROW WHEN (
        NEW.task_id IS NULL AND NEW.episode_id IS NULL AND OLD.state IS DISTINCT FROM NEW.state
        AND (NEW.state IN ('SENT', 'DELIVERED', 'UNDELIVERED', 'FAILED', 'CANCELLED', 'HELD')
             OR (OLD.state = 'HELD' AND NEW.state = 'QUEUED'))
    )
    EXECUTE FUNCTION orchestration.follow_digest();

CREATE FUNCTION orchestration.repeat_digest() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan TO off AS $$
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
      AND (n.state || '' <> 'CANCELLED' OR n.ended_by IS NOT NULL)
    ORDER BY 1
    ON CONFLICT (business_key) WHERE state NOT IN ('FAILED', 'CANCELLED') DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION orchestration.repeat_digest IS
    'A digest that is tried once more, or that an operator sends again, tells of the same tasks as the one before';
CREATE TRIGGER repeat_digest AFTER INSERT ON orchestration.notification
    FOR EACH ROW WHEN (
        NEW.task_id IS NULL AND NEW.episode_id IS NULL AND (NEW.again_of IS NOT NULL OR NEW.resent_of IS NOT NULL)
    )
    EXECUTE FUNCTION orchestration.repeat_digest();

CREATE FUNCTION orchestration.leave_digest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.named_by := NULL;
    NEW.due_at := NULL;
    NEW.alone_at := orchestration.clock();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION orchestration.leave_digest IS
    'What is queued has a text of its own from then on: by an order, by name, or for its task has become critical';
CREATE TRIGGER leave_digest BEFORE UPDATE OF state ON orchestration.notification
    FOR EACH ROW WHEN (OLD.named_by IS NOT NULL AND NEW.state = 'QUEUED' AND OLD.state <> 'QUEUED')
    EXECUTE FUNCTION orchestration.leave_digest();
"""


def upgrade() -> None:
    for statements in (COLUMNS, TRIGGERS):
        op.get_bind().exec_driver_sql(statements)  # so that a colon names no parameter


def downgrade() -> None:
    # The rows of digests stay, and what waits for one goes out by itself: an older version sees nothing but its time.
    op.execute("""
        DROP FUNCTION IF EXISTS orchestration.gather, orchestration.waits_for_digest, orchestration.is_logged,
            orchestration.named_task_digest_now;
        DROP TRIGGER leave_digest ON orchestration.notification;
        DROP TRIGGER repeat_digest ON orchestration.notification;
        DROP TRIGGER follow_digest ON orchestration.notification;
        DROP FUNCTION orchestration.leave_digest, orchestration.repeat_digest, orchestration.follow_digest;
        DELETE FROM orchestration.notification_move
        WHERE (from_state, to_state) IN (('SCHEDULED', 'FAILED'), ('SCHEDULED', 'HELD'), ('HELD', 'SCHEDULED'));
        ALTER TABLE orchestration.notification DROP CONSTRAINT notification_sent;
        -- What a digest has told of gets an id in place of the phone company's, which nobody asks for: else every later
        -- change of it would be refused.
        UPDATE orchestration.notification SET provider_sid = 'digest:' || id
        WHERE state = 'SENT' AND provider_sid IS NULL;
        ALTER TABLE orchestration.notification ADD CONSTRAINT notification_check3 CHECK (
            state <> 'SENT' OR (provider_sid IS NOT NULL AND sent_at IS NOT NULL)
        ) NOT VALID;
        DROP INDEX orchestration.notification_digest, orchestration.notification_alone,
            orchestration.notification_gathered, orchestration.notification_named;
        ALTER TABLE orchestration.notification DROP alone_at, DROP named_by;
    """)
