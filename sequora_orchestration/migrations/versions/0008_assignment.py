"""Assignment: which tasks that came without an assignee were given to whom, and why."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE orchestration.assignment (
            task_id        text PRIMARY KEY,
            person_id      text,
            assigned_at    timestamptz,
            reason         text,
            nobody_since   timestamptz,
            nobody_at      timestamptz,
            nobody_because text,
            next_try_at    timestamptz NOT NULL,
            tries          smallint NOT NULL DEFAULT 0,
            run_id         text,
            created_at     timestamptz NOT NULL DEFAULT orchestration.clock(),
            CHECK ((person_id IS NULL) = (assigned_at IS NULL)),
            CHECK (person_id IS NULL OR reason IS NOT NULL),
            CHECK ((nobody_since IS NULL) = (nobody_at IS NULL)),
            CHECK ((nobody_since IS NULL) = (nobody_because IS NULL))
        );
        COMMENT ON TABLE orchestration.assignment IS
            'One row per task that came without an assignee, and was or is to be given to somebody. Ids only';
        COMMENT ON COLUMN orchestration.assignment.person_id IS
            'to whom it was given, once; whoever has it now stands in the application''s table';
        COMMENT ON COLUMN orchestration.assignment.reason IS 'why to her, for people';
        COMMENT ON COLUMN orchestration.assignment.nobody_since IS
            'when it was first tried and there was nobody to give it to';
        COMMENT ON COLUMN orchestration.assignment.nobody_at IS 'when it was last tried and there was nobody';
        COMMENT ON COLUMN orchestration.assignment.nobody_because IS 'why there was nobody at the last try, for people';
        COMMENT ON COLUMN orchestration.assignment.next_try_at IS
            'no sensor asks for a run about it before: one has it, or there was nobody a moment ago';
        COMMENT ON COLUMN orchestration.assignment.tries IS
            'how many runs have been asked for since one came to an end: each lease is longer than the one before';
        COMMENT ON COLUMN orchestration.assignment.run_id IS 'the run that has tried last';
        CREATE INDEX assignment_person ON orchestration.assignment (person_id, assigned_at) WHERE person_id IS NOT NULL;
        CREATE INDEX assignment_age ON orchestration.assignment (created_at);

        CREATE FUNCTION orchestration.has_no_taker(task_id text) RETURNS boolean
            LANGUAGE sql STABLE PARALLEL SAFE
            RETURN EXISTS (
                SELECT FROM orchestration.assignment a
                WHERE a.task_id = has_no_taker.task_id AND a.person_id IS NULL
                  AND a.nobody_at > orchestration.clock() - interval '3 minutes'
            );
        COMMENT ON FUNCTION orchestration.has_no_taker IS
            'Whether there was nobody to give a task to just now; while it is nobody''s that is tried every minute';

        CREATE TABLE orchestration.assignment_turn (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            number   bigint NOT NULL DEFAULT 0
        ) WITH (fillfactor = 10);
        COMMENT ON TABLE orchestration.assignment_turn IS
            'Counts what is given: a choice holds while nothing else has been given since it was made';
        INSERT INTO orchestration.assignment_turn DEFAULT VALUES;
    """)


def downgrade() -> None:
    op.execute("""
        DROP FUNCTION orchestration.has_no_taker;
        DROP TABLE orchestration.assignment_turn, orchestration.assignment;
    """)
