"""The second channel: from which severity on nurses are called.

The phone company's row for calls is made when they are switched on (`note_terms`): older workers know one row alone.
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE orchestration.terms_in_force ADD call_for smallint CHECK (call_for BETWEEN 0 AND 3);
        COMMENT ON COLUMN orchestration.terms_in_force.call_for IS
            'the urgency of the least severe tasks whose nurses are called if no text reaches them, as '
            'orchestration.urgency counts: 0 is the most urgent; NULL if nobody is called';
    """)


def downgrade() -> None:
    op.execute("""
        -- The questions about calls; another version's `sequora migrate` makes its own views and functions.
        DROP VIEW IF EXISTS orchestration.owed;
        DROP FUNCTION IF EXISTS orchestration.owed_nurse_call, orchestration.named_nurse_call,
            orchestration.texts_without_receipt, orchestration.unreached_since, orchestration.call_key;
        ALTER TABLE orchestration.terms_in_force DROP call_for;
        DELETE FROM orchestration.provider WHERE channel = 'VOICE';
    """)
