"""Writing a map from the tables that were chosen in a database, and from samples of their words. Pure.

Not here: the parts about the application's log (`proposed_log`), and about what a nurse answers (`proposed_answers`).
"""

from collections.abc import Iterable, Mapping, Sequence

from sequora_orchestration.application.application_map import NEEDED, plain
from sequora_orchestration.application.choice import WORDS, Choice, ChosenTable, Placed, Sense
from sequora_orchestration.application.contract import IN_WORDS, ROLES, SEVERITIES, STATUSES, VIEWS, Column, Form
from sequora_orchestration.application.described import FLAG, NUMBER, TEXT, DescribedColumn, Sample, Samples
from sequora_orchestration.application.meanings import meanings
from sequora_orchestration.application.naming import rank, variants
from sequora_orchestration.application.proposed_answers import write_answers
from sequora_orchestration.application.proposed_log import write_log
from sequora_orchestration.application.sql_text import literal
from sequora_orchestration.application.synonyms import ASSIGNED_AT, STATES_OF_A_FLAG
from sequora_orchestration.application.times import time_as, time_of
from sequora_orchestration.application.written_map import WrittenMap, text, texts

_NAMES = {
    "task": "tasks that a nurse shall act on",
    "person": "staff with their phones and roles",
    "episode": "patients' stays in hospital, or what follows those",
    "patient": "patients with their phones",
    "shift": "nurses' shifts",
}

_LACKING = {
    "episode": "nobody is checked in on",
    "patient": "nobody is checked in on",
    "shift": "whoever is active counts as on shift",
}

_WORDS_OF = {"status": ("statuses", STATUSES), "severity": ("severities", SEVERITIES), "role": ("roles", ROLES)}
_COUNTS_AS = {"status": "open", "severity": "HIGH", "role": "none of these"}

# The column with a patient's consent: with a wrong column, patients would be texted who have not given it.
CONSENT = ("patient", "may_be_texted")

# No more words are shown than a person would look through.
MOST_WORDS = 40


def write_map(choice: Choice, samples: Samples) -> WrittenMap:
    """Write a map from the tables that were chosen."""
    written = WrittenMap()
    for view in VIEWS:
        chosen = choice.sections.get(view)
        if chosen:
            _write_section(written, view, chosen, choice, samples)
        else:
            _write_open_section(written, view)
    write_log(written, choice, samples)
    if task := choice.sections.get("task"):
        _write_assignment(written, task, samples)
        words, _ = _found_words(task, task.placed.get("status"), samples)
        write_answers(written, task, meanings("status", words or []).known, samples)
    return written


def words_of(placed: Placed) -> tuple[str, str] | None:
    """Return the table and column, in SQL, that hold a placed column's words; None if the column holds them itself."""
    return (placed.words_of[0].sql, placed.words_of[2].sql) if placed.words_of else None


# --- a section --------------------------------------------------------------------------------------------------------


def _write_section(written: WrittenMap, view: str, chosen: ChosenTable, choice: Choice, samples: Samples) -> None:
    written.section(view, *_remarks_on(written, view, chosen, choice))
    written.entry("table", text(chosen.table.sql))
    for name, column in VIEWS[view].columns.items():
        if placed := chosen.placed.get(name):
            sample = samples.get((chosen.table.sql, placed.column.sql), Sample())
            sql, remark = _expression(view, name, column, placed, sample)
            comment = _comment(remark, placed, choice)
            if (view, name) == CONSENT and not placed.others:
                comment += ", a guess by its name: does it say who may be texted?"
            written.entry(name, text(sql), comment)
        else:
            _write_open_line(written, view, name, column, chosen)
    for name in (name for one, name in WORDS if one == view):
        _write_words(written, view, name, chosen, samples)


def _remarks_on(written: WrittenMap, view: str, chosen: ChosenTable, choice: Choice) -> Iterable[str]:
    if chosen.rivals:
        written.questions.append(f"[{view}]: is it {chosen.table.sql}, or {' or '.join(chosen.rivals)}?")
        yield f"A guess: it might also be {' or '.join(chosen.rivals)}."
    if view == "patient" and choice.consents and "may_be_texted" not in chosen.placed:
        written.questions.append(
            f"patient.may_be_texted: does {' or '.join(choice.consents)} say who may be texted? Until it is written, "
            "everybody may be"
        )


def _write_open_section(written: WrittenMap, view: str) -> None:
    if view in NEEDED:
        written.missing.append(f"[{view}]: no table of {_NAMES[view]} was found")
        written.lines += ["", f"# [{view}]  No table of {_NAMES[view]} was found."]
    else:
        written.questions.append(f"[{view}]: no table of {_NAMES[view]} was found: without one {_LACKING[view]}")
        written.lines += ["", f"# [{view}]  No table of {_NAMES[view]} was found; without one {_LACKING[view]}."]
    written.open_entry("table", "its name, with its schema's")
    for name, column in VIEWS[view].columns.items():
        _write_open_key(written, name, column)


def _write_open_line(written: WrittenMap, view: str, name: str, column: Column, chosen: ChosenTable) -> None:
    unfit = chosen.unfit.get(name)
    if unfit:
        found = sentence = f"{unfit.sql} is of the type {unfit.type_name}, which is not {IN_WORDS[column.form]}"
    else:
        found, sentence = "no column found", f"no column of {chosen.table.sql} was found"
    _write_open_key(written, name, column, f"{found}; ")
    if column.default is None:
        written.missing.append(f"{view}.{name}: {sentence} ({column.comment})")


def _write_open_key(written: WrittenMap, name: str, column: Column, found: str = "") -> None:
    needed = "it must be there; " if column.default is None else ""
    form = IN_WORDS[column.form].removeprefix("an ").removeprefix("a ")
    written.open_entry(name, f"{found}{needed}{form}: {column.comment}")


def _comment(remark: str, placed: Placed, choice: Choice) -> str:
    referred = next(
        (one.table.sql for one in choice.sections.values() if one.table.id == placed.column.refers_to), None
    )
    parts = [
        remark,
        "the primary key" if placed.column.is_primary_key else "",
        f"refers to {referred}" if referred else "",
        "" if placed.is_by_name else "a guess by its foreign key",
        f"a guess: it might also be {' or '.join(placed.others[:3])}" if placed.others else "",
    ]
    return ", ".join(part for part in parts if part)


def _expression(view: str, name: str, column: Column, placed: Placed, sample: Sample) -> tuple[str, str]:
    """Return the expression for one of our columns, and a remark on it."""
    found = placed.column
    own = f"{view}.{found.sql}"
    if placed.words_of:
        table, key, words = placed.words_of
        remark = f"{found.type_name}, looked up in {table.sql}"
        if name == "status":
            remark += "; no helpful index can be made of it"
        return f"(SELECT word.{words.sql} FROM {table.sql} AS word WHERE word.{key.sql} = {own})", remark
    match column.form:
        case Form.TIME:
            return time_of(own, found, sample.unit)
        case Form.FLAG:
            return _flag(own, name, placed), found.type_name
        case Form.COUNT if found.category == TEXT:
            return f"nullif({own}, '')::integer", found.type_name
        case _:
            return own, found.type_name


def _flag(own: str, name: str, placed: Placed) -> str:
    found = placed.column
    is_opposite = placed.sense is Sense.OPPOSITE
    if placed.sense is Sense.STATE:
        _, yes = STATES_OF_A_FLAG[name]
        words = ", ".join(literal(word) for word in found.words if plain(word) in yes)
        return f"{own} IN ({words})"
    if found.is_time:
        return f"{own} IS NULL" if is_opposite else f"{own} IS NOT NULL"
    match found.category:
        case category if category == FLAG:
            return f"{own} IS NOT TRUE" if is_opposite else own
        case category if category == NUMBER:
            return f"coalesce({own}, 0) = 0" if is_opposite else f"{own} <> 0"
        case _:
            return f"lower({own}) IN ('true', 'yes', 'y', 't', '1')"


# --- words ------------------------------------------------------------------------------------------------------------


def _write_words(written: WrittenMap, view: str, name: str, chosen: ChosenTable, samples: Samples) -> None:
    part, ours = _WORDS_OF[name]
    placed = chosen.placed.get(name)
    words, where = _found_words(chosen, placed, samples)
    written.section(f"{view}.{part}", *([where] if where else []))
    found = meanings(name, words or [])
    for one in ours:
        if found.known.get(one):
            guessed = [word for word in found.known[one] if plain(word) != plain(one)]
            written.entry(one, texts(found.known[one]), f"a guess by name: {', '.join(guessed)}" if guessed else "")
        else:
            written.open_entry(one, "no word is known to mean it", value="[]")
    if found.unknown:
        unknown = ", ".join(f'"{word}"' for word in found.unknown)
        written.remark(f"Which of these is it? Until it is said, it counts as {_COUNTS_AS[name]}: {unknown}")
        written.questions.append(f"[{view}.{part}]: what does {' or '.join(found.unknown)} mean?")
    if name == "status" and not found.known["closed"]:
        written.missing.append("[task.statuses] closed: which words say that nobody needs to act any more?")
    if name == "role":
        _write_lack_of_supervisors(written, found.known)


def _write_lack_of_supervisors(written: WrittenMap, known: Mapping[str, Sequence[str]]) -> None:
    """Write an empty list of supervisors: a map must have the list, and while it is empty admins are told."""
    if known["SUPERVISOR"]:
        return
    if known["ADMIN"]:
        written.entry("SUPERVISOR", "[]", "nobody: a missed SLA is told to the admins")
        written.questions.append(
            "[person.roles] SUPERVISOR: who is told of a missed SLA? As long as nobody is, the admins"
        )
    else:
        written.missing.append("[person.roles] SUPERVISOR: which words say who is told of a missed SLA?")


def _found_words(
    chosen: ChosenTable, placed: Placed | None, samples: Samples
) -> tuple[Sequence[str] | None, str | None]:
    if placed is None:
        return None, None
    column = placed.words_of[2] if placed.words_of else placed.column
    where = words_of(placed) or (chosen.table.sql, placed.column.sql)
    if column.words:
        return column.words, None
    words = samples.get(where, Sample()).words
    if words is None:
        return None, f"The words in {where[1]} could not be read, or do not look like words."
    if not words:
        return None, f"There is no row yet with a word in {where[1]}."
    return words, "The words of the rows that were looked at; there may be others."


# --- assignment -------------------------------------------------------------------------------------------------------


def _write_assignment(written: WrittenMap, task: ChosenTable, samples: Samples) -> None:
    assigned = task.placed.get("assigned_to_user_id")
    if assigned is None or assigned.column.is_generated:
        return
    written.section("assignment", "Written into a task when the system gives it to somebody.")
    written.entry(assigned.column.name, text("assignment.person_id"), assigned.column.type_name)
    for column in _times_of_assignment(task):
        sample = samples.get((task.table.sql, column.sql), Sample())
        written.entry(column.name, text(time_as("assignment.at", column, sample.unit)), column.type_name)


def _times_of_assignment(task: ChosenTable) -> Iterable[DescribedColumn]:
    updated = task.placed.get("updated_at")
    if updated and not updated.column.is_generated:
        yield updated.column
    placed = {one.column.name for one in task.placed.values()}
    for column in task.table.columns:
        is_free = column.is_time and column.name not in placed and not column.is_generated
        if is_free and rank(variants(column.name, task.table.name, Form.TIME), ASSIGNED_AT) is not None:
            yield column
