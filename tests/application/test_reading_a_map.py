"""A map is read strictly: what is not a map is refused, with what to write."""

import re
from pathlib import Path

import pytest
from care import Care

from sequora_orchestration.application.application_map import MapError, map_of_file, packaged_maps, read_map
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.migrations.apply import migrate

from .conftest import Doctor

BRIEF, _ = (one.source for one in packaged_maps())


def without(section: str, source: str = BRIEF) -> str:
    """Return a map without a section."""
    return re.sub(rf"^\[{section}(?:\.\w+)?\]\n(?:.+\n)*\n?", "", source, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('closed = ["RESOLVED", "CANCELLED", "EXPIRED"]', "closed = []", "no task would ever be closed"),
        ("[task]", "[task]\noptional = true", "task.optional"),
        ("[episode]", '[episode]\noptional = "yes"', "episode.optional is to be true or false"),
        ('about = ["staff"]', "about = [[]]", "log.about is to be a list of staff and patients"),
        ('about = ["staff"]', 'about = ["everybody"]', "log.about is to be a list of staff and patients"),
        ('id = "task.id"', "id = 1", "task.id is to be an SQL expression in quotes"),
        ('id = "task.id"', 'ids = "task.id"', "[task] has ids, which nobody knows"),
    ],
)
def test_what_makes_no_map_is_said(old: str, new: str, sentence: str) -> None:
    """Each mistake is a sentence that names the key."""
    assert old in BRIEF
    with pytest.raises(MapError, match=re.escape(sentence)):
        read_map("changed", BRIEF.replace(old, new, 1))


@pytest.mark.parametrize("section", ["task", "person"])
def test_tasks_and_people_must_be_there(section: str) -> None:
    """Without them there is nothing to tell, and nobody."""
    with pytest.raises(MapError, match=f"the map lacks {section}"):
        read_map("changed", without(section))


@pytest.mark.parametrize("is_said", [True, False])
def test_an_application_without_stays_is_one_in_which_nobody_is_checked_in_on(
    care: Care, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_said: bool
) -> None:
    """Whether the map leaves the sections out, or says that their tables may be missing."""
    source = BRIEF.replace("[episode]", "[episode]\noptional = true").replace("[patient]", "[patient]\noptional = true")
    file = tmp_path / "map.toml"
    file.write_text(source if is_said else without("episode", without("patient")), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    care.an_episode(care.a_patient())
    care.alter('DROP TABLE "Episode"', 'DROP TABLE "Patient"')
    made = migrate(care.engine).map
    assert [one.name for one in made.indexes] == ["sequora_open_task"]
    assert care.rows("SELECT FROM orchestration.care_episode") == []
    assert care.rows("SELECT FROM orchestration.care_patient") == []


def test_a_schema_that_is_not_there_is_a_sentence(care: Care, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As anything that the database does not understand."""
    (tmp_path / "map.toml").write_text(
        BRIEF.replace('"task.priority"', '"nowhere.priority(task.id)"'), encoding="utf-8"
    )
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(tmp_path / "map.toml"))
    with pytest.raises(MapError, match=r"task\.priority = .nowhere\.priority\(task\.id\).: schema"):
        migrate(care.engine)


def test_a_setting_that_was_forgotten_is_told_of(
    care: Care, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where a map of a file is in force, and no other one fits."""
    file = tmp_path / "map.toml"
    file.write_text(BRIEF.replace("EscalationTask", "Task"), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    care.alter('ALTER TABLE "EscalationTask" RENAME TO "Task"')
    migrate(care.engine)
    monkeypatch.delenv("SEQUORA_APPLICATION_MAP")
    with pytest.raises(MapError) as refused:
        migrate(care.engine)
    assert str(refused.value) == (
        f"the map {file} is in force, and SEQUORA_APPLICATION_MAP is not set: set it to that file, or to the one that "
        "is to follow it; no map that comes along fits"
    )
    found = doctor()["map"]
    assert found.level is Level.WARN
    assert found.said == f"the map {file} is in force, and SEQUORA_APPLICATION_MAP is not set"
    assert str(found.to_do).startswith("set it to that file, or to the one that is to follow it")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[task.statuses]", "[task.status]", ": [task.status]; did you mean task.statuses?"),
        ('id = "task.id"', 'id = "task.id"\nid = "task.other"', ': id = "task.other"'),
    ],
)
def test_a_key_that_is_given_twice_is_named(old: str, new: str, said: str) -> None:
    """With its line: TOML's own words do not say which it is."""
    with pytest.raises(MapError) as refused:
        read_map("changed", BRIEF.replace(old, new, 1))
    (problem,) = refused.value.problems
    assert problem.startswith("it is no TOML: Cannot overwrite a value (at line ")
    assert problem.endswith(said)


def test_the_name_of_a_map_that_comes_along_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to be set for it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MapError) as refused:
        map_of_file(Path("brief"))
    assert refused.value.problems == [
        "SEQUORA_APPLICATION_MAP is to be a file; without it the map brief, which comes along, is taken if it fits"
    ]


def test_a_table_with_capitals_is_to_be_quoted(care: Care, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without quotes SQL has small letters."""
    file = tmp_path / "map.toml"
    file.write_text(BRIEF.replace('public."EscalationTask"', "public.EscalationTask"), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    with pytest.raises(MapError) as refused:
        migrate(care.engine)
    assert (
        "task.table: there is no table public.EscalationTask; a name with capital letters is quoted: "
        "'public.\"EscalationTask\"'"
    ) in refused.value.problems


def test_a_column_may_be_written_in_any_case(care: Care, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in SQL, where no quotes are: rows are found by it all the same."""
    (tmp_path / "map.toml").write_text(BRIEF.replace('"task.id"', '"task.ID"'), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(tmp_path / "map.toml"))
    assert migrate(care.engine).has_new_views
