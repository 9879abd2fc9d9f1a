"""The demo's last word: the fate of every message, from the ledger. Ids and roles; no names, no numbers."""

from collections.abc import Mapping, Sequence

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.local.demo_stage import WIDTH, Entry, Scene, Stage
from sequora_orchestration.terminal.page import OF_STATE, Block, Page, Tone, Toned
from sequora_orchestration.terminal.screen import is_terminal, shown

COLUMNS = ("when", "message", "to", "about", "became", "by the run of", "run")


def report(stage: Stage, *, began: float) -> None:
    """Print the table, once everything has come to its end. Raises DemoFailedError."""
    stage.play(_report(stage, began))


def _report(stage: Stage, began: float) -> Scene[None]:
    entries = yield from stage.until("an end of everything", lambda: _settled(stage))
    runs = yield from stage.ended_runs(sorted({one.run_id for one in entries if one.run_id}))
    sent = {one.sid for one in entries if one.sid}
    for task in stage.subjects:
        if not stage.texts_about(task).keys() <= sent:
            raise stage.failed(f"a phone has a text about {task} that the ledger knows nothing of")
    stage.say("everything that came of it, from the ledger:")
    page = as_page(entries, began=began, jobs={run["runId"]: run["jobName"] for run in runs})
    print(f"\n{shown(page)}\n", flush=True)


def _settled(stage: Stage) -> Sequence[Entry] | None:
    unsettled = {"SCHEDULED", "QUEUED", "SENDING"}
    return stage.entries if not any(one.state in unsettled for one in stage.entries) else None


def as_page(entries: Sequence[Entry], *, began: float, jobs: Mapping[str, str]) -> Page:
    """Return a row for each message, and below it the reason if it was not sent.

    `began` is the time, in seconds since the epoch, from which *when* is counted; `jobs` are the names by run id.
    """
    rows = [
        (
            f"{one.at.timestamp() - began:.1f} s",
            one.kind,
            one.role,
            one.subject[:8],
            one.state,
            jobs.get(one.run_id or "", ""),
            (one.run_id or "")[:8],
        )
        for one in entries
    ]
    first, *others = (max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True))
    shape = "  ".join([f"  {{:>{first}}}", *(f"{{:<{width}}}" for width in others[:-1]), "{}"])
    below = f"  {'':<{first}}  └ {{}}"
    page = [Block(shape=shape, rows=[tuple(Toned(name, Tone.HEADING) for name in COLUMNS)])]
    if not is_terminal():  # on a terminal the headings look different
        page.append(Block(shape=shape, rows=[tuple("─" * width for width in (first, *others))]))
    for one, row in zip(entries, rows, strict=True):
        cells = [Toned(cell, tone) for cell, tone in zip(row, _tones(one), strict=True)]
        page.append(Block(shape=shape, rows=[tuple(cells)]))
        if one.reason:
            page.append(Block(shape=below, rows=[(one.reason,)], wraps=WIDTH))
    return page


def _tones(one: Entry) -> Sequence[Tone | None]:
    return [OF_STATE.get(State(one.state)) if name == "became" else None for name in COLUMNS]
