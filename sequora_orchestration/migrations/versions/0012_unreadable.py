"""Since when the phone company's list cannot be read, so that there are neither receipts nor look-ups, and why."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE orchestration.provider
            ADD unreadable_since  timestamptz,
            ADD unreadable_reason text,
            ADD unreadable_status smallint,
            ADD unreadable_code   integer,
            ADD CHECK (unreadable_since IS NULL OR unreadable_reason IS NOT NULL);
        COMMENT ON COLUMN orchestration.provider.unreadable_since IS
            'since when neither receipts nor the message list could be read; NULL if they could when last asked for';
        COMMENT ON COLUMN orchestration.provider.unreadable_status IS
            'the HTTP status of the last answer to that; NULL if none came';
        COMMENT ON COLUMN orchestration.provider.unreadable_code IS 'the phone company''s code in it, if it had one';
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE orchestration.provider
            DROP unreadable_since, DROP unreadable_reason, DROP unreadable_status, DROP unreadable_code;
    """)
