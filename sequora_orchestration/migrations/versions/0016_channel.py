"""The channel by which a message goes out; breaker, rate and pauses of a provider are kept for each channel.

A worker of the version before goes on working: it reads and updates `provider` as a single row, which is right as long
as SMS is the only channel. No such worker may be left when another channel gets its row.
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

        ALTER TABLE orchestration.notification ADD channel text NOT NULL DEFAULT 'SMS';
        COMMENT ON COLUMN orchestration.notification.channel IS 'by what it goes out';

        ALTER TABLE orchestration.provider DROP CONSTRAINT provider_pkey;
        ALTER TABLE orchestration.provider
            ADD channel text NOT NULL DEFAULT 'SMS' PRIMARY KEY,
            ADD is_open boolean NOT NULL GENERATED ALWAYS AS (opened_at IS NOT NULL AND closed_at IS NULL) STORED;
        COMMENT ON TABLE orchestration.provider IS
            'How it stands with whoever carries the messages of a channel: the breaker, and the sender''s rate';
        COMMENT ON COLUMN orchestration.provider.only_row IS 'of older versions, which know one channel';
        COMMENT ON COLUMN orchestration.provider.is_open IS
            'whether the breaker is open: no message of the channel goes out but for trials';
        COMMENT ON COLUMN orchestration.provider.next_slot IS 'when the sender''s rate allows the next message';
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE orchestration.provider DROP CONSTRAINT provider_pkey;
        ALTER TABLE orchestration.provider DROP is_open, DROP channel, ADD PRIMARY KEY (only_row);
        COMMENT ON TABLE orchestration.provider IS
            'How it stands with the phone company: the breaker, and the sender''s rate';
        COMMENT ON COLUMN orchestration.provider.only_row IS NULL;
        COMMENT ON COLUMN orchestration.provider.next_slot IS 'when the sender''s rate allows the next segment';
        ALTER TABLE orchestration.notification DROP channel;
    """)
