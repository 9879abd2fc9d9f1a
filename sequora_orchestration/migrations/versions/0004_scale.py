"""What millions of messages need: indexes whose size and depth hang on what is open, not on what has ever been."""

from alembic import op

revision = "0004"
down_revision = "0003"

INDEXES = """
-- At first, and at once: whoever reads while an index is built would keep the old one from being dropped, and wait to
-- write himself.
LOCK TABLE orchestration.notification IN ACCESS EXCLUSIVE MODE;

-- Keys are looked up one by one and whole, some thousand at a time: by their hash in half the time, and in a quarter
-- of the space.
CREATE INDEX notification_key ON orchestration.notification USING hash (business_key);
DROP INDEX orchestration.notification_any_business_key;

-- What may not have reached its nurse, in one index that is looked up once for each open task; for what has failed
-- piles up.
CREATE INDEX notification_unreached ON orchestration.notification (task_id)
    WHERE kind IN ('task-created', 'sla-warning', 'sla-breach')
      AND (
          state IN ('FAILED', 'HELD', 'UNDELIVERED')
          OR (urgency = 0 AND (state = 'IN_DOUBT' OR (state = 'SENT' AND receipt_at IS NOT NULL)))
      );
DROP INDEX orchestration.notification_failed, orchestration.notification_undelivered,
    orchestration.notification_without_receipt, orchestration.notification_told;

-- What `sequora status` counts, and what it shows to a person.
CREATE INDEX notification_kind_state ON orchestration.notification (kind, state);
CREATE INDEX notification_set_aside ON orchestration.notification (created_at)
    WHERE state IN ('IN_DOUBT', 'HELD', 'FAILED', 'UNDELIVERED')
       OR (state = 'SENT' AND logged_at IS NULL AND task_id IS NOT NULL);
"""


def upgrade() -> None:
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("""
        CREATE INDEX notification_any_business_key ON orchestration.notification (business_key);
        CREATE INDEX notification_failed ON orchestration.notification (kind, task_id) WHERE state = 'FAILED';
        CREATE INDEX notification_undelivered ON orchestration.notification (kind, task_id)
            WHERE state IN ('UNDELIVERED', 'HELD');
        CREATE INDEX notification_without_receipt ON orchestration.notification (attempted_at)
            WHERE state = 'SENT' AND receipt_at IS NOT NULL AND urgency = 0;
        CREATE INDEX notification_told ON orchestration.notification (kind, task_id)
            WHERE kind IN ('sla-escalation', 'nurse-unreached') AND state NOT IN ('FAILED', 'CANCELLED');
        DROP INDEX orchestration.notification_key, orchestration.notification_unreached,
            orchestration.notification_kind_state, orchestration.notification_set_aside;
    """)
