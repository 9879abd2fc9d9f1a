"""What the scan needs that makes up for the application's log: the few texts that are not in it."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;
        CREATE INDEX notification_unlogged ON orchestration.notification (sent_at)
            WHERE logged_at IS NULL AND task_id IS NOT NULL AND state IN ('SENT', 'DELIVERED', 'UNDELIVERED');
    """)


def downgrade() -> None:
    op.execute("DROP INDEX orchestration.notification_unlogged")
