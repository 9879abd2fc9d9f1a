"""The system behind a pooler in transaction mode, under the least rights: texts, and nothing given away."""

from collections import Counter
from datetime import UTC, datetime

import psutil
import pytest
from care import EPISODE, NURSE_PHONE, Care
from own_servers import PASSWORD
from phones import Phones
from pooler import PGBOUNCER
from running_system import RunningSystem, eventually

from sequora_orchestration.local.twilio.server import TEST_AUTH_TOKEN

pytestmark = [
    pytest.mark.story,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("shared system"),
    pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer: apt-get install pgbouncer"),
]


@pytest.fixture
def care_url(databases: tuple[str, str]) -> str:
    """The care database of the story."""
    return databases[0]


def test_behind_a_transaction_pooler_everything_is_texted_once(
    system: RunningSystem, care: Care, phones: Phones
) -> None:
    """One task, sixty at once, and one whose SLA has passed; and no process gives anything away meanwhile."""
    phones.patience = 20
    before = len(system.output())
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    phones(NURSE_PHONE).received_text(containing=["New HIGH task", task])
    late = care.a_task(nurse, sla_due_at=datetime.now(UTC))
    for words in ("New HIGH task", "SLA missed"):
        phones(NURSE_PHONE).received_text(containing=[words, late])
    rows = care.rows(
        """INSERT INTO "EscalationTask" (severity, assigned_to_user_id, episode_id)
           SELECT 'HIGH', :nurse, :episode FROM generate_series(1, 60) RETURNING id::text""",
        nurse=nurse,
        episode=EPISODE,
    )
    burst = [row["id"] for row in rows]
    for one in burst:
        phones(NURSE_PHONE).received_text(containing=[one])
    eventually(lambda: care.states(kind="task-created") == ["SENT"] * 62, within=10, what="the record of each text")
    texts = Counter(text.body.rsplit("/", 1)[1] for text in phones.company.accepted())
    assert texts == Counter([task, late, late, *burst])
    assert care.one('SELECT count(*) FROM "NotificationLog"') == 63

    assert_nothing_is_given_away(system)
    assert "Traceback" not in system.output()[before:]


def assert_nothing_is_given_away(system: RunningSystem) -> None:
    """Only this machine can connect, and no secret stands in a process list, in a log or in the web UI."""
    processes = [psutil.Process(system.process.pid), *system.processes()]
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")  # as gRPC writes it
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    instance = system.graphql("{ instance { info } }")["instance"]["info"]
    assert "run_storage: PooledRunStorage\n" in instance
    assert "env: SEQUORA_BROKER_URL\n" in instance
    commands = "\n".join(" ".join(process.cmdline()) for process in processes)
    for secret in (PASSWORD, TEST_AUTH_TOKEN, "postgresql://", "postgresql+psycopg2://", "redis://"):
        assert secret not in commands
        assert secret not in system.output()
        assert secret not in instance
