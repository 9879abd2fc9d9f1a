"""An index for the calls to one nurse: one call stands for all tasks whose texts have not reached her."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;
        CREATE INDEX notification_call ON orchestration.notification (recipient_id) WHERE channel = 'VOICE';
    """)


def downgrade() -> None:
    op.execute("DROP INDEX orchestration.notification_call")
