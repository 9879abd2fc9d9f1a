"""Indexes that leave out what is over or long ago: suspects of open tasks alone, and doubts by their time."""

from alembic import op

revision = "0010"
down_revision = "0009"

_SUSPECT = """
    kind IN ('task-created', 'sla-warning', 'sla-breach')
    AND (
        state IN ('FAILED', 'HELD', 'UNDELIVERED')
        OR (state = 'QUEUED' AND refusals > 0)
        OR (urgency = 0 AND (state = 'IN_DOUBT' OR (state = 'SENT' AND receipt_at IS NOT NULL)))
    )
"""


def upgrade() -> None:
    op.execute(f"""
        -- At first, and at once, as in 0004.
        LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

        DROP INDEX orchestration.notification_unreached;
        CREATE INDEX notification_unreached ON orchestration.notification (task_id)
            WHERE {_SUSPECT} AND (over_at >= created_at) IS NOT TRUE;

        DROP INDEX orchestration.notification_event_doubt;
        CREATE INDEX notification_event_doubt ON orchestration.notification_event (at) WHERE from_state = 'IN_DOUBT';
    """)


def downgrade() -> None:
    op.execute("""
        DROP INDEX orchestration.notification_unreached;
        CREATE INDEX notification_unreached ON orchestration.notification (task_id)
            WHERE kind IN ('task-created', 'sla-warning', 'sla-breach')
              AND (
                  state IN ('FAILED', 'HELD', 'UNDELIVERED')
                  OR (urgency = 0 AND (state = 'IN_DOUBT' OR (state = 'SENT' AND receipt_at IS NOT NULL)))
              );

        DROP INDEX orchestration.notification_event_doubt;
        CREATE INDEX notification_event_doubt ON orchestration.notification_event (to_state)
            WHERE from_state = 'IN_DOUBT';
    """)
