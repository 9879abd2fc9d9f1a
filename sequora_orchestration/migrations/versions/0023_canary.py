"""The canary: since when a test text is owed each hour, and the audience that it goes to."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE orchestration.terms_in_force ADD canary_since timestamptz;
        COMMENT ON COLUMN orchestration.terms_in_force.canary_since IS
            'since when a test text to a number of our own is owed each hour; NULL if none is';
        -- Every row that is there satisfies it: so none need be looked at while the table is locked.
        ALTER TABLE orchestration.notification
            DROP CONSTRAINT notification_audience_check,
            ADD CONSTRAINT notification_audience_check
                CHECK (audience IN ('ASSIGNEE', 'ON_CALL', 'PATIENT', 'WRITER', 'OPERATOR')) NOT VALID;
    """)


def downgrade() -> None:
    op.execute("""
        -- The questions about canaries; another version's `sequora migrate` makes its own views and functions.
        DROP VIEW IF EXISTS orchestration.owed;
        DROP FUNCTION IF EXISTS orchestration.owed_canary, orchestration.named_canary, orchestration.canary_key;
        ALTER TABLE orchestration.terms_in_force DROP canary_since;
        DELETE FROM orchestration.notification WHERE audience = 'OPERATOR';
        ALTER TABLE orchestration.notification
            DROP CONSTRAINT notification_audience_check,
            ADD CONSTRAINT notification_audience_check
                CHECK (audience IN ('ASSIGNEE', 'ON_CALL', 'PATIENT', 'WRITER')) NOT VALID;
    """)
