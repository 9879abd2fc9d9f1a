"""Why a message ended, waits or changed hands, as a fact beside the sentence: programs ask for the cause alone."""

from alembic import op

revision = "0015"
down_revision = "0014"

RECORD_EVENT = """
CREATE OR REPLACE FUNCTION orchestration.record_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason, cause)
    VALUES
        (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.attempts, NEW.claim_id,
         NEW.run_id, NEW.reason, NEW.cause);
    RETURN NULL;
END $$;
"""

RECORD_EVENT_BEFORE = """
CREATE OR REPLACE FUNCTION orchestration.record_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason)
    VALUES
        (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.attempts, NEW.claim_id,
         NEW.run_id, NEW.reason);
    RETURN NULL;
END $$;
"""

CAUSE = """
-- At first, and at once, as in 0004.
LOCK TABLE orchestration.notification, orchestration.notification_event IN ACCESS EXCLUSIVE MODE;

ALTER TABLE orchestration.notification ADD cause text;
COMMENT ON COLUMN orchestration.notification.cause IS
    'why it is as it is, for programs; the sentence in reason is for people';
ALTER TABLE orchestration.notification_event ADD cause text;
COMMENT ON COLUMN orchestration.notification_event.cause IS 'why, for programs';

CREATE FUNCTION orchestration.cause_of_sentence(reason text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN starts_with(reason, 'nobody to escalate to') THEN 'NOBODY_TO_TELL'
                WHEN starts_with(reason, 'stale') THEN 'STALE'
                WHEN starts_with(reason, 'set aside') THEN 'SET_ASIDE'
                WHEN reason = 'claimed again by name' THEN 'CLAIMED_BY_NAME'
                WHEN starts_with(reason, 'claimed') THEN 'CLAIMED_AGAIN'
                WHEN reason IN ('in doubt, then found at the phone company',
                                'given up, then found at the phone company before it was sent again') THEN 'FOUND' END;
COMMENT ON FUNCTION orchestration.cause_of_sentence IS
    'The cause that programs read from a sentence before there was a column for it; NULL for every other sentence';

UPDATE orchestration.notification
SET cause = orchestration.cause_of_sentence(reason)
WHERE orchestration.cause_of_sentence(reason) IS NOT NULL;
UPDATE orchestration.notification_event
SET cause = orchestration.cause_of_sentence(reason)
WHERE orchestration.cause_of_sentence(reason) IS NOT NULL;

-- Workers of the version before that are still running write sentences alone. These triggers read the causes that
-- programs ask for from the sentences; and they remove a cause when a new sentence replaces the one it belonged to.
-- (HALTED stays: a wait that follows another wait has a new sentence each time.) One version later these triggers and
-- both functions can go.
CREATE FUNCTION orchestration.derive_cause() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cause := orchestration.cause_of_sentence(NEW.reason);
    RETURN NEW;
END $$;
CREATE TRIGGER derive_cause_of_new BEFORE INSERT ON orchestration.notification
    FOR EACH ROW WHEN (NEW.cause IS NULL AND NEW.reason IS NOT NULL)
    EXECUTE FUNCTION orchestration.derive_cause();
CREATE TRIGGER derive_cause BEFORE UPDATE ON orchestration.notification
    FOR EACH ROW WHEN (
        NEW.reason IS DISTINCT FROM OLD.reason AND NEW.cause IS NOT DISTINCT FROM OLD.cause
        AND (NEW.cause = 'HALTED' AND NEW.state = 'QUEUED' AND starts_with(NEW.reason, 'waits: ')) IS NOT TRUE
    )
    EXECUTE FUNCTION orchestration.derive_cause();
"""


def upgrade() -> None:
    op.execute(CAUSE)
    op.execute(RECORD_EVENT)


def downgrade() -> None:
    op.execute(RECORD_EVENT_BEFORE)
    op.execute("""
        DROP TRIGGER derive_cause ON orchestration.notification;
        DROP TRIGGER derive_cause_of_new ON orchestration.notification;
        DROP FUNCTION orchestration.derive_cause, orchestration.cause_of_sentence;
        ALTER TABLE orchestration.notification DROP cause;
        ALTER TABLE orchestration.notification_event DROP cause;
    """)
