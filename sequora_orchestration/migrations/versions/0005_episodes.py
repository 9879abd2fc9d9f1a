"""What the story of an episode needs: all of its messages by an index, not only its check-ins."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;
        CREATE INDEX notification_of_episode ON orchestration.notification (episode_id);
        DROP INDEX orchestration.notification_episode;
    """)


def downgrade() -> None:
    op.execute("""
        CREATE INDEX notification_episode ON orchestration.notification (episode_id) WHERE task_id IS NULL;
        DROP INDEX orchestration.notification_of_episode;
    """)
