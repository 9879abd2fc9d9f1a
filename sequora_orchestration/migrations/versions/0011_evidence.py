"""What an unknown refusal means is judged by evidence: whether others go out between the tries of one that does not."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # `refused_since` is what workers of before judge by; they may still be running.
    op.execute("""
        ALTER TABLE orchestration.notification
            ADD not_taken_at timestamptz,
            ADD not_taken_alone smallint NOT NULL DEFAULT 0;
        COMMENT ON COLUMN orchestration.notification.not_taken_at IS
            'when the phone company last did not take the text, though it was reached or not';
        COMMENT ON COLUMN orchestration.notification.not_taken_alone IS
            'how often the text was refused after another had gone out since it was last not taken';

        ALTER TABLE orchestration.provider
            ADD refuses boolean NOT NULL DEFAULT false,
            ADD refused_recipient_id text;
        COMMENT ON COLUMN orchestration.provider.refuses IS
            'whether the last trouble was an answer that refused a text, and not that there was none';
        COMMENT ON COLUMN orchestration.provider.refused_recipient_id IS
            'whose texts were refused since one was last taken, if it is one person alone: others'' need not wait';
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE orchestration.notification DROP not_taken_at, DROP not_taken_alone;
        ALTER TABLE orchestration.provider DROP refuses, DROP refused_recipient_id;
    """)
