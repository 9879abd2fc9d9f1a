"""The cost of a statement: by its plan, and by the clock."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import Connection, TextClause, text

from bench.scale.statements import FOUND, Statement

# Each statement is run so many times, after a first time that fills the caches; the median counts.
ASKED = 7

# Half of the estimate above which Postgres compiles a plan, for seconds (`jit_above_cost`).
DEAR = 50_000

# The tables that grow. Nobody should read one of them whole.
GROWING = frozenset(
    {"EscalationTask", "Episode", "NotificationLog", "notification", "notification_event", "lost_attempt"}
)

# Indexes that hold only rows about open tasks, or what waits: they are there to be read whole.
OF_WHAT_IS_OPEN = frozenset({"notification_not_over", "notification_gathered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The cost of a statement. Times are in milliseconds, as the client sees them, planning included."""

    statement: Statement
    times: Sequence[float]
    planning: float
    buffers: int
    """Pages of 8 kB that it touched."""

    estimate: float
    """The planner's estimate of the cost, in its own units."""

    read_whole: Sequence[str]
    """The growing tables that it read from end to end, each with the kind of plan node."""

    @property
    def is_too_slow(self) -> bool:
        """Whether it takes longer than its limit."""
        return self.statement.limit is not None and median(self.times) > self.statement.limit

    @property
    def is_dear(self) -> bool:
        """Whether a server with LLVM might compile it, for a session that lets it."""
        return self.estimate > DEAR


def measure(connection: Connection, statement: Statement) -> Measured:
    """Look at a statement's plan, and run it some times; each time in a transaction that is rolled back."""
    explain = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql.text}")
    (((explained,),),), _ = _run(connection, statement, explain)
    plan = explained["Plan"]
    return Measured(
        statement=statement,
        times=[_run(connection, statement, statement.sql)[1] for _ in range(ASKED)],
        planning=explained["Planning Time"],
        estimate=plan["Total Cost"],
        buffers=plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        read_whole=sorted(set(reads_whole(plan))),
    )


def _run(connection: Connection, statement: Statement, sql: TextClause) -> tuple[Sequence[Any], float]:
    """Return the rows, and the milliseconds until they were there."""
    try:
        connection.execute(text("SET LOCAL jit = off"))  # as our own sessions have it
        if statement.finds:
            connection.execute(FOUND[statement.finds])
        began = time.perf_counter()
        result = connection.execute(sql, statement.parameters)
        rows = result.all() if result.returns_rows else []
        return rows, (time.perf_counter() - began) * 1000
    finally:
        connection.rollback()


def reads_whole(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield each node of a plan that reads a growing table, or an index of it, from end to end."""
    node, relation = plan["Node Type"], plan.get("Relation Name")
    if relation in GROWING and (node == "Seq Scan" or (node == "Index Only Scan" and "Index Cond" not in plan)):
        name = plan.get("Index Name", relation)
        if name not in OF_WHAT_IS_OPEN:
            yield f"{node} {name}"
    for child in plan.get("Plans", ()):
        # A LIMIT reads no more than it needs: the newest or oldest row by an index, or any row.
        if not (node == "Limit" and (child["Node Type"] == "Index Only Scan" or is_of_any_row(plan, child))):
            yield from reads_whole(child)


def is_of_any_row(limit: Mapping[str, Any], child: Mapping[str, Any]) -> bool:
    """Return whether a limit takes any first row of a table."""
    return child["Node Type"] == "Seq Scan" and "Filter" not in child and limit["Plan Rows"] == 1
