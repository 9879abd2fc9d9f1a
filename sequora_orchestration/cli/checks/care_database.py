"""The care database: reached, with the application's tables as we need them, our own schema, and people to text."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.cli.checks.application import ApplicationChecks
from sequora_orchestration.cli.checks.assignment import assignment
from sequora_orchestration.cli.checks.canary import canary
from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, warn
from sequora_orchestration.cli.checks.languages import languages
from sequora_orchestration.cli.checks.postgres import reading_engine, trouble
from sequora_orchestration.cli.checks.write_back import write_back
from sequora_orchestration.database import NamedStatements, execute
from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.notification import noun_of
from sequora_orchestration.domain.on_call import ROLES_IN_ORDER, whom_to_tell
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.migrations.apply import revisions
from sequora_orchestration.settings.database import DatabaseSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Our functions have bodies in standard SQL (`RETURN …`), which Postgres understands from this version on.
OLDEST_POSTGRES = 14

MOST_SKEW = timedelta(seconds=5)


def checks() -> list[Check]:
    """Return the checks of this area, in order."""
    care = _Care()
    application = ApplicationChecks(lambda: care.engine)
    reached, readable = "care database", ("map", "schema", "rights", "row security")
    tables, columns, in_force, words, log = application.checks(reached)
    return [
        Check(name=reached, find=care.reached),
        Check(name="encryption", find=care.encryption, needs=(reached,)),
        Check(name="clock", find=care.clock, needs=(reached,)),
        Check(name="compilation", find=care.compilation, needs=(reached,)),
        tables,
        columns,
        Check(name="schema", find=care.schema, needs=(reached,)),
        in_force,
        Check(name="rights", find=application.rights, needs=("tables",)),
        Check(name="row security", find=application.row_security, needs=("tables",)),
        words,
        log,
        Check(name="helpful indexes", find=application.helpful_indexes, needs=("map",)),
        Check(name="going live", find=care.going_live, needs=("schema", "rights")),
        Check(name="nurses", find=care.nurses, needs=readable),
        Check(name="supervisors", find=care.supervisors, needs=readable),
        Check(name="languages", find=lambda: languages(care.engine), needs=readable),
        Check(name="assignment", find=lambda: assignment(care.engine, application.map_that_counts), needs=readable),
        Check(name="write-back", find=lambda: write_back(care.engine, application.fit_that_counts), needs=readable),
        Check(name="breaker", find=care.breaker, needs=readable),
        Check(name="canary", find=lambda: canary(care.engine), needs=readable),
        # This check comes last: it needs a second connection, and waits if there is none.
        Check(name="pooler", find=care.pooler, needs=(reached,)),
    ]


class _Care:
    """Looks at the database of SUPABASE_DB_URL."""

    @cached_property
    def engine(self) -> Engine:
        return reading_engine(DatabaseSettings.load().supabase_db_url)

    def _rows(self, statement: str, **parameters: object) -> list[RowMapping]:
        return list(execute(self.engine, SQL[statement], parameters)[1])

    def reached(self) -> Finding:
        try:
            (server,) = self._rows("server")
        except DBAPIError as error:
            return trouble(error, variable="SUPABASE_DB_URL")
        if server["major"] < OLDEST_POSTGRES:
            return fail(
                f"PostgreSQL {server['version']} is too old",
                to_do=f"upgrade the server to PostgreSQL {OLDEST_POSTGRES} or newer",
            )
        if server["is_read_only"]:
            return fail(
                "it takes no writes: a replica, or switched to read only",
                to_do="give the primary's URL; Supabase also does so when the disk is full",
            )
        return ok(f"reached, PostgreSQL {server['version']}")

    def encryption(self) -> Finding:
        with self.engine.connect() as connection:
            info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]  # it is connected
            if info.ssl_in_use:
                return ok("the connection is encrypted")
            if info.host is None or info.host.startswith("/") or info.host in {"localhost", "127.0.0.1", "::1"}:
                return ok("the connection does not leave this machine")
        return warn(
            "the connection is not encrypted: health data crosses the network in the clear",
            to_do="add ?sslmode=verify-full&sslrootcert=… to SUPABASE_DB_URL, or at least ?sslmode=require",
        )

    def clock(self) -> Finding:
        before = datetime.now(UTC)
        (server,) = self._rows("server")
        after = datetime.now(UTC)
        skew = max(before - server["now"], server["now"] - after, timedelta(0))
        if skew > MOST_SKEW:
            return warn(
                f"the database's clock and this machine's differ by {skew.total_seconds():.0f} s: what is due goes by "
                "the one, the schedule and the log by the other",
                to_do="let both keep their time by NTP",
            )
        return ok("the database's and this machine's agree")

    def compilation(self) -> Finding:
        with self.engine.connect() as connection:
            can_compile = connection.scalar(text("SELECT pg_jit_available()"))
        (ours,) = self._rows("compilation")
        if ours["jit"] != "off":
            return fail(
                "the server would compile our statements (JIT), which takes seconds each: SET LOCAL does not reach it",
                to_do="ALTER DATABASE … SET jit = off, or give SUPABASE_DB_URL without whatever is between",
            )
        return ok("the server compiles statements (JIT), but none of ours" if can_compile else "the server has no JIT")

    def schema(self) -> Finding:
        applied, known = revisions(self.engine)
        if applied is None:
            return fail("the schema orchestration is not there", to_do="run `sequora migrate`")
        if applied not in known:
            return warn(
                "the schema orchestration is newer than this code, which works all the same, as after a rollback",
                to_do="nothing, until the newer version is installed again; this one's `sequora migrate` is of no use",
            )
        if behind := len(known) - 1 - known.index(applied):
            return fail(f"the schema orchestration lacks {counted(behind, 'migration')}", to_do="run `sequora migrate`")
        return ok(f"the schema orchestration is up to date ({applied})")

    def going_live(self) -> Finding:
        (live,) = self._rows("go_live")
        asked_for = DatabaseSettings.load().sequora_go_live_at
        tasks = asked_for or live["go_live_at"]
        if tasks > live["now"]:
            return warn(
                f"nothing that is created before {_time(tasks)} is texted about",
                to_do="if that is not meant, change SEQUORA_GO_LIVE_AT, or leave it out",
            )
        if asked_for:
            return ok(f"all since {_time(tasks)} (SEQUORA_GO_LIVE_AT)")
        return ok(f"tasks since {_time(tasks)}, the other workflows since {_time(live['workflows_live_at'])}")

    def _active_users(self, roles: Iterable[str], *, on_call: bool = False) -> list[User]:
        users = CareDatabase(self.engine).users_of_roles(roles, on_call=on_call)
        return [user for user in users if user.active is not False]

    def nurses(self) -> Finding:
        nurses = self._active_users(["NURSE"])
        if not nurses:
            return warn(
                "no active user has the role NURSE",
                to_do="see what the map says under [person.roles]; tasks go to whom they are assigned",
            )
        unusable = sum(usable(nurse.primary_phone) is None for nurse in nurses)
        if unusable:
            return warn(
                f"{unusable} of {counted(len(nurses), 'active nurse')} cannot be texted, for want of a usable phone "
                "number: the supervisors are told of their tasks",
                to_do="correct their phones in the application, in international or US national format",
            )
        return ok(f"{counted(len(nurses), 'active nurse')}, each with a usable phone number")

    def supervisors(self) -> Finding:
        users = self._active_users(ROLES_IN_ORDER, on_call=True)
        numbers = {user: number for user in users if (number := usable(user.primary_phone))}
        opted_out = Ledger(self.engine).opt_outs.moment(numbers.values()).opted_out
        told = whom_to_tell({user: number for user, number in numbers.items() if number not in opted_out})
        if not told:
            return fail(
                "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted",
                to_do="give a supervisor a usable phone number in the application",
            )
        roles = {user.role for user in users if user.id in told}
        if roles == {"ADMIN"}:
            return warn(
                f"no supervisor can be texted: {counted(len(told), 'admin')} would be told instead",
                to_do="give a supervisor a usable phone number in the application",
            )
        return ok(f"{counted(len(told), 'supervisor')} can be texted")

    def breaker(self) -> Finding:
        providers = Ledger(self.engine).halts.providers()
        for provider in providers.values():
            if provider.is_open:
                noun = noun_of(provider.channel)
                return fail(
                    f"no {noun} goes out since {provider.opened_at:%Y-%m-%d %H:%M:%S %Z}: {provider.why_open}",
                    to_do=f"see docs/runbook.md, twilio_takes_texts; {noun}s wait, and `sequora resume` tries one at "
                    "once",
                )
        return ok("texts go out")

    def pooler(self) -> Finding:
        with self.engine.connect() as one, self.engine.connect() as other:
            backend = _backend(one)
            if backend == one.connection.dbapi_connection.get_backend_pid():  # type: ignore[union-attr]
                return ok("none: connected to Postgres itself")
            one.rollback()
            # A pooler gives a server's connection that is free between two transactions to the next client, and uses
            # the connection first that was used last.
            if _backend(other) == backend:
                return ok("in transaction mode, which is fine: nothing here depends on a session")
        return ok("in session mode")


def _backend(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
