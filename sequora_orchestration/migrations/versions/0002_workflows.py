"""What check-ins, SLA warnings, breaches and escalations need of the ledger, and a clock that tests can move."""

from alembic import op

revision = "0002"
down_revision = "0001"

CLOCK = """
CREATE FUNCTION orchestration.clock() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN now();
COMMENT ON FUNCTION orchestration.clock IS
    'The time that every statement goes by; tests put another one in its place to move it';
ALTER TABLE orchestration.notification ALTER created_at SET DEFAULT orchestration.clock();
ALTER TABLE orchestration.notification_event ALTER at SET DEFAULT orchestration.clock();
"""

NOTIFICATION = """
ALTER TABLE orchestration.notification
    ADD sla_due_at timestamptz,
    ADD because_of uuid REFERENCES orchestration.notification ON DELETE SET NULL;
COMMENT ON COLUMN orchestration.notification.sla_due_at IS 'the SLA time that the message is about';
COMMENT ON COLUMN orchestration.notification.because_of IS
    'the message to the nurse that this one tells the supervisor of: unanswered, or not received';

CREATE INDEX notification_scheduled ON orchestration.notification (kind, due_at) WHERE state = 'SCHEDULED';
CREATE INDEX notification_failed ON orchestration.notification (kind, task_id) WHERE state = 'FAILED';
CREATE INDEX notification_episode ON orchestration.notification (episode_id) WHERE task_id IS NULL;
CREATE INDEX notification_told ON orchestration.notification (kind, task_id)
    WHERE kind IN ('sla-escalation', 'nurse-unreached') AND state NOT IN ('FAILED', 'CANCELLED');
CREATE INDEX notification_because_of ON orchestration.notification (because_of) WHERE because_of IS NOT NULL;

-- What may not go out now is moved to a time when it may.
INSERT INTO orchestration.notification_move VALUES ('QUEUED', 'SCHEDULED');
"""

FUNCTIONS = """
CREATE FUNCTION orchestration.sla_key(kind text, task_id text, sla_due_at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN kind || ':' || task_id || ':'
           || coalesce(to_char(sla_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'none');
COMMENT ON FUNCTION orchestration.sla_key IS 'The business key of a message about a task and its SLA time';

CREATE FUNCTION orchestration.check_in_key(episode_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'check-in:' || episode_id || '\\:1';
COMMENT ON FUNCTION orchestration.check_in_key IS 'The business key of the check-in after an episode';

CREATE FUNCTION orchestration.unreached_key(task_id text, nurse_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'nurse-unreached:' || task_id || ':' || coalesce(nurse_id, 'nobody');
COMMENT ON FUNCTION orchestration.unreached_key IS
    'The business key of the message to a supervisor about a nurse who cannot be reached';

CREATE FUNCTION orchestration.plausible_time(at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN at BETWEEN timestamptz '1900-01-01 00:00+00' AND timestamptz '2999-12-31 00:00+00' THEN at END;
COMMENT ON FUNCTION orchestration.plausible_time IS
    'A time that a person may have meant, or NULL: infinity and the year 20000 would break who reads them';
"""

OPT_OUT = """
CREATE TABLE orchestration.opt_out (
    digest       text PRIMARY KEY,
    recipient_id text,
    opted_out_at timestamptz NOT NULL DEFAULT orchestration.clock()
);
COMMENT ON TABLE orchestration.opt_out IS
    'Numbers that have replied STOP, as digests: no phone number stands in this schema';
COMMENT ON COLUMN orchestration.opt_out.digest IS 'HMAC-SHA-256 of the E.164 number under opt_out_salt';

CREATE TABLE orchestration.opt_out_salt (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    salt     text NOT NULL DEFAULT gen_random_uuid()::text || gen_random_uuid()::text
);
INSERT INTO orchestration.opt_out_salt DEFAULT VALUES;
"""

GO_LIVE = """
ALTER TABLE orchestration.go_live ADD workflows_live_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN orchestration.go_live.workflows_live_at IS
    'Since when there is more than the text about a new task: what lies before is left alone by the other workflows';
"""


def upgrade() -> None:
    for statements in (CLOCK, NOTIFICATION, FUNCTIONS, OPT_OUT, GO_LIVE):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        -- The rows of the other kinds stay: forgetting them would mean to send them again after the next upgrade.
        DROP TABLE orchestration.opt_out, orchestration.opt_out_salt;
        ALTER TABLE orchestration.go_live DROP workflows_live_at;
        DELETE FROM orchestration.notification_move WHERE from_state = 'QUEUED' AND to_state = 'SCHEDULED';
        ALTER TABLE orchestration.notification DROP sla_due_at, DROP because_of,
            ALTER created_at SET DEFAULT clock_timestamp();
        ALTER TABLE orchestration.notification_event ALTER at SET DEFAULT clock_timestamp();
        DROP INDEX orchestration.notification_scheduled, orchestration.notification_failed,
            orchestration.notification_episode, orchestration.notification_told;
        DROP FUNCTION orchestration.clock, orchestration.sla_key, orchestration.check_in_key,
            orchestration.unreached_key, orchestration.plausible_time;
    """)
