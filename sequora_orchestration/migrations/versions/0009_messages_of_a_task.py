"""One index for what is asked of every task: its messages of a kind.

Of two that a planner without statistics takes for equally choosy it reads both, and one of them holds every message of
that kind: in a burst, for each of its tasks.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;
        DROP INDEX orchestration.notification_task;
        CREATE INDEX notification_task ON orchestration.notification (task_id, kind);
    """)


def downgrade() -> None:
    op.execute("""
        DROP INDEX orchestration.notification_task;
        CREATE INDEX notification_task ON orchestration.notification (task_id);
    """)
