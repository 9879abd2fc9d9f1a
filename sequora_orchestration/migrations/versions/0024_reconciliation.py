"""What was found when a day was reconciled with the phone company's list, and which texts have been reported."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE orchestration.reconciliation (
            day        date PRIMARY KEY,
            at         timestamptz NOT NULL DEFAULT orchestration.clock(),
            texts      integer NOT NULL,
            doubled    integer NOT NULL,
            like_ours  integer NOT NULL,
            of_others  integer NOT NULL,
            missing    integer NOT NULL,
            differing  integer NOT NULL,
            log_owes   integer NOT NULL
        );
        COMMENT ON TABLE orchestration.reconciliation IS
            'What was found when the ledger was last compared with the phone company''s list of a day (UTC)';
        COMMENT ON COLUMN orchestration.reconciliation.texts IS 'texts that went out from our sender';
        COMMENT ON COLUMN orchestration.reconciliation.doubled IS
            'unknown texts that are ours word for word: somebody had the same text twice';
        COMMENT ON COLUMN orchestration.reconciliation.like_ours IS 'other unknown texts with a link to a task';
        COMMENT ON COLUMN orchestration.reconciliation.of_others IS 'all other unknown texts';
        COMMENT ON COLUMN orchestration.reconciliation.missing IS
            'texts that the ledger says were sent, and that the phone company does not have';
        COMMENT ON COLUMN orchestration.reconciliation.differing IS 'texts whose fate the two sides tell differently';
        COMMENT ON COLUMN orchestration.reconciliation.log_owes IS
            'texts that the application''s log lacked something of';

        CREATE TABLE orchestration.orphan (
            sid         text PRIMARY KEY,
            day         date NOT NULL,
            likeness    text NOT NULL,
            reported_at timestamptz NOT NULL DEFAULT orchestration.clock()
        );
        COMMENT ON TABLE orchestration.orphan IS
            'Texts that the phone company has and no message has sent, as they were reported: each once';
        COMMENT ON COLUMN orchestration.orphan.day IS 'when the text was sent (UTC)';
        COMMENT ON COLUMN orchestration.orphan.likeness IS 'what it was like: doubled, ours, other';
        CREATE INDEX orphan_age ON orchestration.orphan (day);
        -- Attempts whose texts may still show up.
        CREATE INDEX lost_attempt_not_found ON orchestration.lost_attempt (began_at) WHERE found_sid IS NULL;
    """)


def downgrade() -> None:
    op.execute("""
        DROP TABLE orchestration.orphan, orchestration.reconciliation;
        DROP INDEX orchestration.lost_attempt_not_found;
    """)
