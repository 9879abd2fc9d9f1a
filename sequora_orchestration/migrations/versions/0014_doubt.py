"""When a text's doubt ends, and the attempts that were given up: a text of theirs may show up all the same."""

from alembic import op

revision = "0014"
down_revision = "0012"

LOST_ATTEMPTS = """
CREATE TABLE orchestration.lost_attempt (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    notification_id uuid NOT NULL REFERENCES orchestration.notification ON DELETE CASCADE,
    began_at        timestamptz NOT NULL,
    given_up_at     timestamptz NOT NULL DEFAULT orchestration.clock(),
    fingerprints    text[] NOT NULL,
    is_providers    boolean NOT NULL DEFAULT false,
    look_at         timestamptz,
    found_sid       text,
    found_at        timestamptz,
    texted_at       timestamptz,
    CHECK ((found_sid IS NULL) = (found_at IS NULL)),
    CHECK (found_sid IS NULL OR look_at IS NULL)
);
COMMENT ON TABLE orchestration.lost_attempt IS
    'Attempts that were in doubt and not found at the phone company, so that their message was sent again';
COMMENT ON COLUMN orchestration.lost_attempt.fingerprints IS 'what its text would be recognised by';
COMMENT ON COLUMN orchestration.lost_attempt.is_providers IS
    'whether the phone company took no texts at all at that time: then it does not count against the message';
COMMENT ON COLUMN orchestration.lost_attempt.look_at IS
    'when it is next looked for; NULL when it was found, or is not looked for any more';
COMMENT ON COLUMN orchestration.lost_attempt.found_sid IS 'the text that went out all the same';
COMMENT ON COLUMN orchestration.lost_attempt.texted_at IS 'when the phone company says that it took that text';

CREATE INDEX lost_attempt_notification ON orchestration.lost_attempt (notification_id);
CREATE INDEX lost_attempt_due ON orchestration.lost_attempt (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX lost_attempt_found ON orchestration.lost_attempt (found_at) WHERE found_at IS NOT NULL;
-- A text of the phone company's list belongs to one attempt.
CREATE UNIQUE INDEX lost_attempt_sid ON orchestration.lost_attempt (found_sid) WHERE found_sid IS NOT NULL;
"""


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

        -- Of rows that an older worker has put in doubt it is not known.
        ALTER TABLE orchestration.notification ADD doubt_ends_at timestamptz;
        COMMENT ON COLUMN orchestration.notification.doubt_ends_at IS
            'until when a text in doubt is looked for before it is sent again, or held';

        -- An attempt that was given up is found before the message was sent again.
        INSERT INTO orchestration.notification_move VALUES ('QUEUED', 'SENT'), ('SCHEDULED', 'SENT');
    """)
    op.execute(LOST_ATTEMPTS)


def downgrade() -> None:
    op.execute("""
        DROP TABLE orchestration.lost_attempt;
        DELETE FROM orchestration.notification_move WHERE from_state IN ('QUEUED', 'SCHEDULED') AND to_state = 'SENT';
        ALTER TABLE orchestration.notification DROP doubt_ends_at;
    """)
