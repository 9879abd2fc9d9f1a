"""Our statements run as they are meant to, whatever the server, the database, the role or a pooler has set."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from care import Care
from pooler import PGBOUNCER, pooler
from sqlalchemy import Engine, create_engine, make_url, text

from sequora_orchestration.database import engine_for, execute
from sequora_orchestration.settings.addresses import postgres_url

PASSWORD = "correct-horse-battery-staple"

# What a server may have by default. Nothing is too cheap to be compiled here, where the server can compile at all.
UNFAVOURABLE = {
    "jit": "on",
    "jit_above_cost": "0",
    "default_transaction_isolation": "serializable",
}

SETTINGS = text("""
    SELECT current_setting('jit') AS jit, current_setting('transaction_isolation') AS isolation,
           current_setting('jit_above_cost') AS jit_above_cost
""")


@pytest.fixture
def unfavourable_url(care: Care, care_url: str) -> Iterator[str]:
    """The database as a role sees it that has nothing set for itself, with unfavourable defaults."""
    url = make_url(care_url)
    role = f"stock_{url.database}"
    care.rows(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    for name, value in UNFAVOURABLE.items():
        care.rows(f"ALTER DATABASE {url.database} SET {name} = '{value}'")
    yield url.set(username=role, password=PASSWORD).render_as_string(hide_password=False)
    care.rows(f"DROP ROLE {role}")


@pytest.fixture(params=["direct", "session", "transaction"])
def unfavourable(request: pytest.FixtureRequest, unfavourable_url: str, tmp_path: Path) -> Iterator[Engine]:
    """The engine of our code on that database: straight, or through a pooler in each of its modes."""
    if request.param == "direct":
        engine = engine_for(unfavourable_url)
        yield engine
        engine.dispose()
        return
    if PGBOUNCER is None:
        pytest.skip("needs PgBouncer: apt-get install pgbouncer")
    with pooler(tmp_path / "pooler", unfavourable_url, password=PASSWORD, mode=request.param) as url:
        engine = engine_for(postgres_url(url))
        yield engine
        engine.dispose()


def test_no_statement_is_compiled_and_each_sees_what_is_committed(unfavourable: Engine) -> None:
    """To compile one takes seconds; and at another isolation level two that meet would fail."""
    (settings,) = execute(unfavourable, SETTINGS, {})[1]
    assert dict(settings) == {"jit": "off", "isolation": "read committed", "jit_above_cost": "0"}
    (explained,) = execute(unfavourable, text("EXPLAIN (ANALYZE, FORMAT JSON) SELECT sum(1) FROM pg_class"), {})[1]
    assert "JIT" not in explained["QUERY PLAN"][0]


def test_others_on_the_same_connection_have_their_own_settings(unfavourable: Engine) -> None:
    """A pooler hands the connection to whoever comes next: nothing of ours stays on it."""
    execute(unfavourable, SETTINGS, {})
    other = create_engine(unfavourable.url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        settings = connection.execute(SETTINGS).mappings().one()
    other.dispose()
    assert dict(settings) == {"jit": "on", "isolation": "serializable", "jit_above_cost": "0"}
