"""The ledger: one row per message we mean to send, its history, and the moment we went live."""

from alembic import op

revision = "0001"
down_revision = None

NOTIFICATION = """
CREATE TABLE orchestration.notification (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    business_key  text NOT NULL,
    kind          text NOT NULL,
    task_id       text,
    episode_id    text,
    recipient_id  text,
    severity      text,
    urgency       smallint NOT NULL,
    owed_since    timestamptz NOT NULL,
    state         text NOT NULL,
    reason        text,
    claim_id      uuid,
    claimed_at    timestamptz,
    claims        smallint NOT NULL DEFAULT 0,
    lease_until   timestamptz,
    run_id        text,
    attempts      smallint NOT NULL DEFAULT 0,
    attempted_at  timestamptz,
    provider_sid  text,
    provider_code integer,
    sent_at       timestamptz,
    logged_at     timestamptz,
    due_at        timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (state <> 'SCHEDULED' OR due_at IS NOT NULL),
    CHECK (state <> 'QUEUED' OR lease_until IS NOT NULL),
    CHECK (state <> 'SENDING' OR (lease_until IS NOT NULL AND attempted_at IS NOT NULL)),
    CHECK (state <> 'SENT' OR (provider_sid IS NOT NULL AND sent_at IS NOT NULL)),
    CHECK (state NOT IN ('FAILED', 'CANCELLED', 'IN_DOUBT', 'HELD') OR reason IS NOT NULL)
);

COMMENT ON TABLE orchestration.notification IS
    'One row per message we mean to send. Ids only: no name, no phone number, no text.';
COMMENT ON COLUMN orchestration.notification.urgency IS '0 is the most urgent (CRITICAL)';
COMMENT ON COLUMN orchestration.notification.owed_since IS
    'since when the message was owed: the task''s creation, or its last change';
COMMENT ON COLUMN orchestration.notification.lease_until IS
    'until then the row belongs to claim_id; after it a QUEUED row may be claimed again';
COMMENT ON COLUMN orchestration.notification.claimed_at IS 'when a claim or its run last took the row';
COMMENT ON COLUMN orchestration.notification.claims IS
    'how many claims have had the row since a run last took it up: each lease is longer than the one before';
COMMENT ON COLUMN orchestration.notification.logged_at IS 'when "NotificationLog" got its row';

-- A message that certainly went nowhere does not stand in the way of another try; every other one does.
CREATE UNIQUE INDEX notification_business_key ON orchestration.notification (business_key)
    WHERE state NOT IN ('FAILED', 'CANCELLED');
CREATE INDEX notification_any_business_key ON orchestration.notification (business_key);
CREATE INDEX notification_claim ON orchestration.notification (claim_id);
CREATE INDEX notification_task ON orchestration.notification (task_id);
CREATE INDEX notification_leased ON orchestration.notification (kind, state, lease_until)
    WHERE state IN ('QUEUED', 'SENDING');
CREATE INDEX notification_sent ON orchestration.notification (sent_at) WHERE sent_at IS NOT NULL;
"""

MOVES = """
CREATE TABLE orchestration.notification_move (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
COMMENT ON TABLE orchestration.notification_move IS 'The moves between states that the database lets happen';
INSERT INTO orchestration.notification_move VALUES
    ('SCHEDULED', 'QUEUED'), ('SCHEDULED', 'CANCELLED'),
    ('QUEUED', 'SENDING'), ('QUEUED', 'FAILED'), ('QUEUED', 'CANCELLED'),
    ('SENDING', 'SENT'), ('SENDING', 'QUEUED'), ('SENDING', 'FAILED'), ('SENDING', 'IN_DOUBT'),
    ('IN_DOUBT', 'SENT'), ('IN_DOUBT', 'QUEUED'), ('IN_DOUBT', 'FAILED'), ('IN_DOUBT', 'HELD'),
    ('HELD', 'QUEUED'), ('HELD', 'CANCELLED'),
    ('SENT', 'DELIVERED'), ('SENT', 'UNDELIVERED');

CREATE FUNCTION orchestration.check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('SCHEDULED', 'QUEUED') THEN
            RAISE EXCEPTION 'a notification begins as SCHEDULED or QUEUED, not as %', NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NOT EXISTS (
        SELECT FROM orchestration.notification_move
        WHERE from_state = OLD.state AND to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'notification % may not move from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER check_begin BEFORE INSERT ON orchestration.notification
    FOR EACH ROW EXECUTE FUNCTION orchestration.check_move();
CREATE TRIGGER check_move BEFORE UPDATE OF state ON orchestration.notification
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION orchestration.check_move();
"""

HISTORY = """
CREATE TABLE orchestration.notification_event (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id uuid NOT NULL REFERENCES orchestration.notification ON DELETE CASCADE,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    from_state      text,
    to_state        text NOT NULL,
    attempt         smallint NOT NULL,
    claim_id        uuid,
    run_id          text,
    reason          text
);
COMMENT ON TABLE orchestration.notification_event IS
    'Every change of a notification''s state or claim, written by a trigger';
CREATE INDEX notification_event_notification ON orchestration.notification_event (notification_id, id);

CREATE FUNCTION orchestration.record_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orchestration.notification_event
        (notification_id, from_state, to_state, attempt, claim_id, run_id, reason)
    VALUES
        (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.attempts, NEW.claim_id,
         NEW.run_id, NEW.reason);
    RETURN NULL;
END $$;

CREATE TRIGGER record_begin AFTER INSERT ON orchestration.notification
    FOR EACH ROW EXECUTE FUNCTION orchestration.record_event();
CREATE TRIGGER record_change AFTER UPDATE ON orchestration.notification
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.claim_id IS DISTINCT FROM NEW.claim_id)
    EXECUTE FUNCTION orchestration.record_event();
"""

FUNCTIONS = """
CREATE FUNCTION orchestration.task_created_key(task_id text, nurse_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'task-created:' || task_id || ':' || coalesce(nurse_id, 'nobody');
COMMENT ON FUNCTION orchestration.task_created_key IS 'The business key of the text about a new task';

CREATE FUNCTION orchestration.urgency(severity text) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE severity WHEN 'CRITICAL' THEN 0 WHEN 'HIGH' THEN 1 WHEN 'MODERATE' THEN 2 WHEN 'LOW' THEN 3
           ELSE 1 END;
COMMENT ON FUNCTION orchestration.urgency IS
    '0 is the most urgent; an unknown severity may be anything, so it is taken for HIGH';
"""

GO_LIVE = """
CREATE TABLE orchestration.go_live (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    go_live_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE orchestration.go_live IS
    'When this system went live: rows that the application created before are left alone';
INSERT INTO orchestration.go_live DEFAULT VALUES;
"""


def upgrade() -> None:
    for statements in (NOTIFICATION, MOVES, HISTORY, FUNCTIONS, GO_LIVE):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        DROP TABLE orchestration.go_live, orchestration.notification_event,
                   orchestration.notification_move, orchestration.notification;
        DROP FUNCTION orchestration.check_move, orchestration.record_event, orchestration.task_created_key,
                      orchestration.urgency;
    """)
