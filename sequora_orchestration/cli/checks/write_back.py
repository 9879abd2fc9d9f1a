"""Writing back: whether staff's answers are written into the application's tasks, and whether it would take them."""

from sqlalchemy import Engine

from sequora_orchestration.application.answer_trial import Tried, try_answers
from sequora_orchestration.application.contract import COMMANDS
from sequora_orchestration.application.fitting import Fit
from sequora_orchestration.cli.checks.finding import Finding, Level, fail, ok, warn
from sequora_orchestration.settings.replies import ReplySettings

_DONE = {"accepting": "accepted", "resolving": "resolved"}


def write_back(engine: Engine, fitted: Fit) -> Finding:
    """Look whether the map says what is written into a task, and try it on an empty copy of the tasks' table."""
    settings = ReplySettings.load()
    if not settings.writes_back:
        return ok("off: what staff answer is not written into the application's tasks")
    name = fitted.map.name
    lacking = [part for part in COMMANDS.values() if not fitted.map.answers[part]]
    parts = " and no ".join(f"[{part}]" for part in lacking)
    to_do = f"write {' and '.join(f'[{part}]' for part in lacking)} into the map and run `sequora migrate`"
    if len(lacking) == len(COMMANDS):
        return fail(
            f"SEQUORA_WRITE_BACK is on, but the map {name} has no {parts}, which say what is written into a task's "
            "columns: the application learns nothing of what staff answer",
            to_do=f"{to_do}, or set SEQUORA_WRITE_BACK to off",
        )
    # The copy is a temporary table, which needs a transaction that may write.
    with engine.connect() as connection:
        tried = try_answers(connection.execution_options(postgresql_readonly=False), fitted)
    found = _finding_of_trial(tried)
    if found.level is Level.FAIL:
        return found
    if lacking:
        of_these = " and ".join(_DONE[part] for part in lacking)
        return warn(f"the map {name} has no {parts}: the application does not learn what was {of_these}", to_do=to_do)
    if not settings.reads_commands:
        return warn("nothing is written back, for nobody reads what staff answer", to_do="set SEQUORA_REPLIES to on")
    return found


def _finding_of_trial(tried: Tried) -> Finding:
    if tried.problems:
        return fail(
            f"the application would not take what staff answer: {'; '.join(tried.problems)}",
            to_do="correct the map, and run `sequora migrate`",
        )
    if tried.untried:
        return warn(
            f"whether the application takes what staff answer could not be tried: {'; '.join(tried.untried)}",
            to_do="accept and resolve a task of a test by text, and see whether the application shows it",
        )
    but = f", as far as can be tried without the CHECK {' or '.join(tried.left_out)}" if tried.left_out else ""
    return ok(f"the tasks that are accepted or resolved by text are written into the application{but}")
