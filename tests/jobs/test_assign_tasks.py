"""A task that comes without an assignee is given to a nurse, once, and she is texted as ever."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from dagster import ExecuteInProcessResult
from least_rights import ROLE, as_role, forbid_assigning, make_role
from phones import Phones
from running_system import eventually
from runs import Runs, failure, metadata
from sequora_care import SequoraCare
from sqlalchemy import Engine, create_engine

from sequora_orchestration.application import application_map
from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.delivery.assigner import NOT_LET, Assigned, Assigner
from sequora_orchestration.domain.assignment import Choice
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.ledger import assignments as assignments_module
from sequora_orchestration.ledger.assignments import MOST_TASKS, Assignments
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.kind import Postponement
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import migrate

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
GRACE = 10 * MINUTE
OTHER_PHONE, THIRD_PHONE = "+12025550102", "+12025550103"

pytestmark = pytest.mark.usefixtures("on", "stopped_clock")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are assigned here."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")


def a_task(care: Care, **columns: object) -> str:
    return care.a_task(None, **{"created_at": NOW, "updated_at": NOW, **columns})


def assignee(care: Care, task: str) -> str | None:
    found = care.one('SELECT assigned_to_user_id FROM "EscalationTask" WHERE id = :id', id=task)
    return str(found) if found else None


def record(care: Care, task: str) -> dict[str, object]:
    """Return what is known of a task's assignment."""
    (row,) = care.rows("SELECT * FROM orchestration.assignment WHERE task_id = :task", task=task)
    return dict(row)


def an_assigner(engine: Engine, *, run_id: str = "a-run") -> Assigner:
    return Assigner(
        assignments=Assignments(engine),
        care=CareDatabase(engine),
        ledger=Ledger(engine),
        run_id=run_id,
    )


def leased(care: Care) -> list[str]:
    """Return the tasks that a sensor finds now."""
    return [subject.id for claim in Assignments(care.engine).lease() for subject in claim.subjects]


def said(runs: Runs, result: ExecuteInProcessResult) -> str:
    """Return the run's log."""
    return "\n".join(entry.user_message for entry in runs.instance.all_logs(result.run_id))


# ── She is given it, and texted ─────────────────────────────────────────────────────────────────────────


def test_a_task_without_an_assignee_is_given_to_a_nurse_who_is_texted(care: Care, runs: Runs, phones: Phones) -> None:
    """Once; and nobody is told that it was nobody's."""
    care.a_supervisor()
    nurse, task = care.a_nurse(), a_task(care)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + SECOND)
    (result,) = runs.assign()
    assert result.success
    assert assignee(care, task) == nurse
    assert metadata(result, "assign_nurses") == {
        "given": 1,
        "to nobody": 0,
        "task": task,
        "nurse": nurse,
        "reason": "0 open tasks, the only one who can take it",
    }
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])
    care.it_is(NOW + GRACE)
    assert runs.assign() == []
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    assert care.states(task, kind="task-created") == ["CANCELLED", "SENT"]


def test_what_is_recorded_says_who_when_and_why(care: Care, runs: Runs) -> None:
    """Ids, a time and a sentence."""
    nurse, task = care.a_nurse(), a_task(care)
    (result,) = runs.assign()
    known = record(care, task)
    assert {name: known[name] for name in ("person_id", "assigned_at", "reason", "nobody_since", "run_id")} == {
        "person_id": nurse,
        "assigned_at": NOW,
        "reason": "0 open tasks, the only one who can take it",
        "nobody_since": None,
        "run_id": result.run_id,
    }


def test_several_are_shared_out_the_most_severe_first(care: Care, runs: Runs) -> None:
    """What was given before in the same run counts, and so does what a nurse has already."""
    busy, free = care.a_nurse(), care.a_nurse(OTHER_PHONE)
    care.a_task(busy, severity="HIGH")
    care.a_task(busy, severity="HIGH", status="RESOLVED")
    low, moderate, critical = (a_task(care, severity=one) for one in ("LOW", "MODERATE", "CRITICAL"))
    (result,) = runs.assign()
    assert result.success
    assert [assignee(care, task) for task in (critical, moderate, low)] == [free, busy, free]


def test_a_burst_is_given_out_in_runs_of_fifty(care: Care, runs: Runs) -> None:
    """Each tick requests one."""
    for number in range(3):
        care.a_nurse(f"+1202555010{number}")
    for _ in range(MOST_TASKS + 1):
        a_task(care)
    assert [metadata(result, "assign_nurses")["given"] for _ in range(3) for result in runs.assign()] == [MOST_TASKS, 1]
    counts = Counter(row["person_id"] for row in care.rows("SELECT person_id FROM orchestration.assignment"))
    assert sorted(counts.values()) == [17, 17, 17]


def test_only_those_who_can_be_texted_are_given_tasks(care: Care, runs: Runs) -> None:
    """Nobody without a usable phone, nobody who has replied STOP, and nurses alone."""
    care.a_nurse(None)
    care.a_nurse("555-CALL-ME")
    care.a_nurse(OTHER_PHONE, active=False)
    care.a_supervisor()
    opted_out = care.a_nurse()
    runs.ledger.opt_outs.remember_opt_out(NURSE_PHONE, opted_out)
    unknown_activity = care.a_nurse(THIRD_PHONE, active=None)
    task = a_task(care)
    runs.assign()
    assert assignee(care, task) == unknown_activity


def test_tasks_that_are_somebodys_closed_or_old_are_left_alone(
    care: Care, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older than this system, which SEQUORA_GO_LIVE_AT can move; by hand neither."""
    nurse = care.a_nurse()
    care.a_task(nurse, created_at=NOW)
    a_task(care, status="RESOLVED")
    old = a_task(care, created_at=NOW - HOUR, updated_at=NOW - HOUR)
    monkeypatch.setenv("SEQUORA_GO_LIVE_AT", NOW.isoformat())
    assert runs.assign() == []
    result = runs.launch("assign_tasks", task_ids=[old])
    assert result.success
    assert "was created before this system went live" in said(runs, result)
    assert assignee(care, old) is None


# ── With shifts ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sequora(sequora_care: SequoraCare) -> SequoraCare:
    """Sequora's own application, whose clock stands still."""
    sequora_care.it_is(NOW)
    return sequora_care


@pytest.fixture
def sequora_runs(runs: Runs, sequora: SequoraCare, sequora_care_url: str, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs on that."""
    monkeypatch.setenv("SUPABASE_DB_URL", sequora_care_url)
    return Runs(runs.instance, Ledger(sequora.engine))


def test_of_an_application_that_keeps_shifts_those_who_are_on_shift_are_given_tasks(
    sequora: SequoraCare, sequora_runs: Runs, phones: Phones
) -> None:
    """Not those whose shift is over this very moment, is to come, or is not worked."""
    for phone, start, end, is_active in (
        ("+12025550111", -8 * HOUR, timedelta(0), True),
        ("+12025550112", SECOND, 8 * HOUR, True),
        ("+12025550113", -HOUR, HOUR, False),
    ):
        sequora.a_shift(sequora.a_nurse(phone), NOW + start, NOW + end, is_active=is_active)
    sequora.a_nurse("+12025550114")
    on_shift = sequora.a_nurse()
    sequora.a_shift(on_shift, NOW, NOW + SECOND)
    task = a_task(sequora)
    (result,) = sequora_runs.assign()
    assert result.success
    assert assignee(sequora, task) == on_shift
    assert record(sequora, task)["reason"] == "on shift, 0 open tasks, the only one who can take it"
    sequora_runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])


def test_where_nobody_has_ever_kept_a_shift_everybody_is_on_shift(sequora: SequoraCare, sequora_runs: Runs) -> None:
    """The table is there and empty."""
    nurse, task = sequora.a_nurse(), a_task(sequora)
    sequora_runs.assign()
    assert assignee(sequora, task) == nurse


def test_nobody_is_given_more_than_her_shift_allows(sequora: SequoraCare, sequora_runs: Runs) -> None:
    """Of several shifts at once the lowest number counts; of a shift without one any number is allowed."""
    limited, free = sequora.a_nurse(), sequora.a_nurse(OTHER_PHONE)
    sequora.a_shift(limited, NOW, NOW + HOUR, max_concurrent_tasks=3)
    sequora.a_shift(limited, NOW, NOW + HOUR, max_concurrent_tasks=2)
    sequora.a_task(limited, severity="LOW")
    tasks = [a_task(sequora, severity="LOW") for _ in range(5)]
    sequora_runs.assign()
    assert Counter(assignee(sequora, task) for task in tasks) == {limited: 1, None: 4}
    because = "of 2 active nurses: 1 not on shift, 1 with as many open tasks as allowed"
    assert {record(sequora, task)["nobody_because"] for task in tasks if not assignee(sequora, task)} == {because}
    sequora.a_shift(free, NOW, NOW + HOUR, max_concurrent_tasks=None)
    sequora.it_is(NOW + MINUTE)
    sequora_runs.assign()
    assert Counter(assignee(sequora, task) for task in tasks) == {limited: 1, free: 4}


def test_when_a_shift_begins_what_waits_is_given_out(sequora: SequoraCare, sequora_runs: Runs) -> None:
    """It is tried again at every full minute."""
    sequora.a_shift(sequora.a_nurse(), NOW + MINUTE, NOW + HOUR)
    sequora.it_is(NOW + 7 * SECOND)
    task = a_task(sequora)
    sequora_runs.assign()
    sequora.it_is(NOW + MINUTE - SECOND)
    assert sequora_runs.assign() == []
    sequora.it_is(NOW + MINUTE)
    sequora_runs.assign()
    assert assignee(sequora, task)


# ── Nobody there ────────────────────────────────────────────────────────────────────────────────────────


def tell_supervisors(care: Care, runs: Runs, phones: Phones, task: str) -> None:
    """Let the sensors tick, and expect that the supervisor is told now."""
    assert care.one("SELECT orchestration.clock()") == NOW
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nobody is assigned, please assign a nurse.", task])


def test_with_nobody_there_the_supervisors_are_told_at_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Though what tells that nobody is assigned waits for its grace already; and the run has not failed."""
    care.a_supervisor()
    task = a_task(care)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["SCHEDULED"]
    (result,) = runs.assign()
    assert result.success
    assert "given to nobody: there is no active nurse" in said(runs, result)
    tell_supervisors(care, runs, phones, task)


def test_that_nobody_is_there_may_be_known_before_anybody_has_noticed_the_task(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Then it is not put off at all."""
    care.a_supervisor()
    task = a_task(care)
    runs.assign()
    assert care.states(task) == []
    tell_supervisors(care, runs, phones, task)


def test_that_nobody_is_there_may_be_found_while_a_run_is_about_to_put_the_telling_off(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It has read the task before, and writes after."""
    care.a_supervisor()
    task = a_task(care)
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (message,) = runs.ledger.leases.take_up(claim.id, "a-run")
    runs.assign()
    assert runs.ledger.withheld.postpone(
        message, Postponement(NOW + GRACE, "nobody is assigned to the task yet", Cause.NOBODY_ASSIGNED), "a-run"
    )
    tell_supervisors(care, runs, phones, task)


def test_it_is_tried_again_every_minute_and_told_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Until somebody can take it, who is texted."""
    care.a_supervisor()
    task = a_task(care)
    runs.assign()
    tell_supervisors(care, runs, phones, task)
    for minute in range(1, 4):
        care.it_is(NOW + minute * MINUTE - SECOND)
        assert runs.assign() == []
        care.it_is(NOW + minute * MINUTE)
        (result,) = runs.assign()
        assert result.success
        runs.tick(NEW_TASKS)
        assert runs.tick(UNREACHED_NURSES) == []
    assert record(care, task)["nobody_since"] == NOW
    nurse = care.a_nurse()
    care.it_is(NOW + 4 * MINUTE)
    runs.assign()
    assert assignee(care, task) == nurse
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])


def test_a_task_that_the_application_takes_away_again_is_not_given_to_another(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The supervisors are told as of any task that is nobody's: when the grace is over, and not before."""
    care.a_supervisor()
    task = a_task(care)
    runs.assign()  # there is nobody; but that is over by then
    tell_supervisors(care, runs, phones, task)
    nurse = care.a_nurse()
    care.it_is(NOW + MINUTE)
    runs.assign()
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])
    care.a_nurse(OTHER_PHONE)
    care.change_task(task, assigned_to_user_id=None)
    assert runs.assign() == []
    result = runs.launch("assign_tasks", task_ids=[task])
    assert result.success
    assert f"it was given to {nurse} and is nobody's again: no task is given twice" in said(runs, result)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + GRACE)
    runs.tick(NEW_TASKS)
    assert runs.tick(UNREACHED_NURSES) == []
    care.it_is(NOW + MINUTE + GRACE)
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=[task])
    assert assignee(care, task) is None


def test_that_there_was_nobody_once_does_not_count_for_ever(care: Care, runs: Runs, phones: Phones) -> None:
    """The application has found somebody, and takes the task away again an hour later: it is given to a nurse then."""
    care.a_supervisor()
    task = a_task(care)
    runs.assign()
    theirs = care.a_nurse(None)
    care.change_task(task, assigned_to_user_id=theirs)
    care.it_is(NOW + HOUR)
    assert runs.assign() == []
    nurse = care.a_nurse()
    care.change_task(task, assigned_to_user_id=None)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["SCHEDULED"]
    assert runs.tick(UNREACHED_NURSES) == []
    care.it_is(NOW + HOUR + SECOND)
    runs.assign()
    assert assignee(care, task) == nurse
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])


# ── At the same time ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def engines(url: str, count: int) -> Iterator[list[Engine]]:
    """As many processes' engines."""
    made = [create_engine(url, isolation_level="AUTOCOMMIT") for _ in range(count)]
    yield made
    for engine in made:
        engine.dispose()


def test_assigners_at_once_give_each_task_once_and_nobody_more_than_her_limit(
    sequora: SequoraCare, sequora_care_url: str
) -> None:
    """Whichever of them is faster: all are given the same tasks, and then each its own."""
    nurses = [sequora.a_nurse(f"+1202555010{number}") for number in range(3)]
    for nurse in nurses:
        sequora.a_shift(nurse, NOW, NOW + HOUR, max_concurrent_tasks=5)
    tasks = [a_task(sequora) for _ in range(20)]
    start = threading.Barrier(4)

    def assign(engine: Engine, mine: list[str]) -> Assigned:
        start.wait()
        return an_assigner(engine, run_id=str(id(engine))).assign(mine)

    with engines(sequora_care_url, 4) as made, ThreadPoolExecutor(4) as pool:
        done = list(pool.map(assign, made, (tasks, tasks, tasks[:10], tasks[10:])))
    given = Counter(one.task_id for run in done for one in run.choices if one.nurse_id)
    assert sorted(given.values()) == [1] * 15
    have: dict[str | None, int] = {**dict.fromkeys(nurses, 5), None: 5}
    assert Counter(assignee(sequora, task) for task in tasks) == have
    recorded = {row["task_id"]: row["person_id"] for row in sequora.rows("SELECT * FROM orchestration.assignment")}
    assert recorded == {task: assignee(sequora, task) for task in tasks}


def test_a_choice_is_made_anew_if_anything_has_been_given_since(care: Care) -> None:
    """Else two who choose at once could pass a limit."""
    nurse, one, other = care.a_nurse(), a_task(care), a_task(care)
    assignments = Assignments(care.engine)
    assignments.take_up([one, other], "a-run")
    turn, _ = assignments.nurses()
    choices = [Choice(task_id=task, nurse_id=nurse, reason="a test") for task in (one, other)]
    first = assignments.give(choices[:1], turn=turn, run_id="a-run")
    assert first.task_ids == {one}
    outdated = assignments.give(choices[1:], turn=turn, run_id="another-run")
    assert (outdated.turn, outdated.task_ids) == (None, frozenset())
    assert assignments.give(choices[1:], turn=first.turn or 0, run_id="another-run").task_ids == {other}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE \"EscalationTask\" SET status = 'RESOLVED' WHERE id = :task",
        'UPDATE "EscalationTask" SET assigned_to_user_id = :other WHERE id = :task',
        'UPDATE "User" SET active = false WHERE id = :nurse',
        'DELETE FROM "EscalationTask" WHERE id = :task',
    ],
)
def test_what_has_changed_since_the_choice_was_made_is_not_overwritten(care: Care, change: str) -> None:
    """Closed, assigned, gone; or the nurse is not active any more."""
    nurse, other, task = care.a_nurse(), care.a_nurse(OTHER_PHONE), a_task(care)
    assignments = Assignments(care.engine)
    assignments.take_up([task], "a-run")
    turn, _ = assignments.nurses()
    ids = {"task": task, "other": other, "nurse": nurse}
    care.rows(change, **{name: id_ for name, id_ in ids.items() if f":{name}" in change})
    outcome = assignments.give([Choice(task_id=task, nurse_id=nurse, reason="a test")], turn=turn, run_id="a-run")
    assert (outcome.turn, outcome.task_ids) == (turn, frozenset())
    assert record(care, task)["person_id"] is None


def test_a_nurse_who_is_not_active_any_more_when_she_is_given_it_is_replaced_by_another(
    care: Care, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is chosen anew."""
    first, second = sorted([care.a_nurse(), care.a_nurse(OTHER_PHONE)])
    task = a_task(care)
    give = Assignments.give

    def leaves_before(assignments: Assignments, choices: list[Choice], *, turn: int, run_id: str) -> object:
        care.rows('UPDATE "User" SET active = false WHERE id = :id', id=first)
        return give(assignments, choices, turn=turn, run_id=run_id)

    monkeypatch.setattr(Assignments, "give", leaves_before)
    (choice,) = an_assigner(care.engine).assign([task]).choices
    assert choice.nurse_id == second == assignee(care, task)


def test_what_the_application_assigns_in_the_same_moment_stays_as_it_is(
    care: Care, care_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assigner waits for the application's commit, and looks again."""
    monkeypatch.setattr(assignments_module, "PATIENCE_WITH_LOCK", 60)
    care.a_nurse()
    theirs, task = care.a_nurse(OTHER_PHONE), a_task(care)
    with engines(care_url, 1) as (application,), ThreadPoolExecutor(1) as pool:
        with application.execution_options(isolation_level="READ COMMITTED").begin() as transaction:
            transaction.exec_driver_sql(
                f"UPDATE \"EscalationTask\" SET assigned_to_user_id = '{theirs}' WHERE id = '{task}'"
            )
            assigning = pool.submit(an_assigner(care.engine).assign, [task])
            eventually(
                lambda: care.one("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0,
                within=30,
                what="the assigner waits for the application",
            )
        assigned = assigning.result()
    assert assigned.choices == []
    assert assigned.others == {task: f"it is assigned to {theirs}"}
    assert assignee(care, task) == theirs
    assert record(care, task)["person_id"] is None


def test_a_task_that_somebody_has_locked_is_given_later_and_stops_no_other(
    care: Care, care_url: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the lease is over it is found again."""
    monkeypatch.setattr(assignments_module, "PATIENCE_WITH_LOCK", 0.05)
    nurse = care.a_nurse()
    locked, other = a_task(care, severity="CRITICAL"), a_task(care)
    with (
        engines(care_url, 1) as (application,),
        application.execution_options(isolation_level="READ COMMITTED").begin() as transaction,
    ):
        transaction.exec_driver_sql(f"SELECT FROM \"EscalationTask\" WHERE id = '{locked}' FOR UPDATE")
        (result,) = runs.assign()
        assert result.success
        assert f"task {locked}: left alone: it is given to a nurse later" in said(runs, result)
        assert (assignee(care, locked), assignee(care, other)) == (None, nurse)
        assert runs.assign() == []
    care.it_is(NOW + timedelta(seconds=assignments_module.LEASE))
    runs.assign()
    assert assignee(care, locked) == nurse


def test_while_no_run_takes_a_task_up_fewer_and_fewer_are_asked_for(care: Care) -> None:
    """Where no worker is there the broker is not filled with runs; no two ticks find the same within a lease."""
    task, now, waits = a_task(care), NOW, []
    for _ in range(5):
        assert leased(care) == [task]
        assert leased(care) == []
        due = care.one("SELECT next_try_at FROM orchestration.assignment")
        waits.append((due - now).total_seconds())
        now = due
        care.it_is(now)
    assert waits == [10, 20, 40, 80, 80]


# ── Where the application does not let it be ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", ["P0001", "42501"])
def test_what_the_application_refuses_about_a_task_is_told_to_the_supervisors_and_stops_no_other(
    care: Care, runs: Runs, phones: Phones, code: str
) -> None:
    """A trigger of its own, or a policy; what that says may quote the row, and is not repeated."""
    care.a_supervisor()
    care.rows(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION 'Ellen Marsh' USING ERRCODE = '{code}'; END $$"
    )
    refused, other = a_task(care, severity="CRITICAL"), a_task(care)
    care.rows(
        f"""CREATE TRIGGER refuse BEFORE UPDATE ON "EscalationTask" FOR EACH ROW WHEN (OLD.id = '{refused}')
            EXECUTE FUNCTION public.refuse()"""
    )
    nurse = care.a_nurse()
    (result,) = runs.assign()
    assert result.success
    assert (assignee(care, refused), assignee(care, other)) == (None, nurse)
    assert record(care, refused)["nobody_because"] == f"the application refuses to have it assigned (SQLSTATE {code})"
    assert "Ellen" not in said(runs, result)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[other])
    tell_supervisors(care, runs, phones, refused)


def test_what_the_application_does_not_let_be_without_a_word_is_told_to_the_supervisors(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Its trigger drops the change."""
    care.a_supervisor()
    care.a_nurse()
    care.rows("CREATE FUNCTION public.drop_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    care.rows(
        """CREATE TRIGGER drop_change BEFORE UPDATE ON "EscalationTask" FOR EACH ROW
           EXECUTE FUNCTION public.drop_change()"""
    )
    task = a_task(care)
    (result,) = runs.assign()
    assert result.success
    assert record(care, task)["nobody_because"] == NOT_LET
    tell_supervisors(care, runs, phones, task)


def test_by_a_map_that_does_not_say_how_nobody_is_given_a_task(
    care: Care, runs: Runs, phones: Phones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisors are told."""
    care.a_supervisor()
    care.a_nurse()
    source = Path(application_map.__file__).with_name("brief.toml").read_text(encoding="utf-8")
    without = tmp_path / "map.toml"
    without.write_text(source.split("[assignment]")[0], encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(without))
    migrate(care.engine)
    task = a_task(care)
    runs.assign()
    assert assignee(care, task) is None
    tell_supervisors(care, runs, phones, task)


def test_a_role_that_may_not_assign_fails_the_run_with_a_sentence(
    care: Care, care_url: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is about every task, so an engineer is told; and fewer and fewer runs try."""
    care.a_nurse()
    task = a_task(care)
    make_role(care.engine)
    forbid_assigning(care.engine)
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    (result,) = runs.assign()
    assert not result.success
    assert "permission denied for table EscalationTask (SQLSTATE 42501)" in failure(result)
    assert assignee(care, task) is None


def test_a_role_that_may_write_the_maps_columns_is_enough(
    care: Care, care_url: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under row level security, with a policy."""
    nurse, task = care.a_nurse(), a_task(care)
    make_role(care.engine)
    forbid_assigning(care.engine)
    care.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    care.rows(f'GRANT UPDATE (assigned_to_user_id, updated_at) ON "EscalationTask" TO {ROLE}')
    care.rows(f'CREATE POLICY sequora_assigns ON "EscalationTask" FOR UPDATE TO {ROLE} USING (true)')
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    (result,) = runs.assign()
    assert result.success
    assert assignee(care, task) == nurse


# ── By hand ─────────────────────────────────────────────────────────────────────────────────────────────


def test_by_hand_the_named_tasks_are_given_and_of_the_others_it_is_said_why_not(care: Care, runs: Runs) -> None:
    """An id may be spelt in capitals; the lease of a sensor is no obstacle."""
    nurse, task, closed = care.a_nurse(), a_task(care), a_task(care, status="RESOLVED")
    theirs = care.a_task(nurse, created_at=NOW)
    assert leased(care) == [task]
    result = runs.launch("assign_tasks", task_ids=[task.upper(), closed, theirs, "no-such-task"])
    assert result.success
    assert assignee(care, task) == nurse
    log = said(runs, result)
    assert f"task {task}: given to {nurse}" in log
    assert f"task {closed}: left alone: it is RESOLVED" in log
    assert f"task {theirs}: left alone: it is assigned to {nurse}" in log
    assert "no task has the id no-such-task" in log


def test_by_hand_an_id_that_names_nothing_fails_the_run_with_a_sentence(runs: Runs) -> None:
    """As in every job."""
    result = runs.launch("assign_tasks", task_ids=["11111111-2222-3333-4444-555555555555", "no-such-task"])
    assert not result.success
    assert "no task has the id 11111111-2222-3333-4444-555555555555, no-such-task" in failure(result)


def test_where_the_application_assigns_the_job_says_so_and_does_nothing(
    care: Care, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is the default."""
    monkeypatch.delenv("SEQUORA_ASSIGN")
    care.a_nurse()
    task = a_task(care)
    result = runs.launch("assign_tasks", task_ids=[task])
    assert not result.success
    assert "SEQUORA_ASSIGN is off" in failure(result)
    assert assignee(care, task) is None
