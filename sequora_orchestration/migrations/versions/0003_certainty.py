"""What certainty needs: look-ups of texts in doubt, receipts, a breaker, a pause, and what operators did."""

from alembic import op

revision = "0003"
down_revision = "0002"

NOTIFICATION = """
ALTER TABLE orchestration.notification
    ADD fingerprints text[] NOT NULL DEFAULT '{}',
    ADD doubtful_since timestamptz,
    ADD doubted_at timestamptz,
    ADD look_at timestamptz,
    ADD looks smallint NOT NULL DEFAULT 0,
    ADD adopted boolean NOT NULL DEFAULT false,
    ADD receipt_at timestamptz,
    ADD runs smallint NOT NULL DEFAULT 0,
    ADD failures smallint NOT NULL DEFAULT 0,
    ADD refusals smallint NOT NULL DEFAULT 0,
    ADD refused_since timestamptz,
    ADD ended_by text;
COMMENT ON COLUMN orchestration.notification.fingerprints IS
    'what the texts of attempts that may have gone out are recognised by: HMACs of number and body';
COMMENT ON COLUMN orchestration.notification.doubtful_since IS 'when the first attempt that was in doubt began';
COMMENT ON COLUMN orchestration.notification.doubted_at IS 'when the last attempt was in doubt';
COMMENT ON COLUMN orchestration.notification.look_at IS 'when the phone company is next asked for a text in doubt';
COMMENT ON COLUMN orchestration.notification.looks IS 'how often it has been asked since';
COMMENT ON COLUMN orchestration.notification.adopted IS 'whether its SID was found in the phone company''s list';
COMMENT ON COLUMN orchestration.notification.receipt_at IS
    'when the phone company is next asked what became of the text; NULL when nothing more is expected';
COMMENT ON COLUMN orchestration.notification.runs IS
    'how many runs in a row have ended, without a word, since they took it up';
COMMENT ON COLUMN orchestration.notification.refusals IS
    'how often it was not taken for no fault of its own, or so it seems';
COMMENT ON COLUMN orchestration.notification.refused_since IS
    'when it was first not taken for a reason that is about every text';
COMMENT ON COLUMN orchestration.notification.failures IS
    'how many runs have failed while they had it: each time it is claimed with fewer others';
COMMENT ON COLUMN orchestration.notification.ended_by IS 'the operator who cancelled it: it is not made again';

-- One that an operator cancels while it is looked for ends so, if it is not found.
INSERT INTO orchestration.notification_move VALUES ('IN_DOUBT', 'CANCELLED');

CREATE INDEX notification_in_doubt ON orchestration.notification (look_at) WHERE state = 'IN_DOUBT';
CREATE INDEX notification_receipt ON orchestration.notification (receipt_at)
    WHERE state = 'SENT' AND receipt_at IS NOT NULL;
CREATE INDEX notification_sid ON orchestration.notification (provider_sid) WHERE provider_sid IS NOT NULL;
-- A text of the phone company's list belongs to one message.
CREATE UNIQUE INDEX notification_adopted ON orchestration.notification (provider_sid) WHERE adopted;
-- Those that may not have reached their nurse.
CREATE INDEX notification_undelivered ON orchestration.notification (kind, task_id)
    WHERE state IN ('UNDELIVERED', 'HELD');
CREATE INDEX notification_without_receipt ON orchestration.notification (attempted_at)
    WHERE state = 'SENT' AND receipt_at IS NOT NULL AND urgency = 0;
CREATE INDEX notification_event_doubt ON orchestration.notification_event (to_state) WHERE from_state = 'IN_DOUBT';
"""

PROVIDER = """
CREATE TABLE orchestration.provider (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    troubles    smallint NOT NULL DEFAULT 0,
    opened_at   timestamptz,
    closed_at   timestamptz,
    reason      text,
    code        integer,
    resume_at   timestamptz,
    trial_until timestamptz,
    next_slot   timestamptz,
    CHECK (opened_at IS NULL OR reason IS NOT NULL)
) WITH (fillfactor = 10);
COMMENT ON TABLE orchestration.provider IS 'How it stands with the phone company: the breaker, and the sender''s rate';
COMMENT ON COLUMN orchestration.provider.troubles IS
    'how many calls in a row it did not take, for no fault of the text';
COMMENT ON COLUMN orchestration.provider.opened_at IS
    'when the breaker last opened; it is open until closed_at is set, and no text goes out but for trials';
COMMENT ON COLUMN orchestration.provider.resume_at IS 'nothing is sent before';
COMMENT ON COLUMN orchestration.provider.trial_until IS 'until then a trial text is under way';
COMMENT ON COLUMN orchestration.provider.next_slot IS 'when the sender''s rate allows the next segment';
INSERT INTO orchestration.provider DEFAULT VALUES;
"""

OPERATORS = """
CREATE TABLE orchestration.pause (
    kind      text PRIMARY KEY,
    paused_at timestamptz NOT NULL DEFAULT orchestration.clock(),
    paused_by text NOT NULL,
    why       text NOT NULL
);
COMMENT ON TABLE orchestration.pause IS 'The kinds of messages that are not sent for now; "all" is every kind';

CREATE TABLE orchestration.operator_action (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT orchestration.clock(),
    who             text NOT NULL,
    verb            text NOT NULL,
    kind            text,
    notification_id uuid REFERENCES orchestration.notification ON DELETE SET NULL,
    why             text NOT NULL
);
COMMENT ON TABLE orchestration.operator_action IS
    'What operators did by command: pause, resume, cancel, resend, release';
CREATE INDEX operator_action_notification ON orchestration.operator_action (notification_id);
"""


def upgrade() -> None:
    for statements in (NOTIFICATION, PROVIDER, OPERATORS):
        op.execute(statements)


def downgrade() -> None:
    op.execute("""
        DROP TABLE orchestration.operator_action, orchestration.pause, orchestration.provider;
        DROP INDEX orchestration.notification_event_doubt;
        ALTER TABLE orchestration.notification
            DROP fingerprints, DROP doubtful_since, DROP doubted_at, DROP look_at, DROP looks, DROP adopted,
            DROP receipt_at, DROP runs, DROP failures, DROP refusals, DROP refused_since,
            DROP ended_by;
        DELETE FROM orchestration.notification_move WHERE from_state = 'IN_DOUBT' AND to_state = 'CANCELLED';
        DROP INDEX orchestration.notification_sid, orchestration.notification_undelivered;
    """)
