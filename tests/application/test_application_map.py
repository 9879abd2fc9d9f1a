"""A map as a text: what is read of it, and what is refused before any database is asked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maps import a_source

from sequora_orchestration.application.application_map import (
    MapError,
    map_of_file,
    packaged_maps,
    plain,
    read_map,
    spellings,
)


def problems(changes: dict[str, object], *, of: str = "brief") -> list[str]:
    """Return why a map with these changes is refused."""
    with pytest.raises(MapError) as refused:
        read_map("a map", a_source(changes, of=of))
    return list(refused.value.problems)


def test_the_maps_that_come_along_can_be_read() -> None:
    """In the order in which they are tried."""
    assert [one.name for one in packaged_maps()] == ["brief", "sequora"]


def test_what_a_map_says_is_read(tmp_path: Path) -> None:
    """Of a column its alternatives, of a word what it means, of the log what is written into it."""
    file = tmp_path / "map.toml"
    file.write_text(a_source({"episode.timezone": ["episode.zone", "NULL"], "log.key": "task_id"}), encoding="utf-8")
    read = map_of_file(file)
    assert read.name == str(file)
    assert read.sections["episode"].columns["timezone"] == ["episode.zone", "NULL"]
    assert read.sections["episode"].columns["id"] == ["episode.id"]
    assert read.sections["person"].columns["is_on_call"] == ["true"]  # which the map does not mention
    assert read.statuses["closed"] == ["RESOLVED", "CANCELLED", "EXPIRED"]
    assert read.log
    assert (read.log.key, read.log.row["method"], read.log.audiences) == ("task_id", "message.channel", ["staff"])


def test_a_map_that_writes_nothing_can_be_read() -> None:
    """An application may have no log, and want nobody to change its tasks."""
    read = read_map("a map", a_source({"log": None, "assignment": None, "accepting": None, "resolving": None}))
    assert (read.log, read.assignment, read.answers) == (None, {}, {"accepting": {}, "resolving": {}})


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("tasks", "the map has tasks"),
        ("task.sla", "[task] has sla"),
        ("task.statuses.done", "[task.statuses] has done"),
        ("task.severities.SEVERE", "[task.severities] has SEVERE"),
        ("person.phone", "[person] has phone"),
        ("person.roles.BOSS", "[person.roles] has BOSS"),
        ("shift.where", "[shift] has where"),
        ("log.columns", "[log] has columns"),
    ],
)
def test_what_nobody_knows_is_named(place: str, named: str) -> None:
    """A word that was mistyped must not be taken for nothing; what is known is said."""
    (problem, *_) = [one for one in problems({place: "x"}) if named in one]
    assert problem.startswith(f"{named}, which nobody knows")
    assert "; known: " in problem


@pytest.mark.parametrize(
    ("place", "meant"),
    [("task.sla_due", "sla_due_at"), ("persons", "person"), ("task.statuses.close", "closed"), ("log.rows", "row")],
)
def test_what_may_be_meant_by_a_key_that_nobody_knows_is_asked(place: str, meant: str) -> None:
    """If anything is like it."""
    key = place.rsplit(".", 1)[-1]
    (problem,) = [one for one in problems({place: "x"}) if f"has {key}, which nobody knows" in one]
    assert f"which nobody knows (did you mean {meant}?); known: " in problem


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("task", "the map lacks task"),
        ("person", "the map lacks person"),
        ("task.table", "[task] lacks table"),
        ("task.id", "[task] lacks id"),
        ("task.created_at", "[task] lacks created_at"),
        ("task.assigned_to_user_id", "[task] lacks assigned_to_user_id"),
        ("task.statuses", "[task.statuses] is missing: it says what the application's words mean"),
        ("task.severities", "[task.severities] is missing: it says what the application's words mean"),
        ("task.statuses.closed", "[task.statuses] lacks closed"),
        ("person.roles", "[person.roles] is missing: it says what the application's words mean"),
        ("person.roles.SUPERVISOR", "[person.roles] lacks SUPERVISOR"),
        ("episode.patient_id", "[episode] lacks patient_id"),
        ("patient.primary_phone", "[patient] lacks primary_phone"),
        ("log.table", "[log] lacks table"),
        ("log.row", "[log] lacks row"),
    ],
)
def test_what_is_missing_is_named(place: str, said: str) -> None:
    """Nothing is guessed of it."""
    assert said in problems({place: None})


NO_EXPRESSION = "is to be an SQL expression in quotes"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("task", 1, "[task] is to be a table of TOML"),
        ("task", "public.tasks", "[task] is to be a table of TOML"),
        ("log", [], "[log] is to be a table of TOML"),
        ("assignment", "x", "[assignment] is to be a table of TOML"),
        ("accepting", "x", "[accepting] is to be a table of TOML"),
        ("resolving", 1, "[resolving] is to be a table of TOML"),
        ("task.table", 7, "task.table is to be a name in quotes"),
        ("task.table", "", "task.table is to be a name in quotes"),
        ("log.table", ["a", "b"], "log.table is to be a name in quotes"),
        ("task.id", 7, f"task.id {NO_EXPRESSION}"),
        ("task.id", " ", f"task.id {NO_EXPRESSION}"),
        ("task.id", {"column": "id"}, f"task.id {NO_EXPRESSION}"),
        ("task.sla_due_at", [1, 2], f"task.sla_due_at {NO_EXPRESSION}"),
        ("task.sla_due_at", ["NULL", ""], f"task.sla_due_at {NO_EXPRESSION}"),
        ("task.sla_due_at", [["NULL"]], f"task.sla_due_at {NO_EXPRESSION}"),
        ("task.sla_due_at", [], "task.sla_due_at is a list without an expression in it"),
        ("task.priority", True, f"task.priority {NO_EXPRESSION}"),
        ("task.priority", "'a\0b'", f"task.priority {NO_EXPRESSION}"),
        ("task.statuses", ["OPEN"], "[task.statuses] is missing: it says what the application's words mean"),
        ("task.statuses.open", "OPEN", "task.statuses.open is to be a list of words in quotes"),
        ("task.statuses.open", [1], "task.statuses.open is to be a list of words in quotes"),
        ("task.statuses.open", [["OPEN"]], "task.statuses.open is to be a list of words in quotes"),
        ("task.statuses.open", [" - "], "task.statuses.open has ' - ', which is no word"),
        ("task.statuses.closed", [], "task.statuses.closed has no word: no task would ever be closed"),
        ("person.roles.NURSE", 1, "person.roles.NURSE is to be a list of words in quotes"),
        ("shift", {}, "[shift] lacks person_id"),
        ("log.about", "staff", "log.about is to be a list of staff and patients"),
        ("log.about", ["everybody"], "log.about is to be a list of staff and patients"),
        ("log.about", [["staff"]], "log.about is to be a list of staff and patients"),
        ("log.row", [1], "[log.row] is to be a table of TOML"),
        ("log.row", {}, "[log.row] is empty: it says what is written into which column"),
        ("log.row.sent_at", 1, f"log.row.sent_at {NO_EXPRESSION}"),
        ("log.row.sent_at", ["message.sent_at"], f"log.row.sent_at {NO_EXPRESSION}"),
        ("log.key", 1, "log.key is to be a name in quotes"),
        ("log.key", ["task_id"], "log.key is to be a name in quotes"),
        ("episode.optional", "yes", "episode.optional is to be true or false, and tasks and people must be there"),
        ("task.optional", True, "task.optional is to be true or false, and tasks and people must be there"),
        ("assignment.updated_at", 1, f"assignment.updated_at {NO_EXPRESSION}"),
        ("accepting.updated_at", "", f"accepting.updated_at {NO_EXPRESSION}"),
        ("resolving.resolved_at", ["answer.at"], f"resolving.resolved_at {NO_EXPRESSION}"),
    ],
)
def test_what_is_of_another_type_than_it_should_be_is_named(place: str, value: object, said: str) -> None:
    """With what is to stand there; no mistake is a traceback, and none is told twice."""
    found = problems({place: value})
    assert said in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("task.statuses.open", ["OPEN", "resolved"], "task.statuses: RESOLVED stands under open and under closed"),
        ("task.severities.LOW", ["low", "High"], "task.severities: High stands under HIGH and under LOW"),
        ("person.roles.ADMIN", ["super_visor"], "person.roles: super_visor stands under SUPERVISOR and under ADMIN"),
    ],
)
def test_a_word_means_one_thing_however_it_is_spelt(place: str, value: list[str], said: str) -> None:
    """Otherwise its meaning would hang on the order of the map."""
    assert problems({place: value}) == [said]


@pytest.mark.parametrize(
    "changes",
    [
        {"log.delivered.status": "'DELIVERED'"},
        {"log.undelivered.status": "'FAILED'"},
        {"log.delivered.status": "'DELIVERED'", "log.key": "id"},
        {"log.key": "id"},
    ],
)
def test_a_log_that_takes_receipts_finds_its_rows_again(changes: dict[str, object]) -> None:
    """By a column that is written with the row."""
    assert problems(changes) == [
        "log.key is to name a column of [log.row] by which a row is found again when its receipt comes"
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("task.id); DROP TABLE people; SELECT (1", "a semicolon ends it"),
        ("task.id); DROP TABLE people; --", "a semicolon ends it"),
        ("task.id)", "its parentheses do not match"),
        ("task.id), (task.status", "its parentheses do not match"),
        ("lower(task.status", "its parentheses do not match"),
        ("'it''s", "a quote of it is not closed"),
        ('task."id', "a quote of it is not closed"),
        ("E'\\'", "a quote of it is not closed"),
        ("task.id /* a", "a comment of it is not closed"),
        ("task.id /* a /* b */", "a comment of it is not closed"),
        ("'$function$'", "$function$ ends it: write other quotes"),
        ("task.id)$function$; DROP TABLE people", "$function$ ends it: write other quotes"),
    ],
)
@pytest.mark.parametrize(
    "place", ["task.priority", "log.row.method", "assignment.updated_at", "accepting.status", "resolving.status"]
)
def test_an_expression_stays_within_its_parentheses(place: str, sql: str, said: str) -> None:
    """What a map's author has mistyped is named, and nothing of it runs as a statement of its own."""
    assert f"{place} is to be one SQL expression, and {said}" in problems({place: sql})


@pytest.mark.parametrize(
    "sql",
    [
        "'a;b'",
        "'it''s (fine'",
        'task."a;(b"',
        "E'it\\'s; (fine'",
        "date'2026-01-01'",
        "$$a; (b 'c$$",
        "$tag$a $$ ; (b$tag$",
        "'ends with a backslash\\'",
        "(task.status)",
        "'--' || task.status",
        "'/* no comment */'",
    ],
)
def test_what_stands_in_quotes_is_left_alone(sql: str) -> None:
    """There a semicolon, a parenthesis and a comment's beginning mean nothing."""
    read = read_map("a map", a_source({"task.priority": sql}))
    assert read.sections["task"].columns["priority"] == [sql]


@pytest.mark.parametrize(
    "sql", ["task.id -- the key", "-- the key\ntask.id", "/* the\nkey */ task.id", "task.id --", "task.id/**/"]
)
def test_a_comment_in_an_expression_is_no_part_of_it(sql: str) -> None:
    """Otherwise what is written behind the expression would belong to the comment."""
    assert read_map("a map", a_source({"task.id": sql})).sections["task"].columns["id"] == ["task.id"]


def test_all_mistakes_are_told_at_once() -> None:
    """In one message, a line each, with the map's name."""
    with pytest.raises(MapError) as refused:
        read_map("mine.toml", a_source({"tasks": "x", "task.id": 1, "log.key": 2}))
    first, *lines = str(refused.value).splitlines()
    assert first == "the map mine.toml cannot be used:"
    assert len(lines) == 4
    assert all(line.startswith("  - ") for line in lines)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[task", "it is no TOML: "),
        (b"a = 1\na = 2", "it is no TOML: "),
        (b'{"task": {}}', "it is no TOML: "),
        (b"\xff\xfe", "the file cannot be read: "),
        (None, "the file cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_map_at_all_is_a_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    """It names the file."""
    file = tmp_path / "map.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MapError) as refused:
        map_of_file(file)
    assert str(refused.value).splitlines()[0] == f"the map {file} cannot be used:"
    assert refused.value.problems[0].startswith(said)


def test_a_directory_is_no_map(tmp_path: Path) -> None:
    """As little as a file that is not there."""
    with pytest.raises(MapError, match="the file cannot be read: Is a directory"):
        map_of_file(tmp_path)


def test_a_file_of_another_systems_editor_can_be_read(tmp_path: Path) -> None:
    """With a byte order mark and its line ends."""
    file = tmp_path / "map.toml"
    file.write_bytes(b"\xef\xbb\xbf" + a_source().replace("\n", "\r\n").encode())
    assert map_of_file(file).sections["task"].table == 'public."EscalationTask"'


def test_an_empty_map_says_what_it_lacks() -> None:
    """Rather than that something is no table."""
    with pytest.raises(MapError) as refused:
        read_map("a map", "")
    assert {"the map lacks task", "the map lacks person"} <= set(refused.value.problems)


# --- words ------------------------------------------------------------------------------------------------------------


@given(st.text())
def test_every_spelling_of_a_word_is_the_same_word(word: str) -> None:
    """Whatever its letters are, and whatever stands between them; the word itself is one of its spellings."""
    assert {plain(one) for one in spellings(word)} == {plain(word)}
    assert word in spellings(word)


@given(st.text(alphabet="aBß İ\N{LATIN SMALL LETTER DOTLESS I}éΣς_- 1", max_size=8))
def test_letters_that_have_no_partner_in_the_other_case_make_no_difference(word: str) -> None:
    """A Turkish i, a sharp s and a final sigma are in words of applications, too."""
    assert {plain(one) for one in spellings(word)} == {plain(word)}


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("IN_PROGRESS", ["in_progress", "In Progress", "in-progress", "inProgress", "InProgress", "In progress"]),
        ("in progress", ["IN_PROGRESS", "IN PROGRESS", "In-Progress", "INPROGRESS", "inprogress"]),
        ("abgeschloßen", ["ABGESCHLOSSEN", "Abgeschloßen"]),
        ("aç\N{LATIN SMALL LETTER DOTLESS I}k", ["AÇIK", "Aç\N{LATIN SMALL LETTER DOTLESS I}k"]),
        ("fermé", ["FERMÉ", "Fermé"]),
    ],
)
def test_usual_spellings_are_among_them(word: str, same: list[str]) -> None:
    """A column of texts is compared with them one by one."""
    assert set(same) <= set(spellings(word))


@pytest.mark.parametrize(("one", "other"), [("OPEN", "OPENED"), ("खुला", "खला"), ("résolu", "resolu"), ("1", "2")])
def test_different_words_stay_different(one: str, other: str) -> None:
    """A mark is part of its letter: in some languages it is a vowel."""
    assert plain(one) != plain(other)


def test_a_letter_with_its_mark_apart_is_the_same_letter() -> None:
    """Keyboards differ."""
    assert plain("ferme\N{COMBINING ACUTE ACCENT}") == plain("FERMÉ")
