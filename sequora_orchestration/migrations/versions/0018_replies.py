"""What people text to us: which messages were read, what was understood, and the small numbers of tasks on a phone."""

from alembic import op

revision = "0018"
down_revision = "0017"

READ = """
ALTER TABLE orchestration.go_live ADD replies_live_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN orchestration.go_live.replies_live_at IS
    'Since when what people text to us is read: what came before is left alone';

CREATE TABLE orchestration.inbound (
    sid         text PRIMARY KEY,
    channel     text NOT NULL,
    digest      text NOT NULL,
    received_at timestamptz NOT NULL,
    read_at     timestamptz NOT NULL DEFAULT orchestration.clock(),
    understood  text NOT NULL CHECK (understood IN ('STOP', 'START', 'HELP', 'COMMANDS', 'NOTHING', 'TOO_OLD')),
    is_helped   boolean NOT NULL DEFAULT false,
    run_id      text
);
COMMENT ON TABLE orchestration.inbound IS
    'Messages that people have sent us, each acted on once: ids and what was understood; no number, no text';
COMMENT ON COLUMN orchestration.inbound.digest IS 'of the number that it came from, as in opt_out';
COMMENT ON COLUMN orchestration.inbound.received_at IS 'by the phone company''s clock';
COMMENT ON COLUMN orchestration.inbound.is_helped IS 'whether it was answered with help';
CREATE INDEX inbound_of_number ON orchestration.inbound (digest, received_at);
CREATE INDEX inbound_age ON orchestration.inbound (read_at);

CREATE TABLE orchestration.inbound_reading (
    channel   text PRIMARY KEY,
    newest_at timestamptz,
    read_at   timestamptz
);
COMMENT ON TABLE orchestration.inbound_reading IS 'How far the messages that people have sent us were read';
COMMENT ON COLUMN orchestration.inbound_reading.newest_at IS
    'when the newest message of the last whole reading was received, by the phone company''s clock';
COMMENT ON COLUMN orchestration.inbound_reading.read_at IS 'when they were last read whole; NULL before the first time';
INSERT INTO orchestration.inbound_reading (channel) VALUES ('SMS');
"""

ANSWERS = """
CREATE TABLE orchestration.task_number (
    digest    text NOT NULL,
    task_id   text NOT NULL,
    number    smallint,
    is_in_use boolean NOT NULL DEFAULT true,
    person_id text NOT NULL,
    given_at  timestamptz NOT NULL DEFAULT orchestration.clock(),
    texted_at timestamptz NOT NULL DEFAULT orchestration.clock(),
    PRIMARY KEY (digest, task_id)
);
COMMENT ON TABLE orchestration.task_number IS
    'The small numbers by which tasks are answered, for each phone that was texted about them';
COMMENT ON COLUMN orchestration.task_number.number IS 'NULL if all were taken';
COMMENT ON COLUMN orchestration.task_number.is_in_use IS 'false once another task may have the number';
COMMENT ON COLUMN orchestration.task_number.person_id IS 'who was texted last, of those who share the phone';
CREATE UNIQUE INDEX task_number_in_use ON orchestration.task_number (digest, number) WHERE is_in_use;
CREATE INDEX task_number_age ON orchestration.task_number (texted_at);

CREATE TABLE orchestration.answer (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sid             text NOT NULL REFERENCES orchestration.inbound ON DELETE CASCADE,
    at              timestamptz NOT NULL DEFAULT orchestration.clock(),
    verb            text NOT NULL CHECK (verb IN ('ACCEPT', 'RESOLVE', 'HAND_OVER')),
    number          smallint,
    task_id         text,
    person_id       text,
    notification_id uuid,
    outcome         text NOT NULL
);
COMMENT ON TABLE orchestration.answer IS 'The commands that staff have sent by text, and what became of each';
COMMENT ON COLUMN orchestration.answer.notification_id IS 'the text that was answered';
CREATE INDEX answer_age ON orchestration.answer (at);
CREATE INDEX answer_sid ON orchestration.answer (sid);
CREATE INDEX answer_handed_over ON orchestration.answer (at) WHERE verb = 'HAND_OVER';
CREATE INDEX answer_task ON orchestration.answer (task_id) WHERE task_id IS NOT NULL;

ALTER TABLE orchestration.notification ADD reply_to text, ADD accepted_at timestamptz;
COMMENT ON COLUMN orchestration.notification.reply_to IS 'the id of the message of a person that it answers';
COMMENT ON COLUMN orchestration.notification.accepted_at IS
    'when the phone company accepted it, by its own clock, which also dates what people text to us';
COMMENT ON TABLE orchestration.operator_action IS
    'What operators did by command (pause, resume, cancel, resend, release), and staff by text (accept, resolve, '
    'hand over)';
-- Every row that is there satisfies it, for it allows more: so no row need be looked at while the table is locked.
ALTER TABLE orchestration.notification
    DROP CONSTRAINT notification_audience_check,
    ADD CONSTRAINT notification_audience_check
        CHECK (audience IN ('ASSIGNEE', 'ON_CALL', 'PATIENT', 'WRITER')) NOT VALID;
"""


def upgrade() -> None:
    for statements in (READ, ANSWERS):
        op.get_bind().exec_driver_sql(statements)


def downgrade() -> None:
    op.execute("""
        DROP FUNCTION IF EXISTS orchestration.hand_overs, orchestration.number_of_task, orchestration.handed_over_key,
            orchestration.is_logged;
        DROP TABLE orchestration.answer, orchestration.task_number, orchestration.inbound_reading,
            orchestration.inbound;
        ALTER TABLE orchestration.go_live DROP replies_live_at;
        DELETE FROM orchestration.notification WHERE audience = 'WRITER';
        ALTER TABLE orchestration.notification
            DROP reply_to, DROP accepted_at, DROP CONSTRAINT notification_audience_check,
            ADD CONSTRAINT notification_audience_check CHECK (audience IN ('ASSIGNEE', 'ON_CALL', 'PATIENT'));
    """)
