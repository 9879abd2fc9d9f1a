"""The commands of `sequora`. A command imports its modules when it runs: `--help` must be quick.

Here: each command's arguments, help and exit code. Not here: its work, which stands in a module of its own; and the
orders (`order_commands`) and `reconcile_command`, which are only added here.
"""

import io
import os
import sys
from pathlib import Path

import click

from sequora_orchestration.cli.order_commands import ORDERS
from sequora_orchestration.cli.reconcile_command import reconcile
from sequora_orchestration.cli.told_errors import answer, sentence_for
from sequora_orchestration.local.applications import DEFAULT, Application


class _Group(click.Group):
    """A group of commands whose first sentences are wrapped in `--help`, where click would cut them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write each command with its first sentence, whole."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(limit=1000)) for name, one in sorted(self.commands.items())]
            )


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sequora-orchestration", prog_name="sequora", message="%(prog)s %(version)s")
def sequora() -> None:
    """Run and inspect Sequora's orchestration."""


_DIRECTORY = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".sequora"),
    show_default=True,
    help="Where the embedded databases live.",
)

_APPLICATION = click.option(
    "--application",
    type=click.Choice([one.value for one in Application]),
    default=DEFAULT.value,
    show_default=True,
    help="Whose tables an embedded care database has; each application has a database of its own.",
)


@sequora.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="Port of the web UI, on 127.0.0.1.",
)
@_DIRECTORY
@_APPLICATION
def dev(port: int, directory: Path, application: str) -> None:
    """Run the whole system until Ctrl-C.

    Web UI, daemon, code server and warm workers, and an embedded Postgres, broker and phone company for whatever of
    SUPABASE_DB_URL, DAGSTER_PG_URL, SEQUORA_BROKER_URL and the TWILIO_… settings is not set.
    """
    from sequora_orchestration.cli.checks import environment
    from sequora_orchestration.delivery.wording_in_force import open_wording
    from sequora_orchestration.local.system import run

    environment.settings()  # a mistake is told at once, and not by each process in its log
    open_wording()
    code = run(directory, port, Application(application))
    # Everything has ended. Python would tear down its thousands of modules, for seconds on a busy machine.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@sequora.command()
@click.option("--app-indexes", is_flag=True, help="Also make the helpful indexes on the application's tables.")
@click.option(
    "--drop-views",
    is_flag=True,
    help="Do nothing but drop the views of the application's tables, before a migration of the application's that they "
    "stand in the way of; the next `sequora migrate` brings them back.",
)
@click.option(
    "--despite-log",
    is_flag=True,
    help="End with 0 also where the application's log would refuse a row: for whatever starts the system only after 0.",
)
def migrate(*, app_indexes: bool, drop_views: bool, despite_log: bool) -> None:
    """Bring the schema `orchestration` up to date on SUPABASE_DB_URL; safe to run again.

    The first time, it records the moment: tasks created before are left alone. The application's tables are found by
    the map of SEQUORA_APPLICATION_MAP, or by whichever of the two that come along fits; words in them that the map has
    no meaning for are listed. Where DAGSTER_PG_URL is set it also makes Dagster's own tables, and where DAGSTER_HOME is
    set, the configuration files that are missing there.

    Ends with 1 where no map fits, somebody keeps using what is to be changed, or the schema is newer than this code,
    and nothing is changed then. Also where the application's log would refuse a row: then everything is changed, and
    the map is in force, for a log holds up no text.
    """
    from sequora_orchestration.cli import migration
    from sequora_orchestration.database import engine_for
    from sequora_orchestration.settings.database import DagsterStorageSettings, DatabaseSettings

    if drop_views and app_indexes:
        raise click.UsageError("--drop-views does nothing else: give --app-indexes with the `migrate` that follows it")
    engine = engine_for(DatabaseSettings.load().supabase_db_url)
    if drop_views:
        migration.drop_views(engine)
        return
    is_well = migration.migrate(engine)
    if app_indexes:
        migration.make_app_indexes(engine)
    if os.environ.get("DAGSTER_PG_URL"):
        from sequora_orchestration.instance.storage import make_tables

        make_tables(DagsterStorageSettings.load().dagster_pg_url)
        click.echo("Dagster's own tables: up to date")
    if home := os.environ.get("DAGSTER_HOME"):
        from sequora_orchestration.instance.home import furnish

        for path in furnish(Path(home)):
            click.echo(f"wrote {path}")
    sys.exit(0 if is_well or despite_log else 1)


@sequora.command(name="map")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to write it into, in place of printing it; one that is there already is left as it is.",
)
def propose_map(output: Path | None) -> None:
    """Propose a map of the tables of SUPABASE_DB_URL, to start from.

    A map is a TOML file that tells `sequora migrate` where the application keeps its tasks, staff, stays, patients,
    shifts and log, and what its words mean (docs/application.md). This one is made of the names and types in the
    database, with a comment behind each line: a guess says so, and whatever could not be placed stands there as a
    comment that asks. Read it, complete it, and name it by SEQUORA_APPLICATION_MAP. If a map that comes along fits,
    that one is shown.

    It changes nothing, and needs no schema of ours. No values of rows are shown but the words of statuses, severities
    and roles. Ends with 1 if something is missing that must be there; the top of the map says which.
    """
    from sequora_orchestration.cli import proposal

    sys.exit(0 if proposal.propose(output) else 1)


@sequora.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(*, as_json: bool) -> None:
    """Check everything that the system needs, and say what to do where something is amiss.

    Settings, the care database with its tables, columns, rights, indexes and our schema, people to text, Dagster's
    directory and database, the broker and its workers, and the Twilio account. One line per check: ok, warn (it works,
    but could do better, or is not started yet), FAIL, or skip where a check needs one that has failed. It changes
    nothing, and ends with 1 if any has failed.
    """
    from sequora_orchestration.cli.doctor import doctor

    report, is_well = doctor(as_json=as_json)
    click.echo(report)
    sys.exit(0 if is_well else 1)


@sequora.command()
@click.option("--language", metavar="L", help="As patients with this language code get them: es-MX, zh, vi, …")
@click.option("--kind", metavar="K", help="Those of one kind alone: task-created, check-in, reply, …")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def texts(*, language: str | None, kind: str | None, as_json: bool) -> None:
    """Show every text as it would be sent, with its alphabet and what it costs in segments.

    With usual values in place of what rows say. Each text is built in, or of the file of SEQUORA_TEXTS (docs/texts.md),
    or off: words that come along, and that a speaker of the language is to confirm before the file switches them on.

    Asks no database and no phone company. To see what a file would say before it is in force:
    SEQUORA_TEXTS=texts.toml sequora texts. Ends with 1 where the file has mistakes, and names each with its line on
    standard error; that is so with --json, too, and nothing is on standard output.
    """
    from sequora_orchestration.cli.texts import texts

    click.echo(texts(language=language, kind=kind, as_json=as_json))


@sequora.command()
@_DIRECTORY
@_APPLICATION
def demo(directory: Path, application: str) -> None:
    """Show each workflow once on an embedded system, and end.

    A task is inserted, the daemon notices it, a run goes through its four steps, and the text arrives on a local
    phone. Then check-ins, a warning, a missed SLA with its escalation, one that is resolved in time, and a nurse who
    cannot be reached, with waits of seconds; and a table of what was sent and what was not. Settings of your own are
    left aside: nobody real is texted.
    """
    from sequora_orchestration.local.demo import demo

    demo(directory, Application(application))


@sequora.command()
@click.option("--json", "as_json", is_flag=True, help="For programs; ages and latencies in seconds.")
@click.option("--watch", "is_watched", is_flag=True, help="Again every two seconds, until Ctrl-C; JSON on a line each.")
def status(*, as_json: bool, is_watched: bool) -> None:
    """Show how many messages are in each state, what waits or needs a person, the sensors' ticks and the workers.

    Reads the ledger on SUPABASE_DB_URL, Dagster's instance in DAGSTER_HOME, and asks the workers on SEQUORA_BROKER_URL
    for a second, where these are set. It changes nothing.

    Ends with 0, whatever it shows, and with 1 where it cannot read the ledger. For one case: `sequora timeline`.
    """
    from sequora_orchestration.cli import status as page
    from sequora_orchestration.cli.watch import watch
    from sequora_orchestration.terminal.screen import shown as laid_out

    def shown() -> str:
        status = page.read_status()
        return page.as_json(status, indent=None if is_watched else 2) if as_json else laid_out(page.as_page(status))

    def shown_or_sentence() -> str:
        try:
            return shown()
        except Exception as error:
            if sentence := sentence_for(error):
                return sentence
            raise

    if is_watched:
        watch(shown_or_sentence, between="" if as_json else "\n")
    else:
        click.echo(shown())


@sequora.command()
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="For programs; times in UTC, lengths of time in seconds.")
def timeline(id_: str, *, as_json: bool) -> None:
    """Show everything that happened to one task or episode, and what comes next.

    First whether its nurse (or patient) was told, when, and if not why not. ID is a task's, an episode's or a
    message's. Times are those of this machine, with their zone; TZ=UTC shows others. Ids and masked phones only.

    Ends with 0 where the case is healthy, with 1 where somebody must act who has not been told so by a text, and with
    2 where there is no answer: the id is not known, the database cannot be asked, or the command fails.
    """
    from sequora_orchestration.cli.timeline import show

    answer(lambda: show(id_, as_json=as_json))


@sequora.command()
def heartbeat() -> None:
    """Ask for SEQUORA_HEARTBEAT_URL every half minute, as long as all is well.

    A process of the Procfile. Well is: nothing has been due for 5 minutes (but for its turn at SEQUORA_SENDER_RATE,
    while texts are going out), SLAs were scanned within 15, and every sensor ticks. If that ends, or the host does, no
    heartbeat comes, and whoever serves the URL raises the alarm. One line is logged when it changes. Without a URL, or
    with a setting that is wrong, which it says, it sends none.

    With SEQUORA_METRICS_PORT it also serves figures to Prometheus, at /metrics, with or without a URL.
    """
    import logging

    from sequora_orchestration.cli.heartbeat import heartbeat
    from sequora_orchestration.instance.logs import write_lines

    write_lines(logging.INFO)
    heartbeat()


@sequora.command()
@click.argument("process", type=click.Choice(["web", "daemon", "code", "worker", "heartbeat"]), metavar="PROCESS")
def healthy(process: str) -> None:
    """Say whether one process of the Procfile works on this host, for the probes of containers.

    \b
    web        answers over HTTP on SEQUORA_WEB_PORT; neither database is asked
    daemon     has said within 45 s in Dagster's database (DAGSTER_PG_URL) that it is there
    code       answers gRPC's health check on SEQUORA_CODE_HOST and SEQUORA_CODE_PORT
    worker     the worker of this host's name answers over the broker (SEQUORA_BROKER_URL), and is warm
    heartbeat  has gone round within 90 s, by the file `heartbeat` in DAGSTER_HOME

    Takes the settings of the process itself. Writes one sentence and ends with 0 if it works, and with 1 if it does
    not, is still starting, or gives no answer within 3 s. Whether the whole system works: `sequora doctor`.
    """  # noqa: D301  # click's sign for lines that it leaves as they are
    from sequora_orchestration.cli.healthy import healthy

    said, is_well = healthy(process)
    click.echo(said)
    sys.exit(0 if is_well else 1)


for one in (*ORDERS, reconcile):
    sequora.add_command(one)


def main() -> None:
    """Run the command. An error that the person who runs it can mend is shown as a sentence, not a traceback."""
    write_whatever_the_terminal_has()
    try:
        sequora()
    except Exception as error:
        if sentence := sentence_for(error):
            click.echo(sentence, err=True)
            sys.exit(1)
        raise


def write_whatever_the_terminal_has() -> None:
    """Write signs that the terminal's encoding does not have (LANG=C, cp1252) as question marks.

    Otherwise the first dot of a masked number, or the first emoji of a text, would end the command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test may have put something else into its place
            stream.reconfigure(errors="replace")
