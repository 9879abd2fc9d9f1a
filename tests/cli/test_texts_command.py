"""`sequora texts`: every text as it would be sent, asked of nobody."""

import json
from pathlib import Path

import pytest
from command_line import sequora_here

from sequora_orchestration.cli.checks.texts import texts as finding_of_doctor
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.messages.kinds import PHRASES

SWITCHED_ON = '[check-in.vi]\nuse = "built-in"\n[check-in.ar]\nuse = "built-in"\n'
WRONG = '[task-created]\ntext = """\nA new task\n{link}\n"""\n[check-in.vn]\nuse = "built-in"\n'

TO_A_NURSE = """task-created text
  built in; UCS-2, 3 segments; 1,000 are 3,000 segments, for “🚨” is not in GSM-7
    🚨 New CRITICAL task: CHEST_PAIN, SHORTNESS_OF_BREATH
    Priority: URGENT
    Ep ID: 12345678...
    View: https://app.sequora.com/tasks/0f8fad5b-d9cb-469f-a165-70867728950e
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file of texts is to be."""
    return tmp_path / "texts.toml"


def texts(*arguments: str, file: Path | None = None) -> str:
    """Return the output of the command, with nothing set but the file: no database, no phone company."""
    done = sequora_here("texts", *arguments, environment={"SEQUORA_TEXTS": str(file)} if file else {})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(*arguments: str, file: Path | None = None) -> str:
    """Return what the command says where it shows nothing."""
    done = sequora_here("texts", *arguments, environment={"SEQUORA_TEXTS": str(file)} if file else {})
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_every_text_is_shown_with_its_alphabet_and_what_a_thousand_cost() -> None:
    """Those that are off as well; and whose words they are."""
    said = texts()
    assert TO_A_NURSE in said
    assert said.count("to be confirmed by a speaker before use") == 12
    count = sum(len(phrase.known) for some in PHRASES.values() for phrase in some)
    assert f"{count} texts; SEQUORA_TEXTS names no file\n" in said
    assert "Off: zh, zh-Hant, vi, ht, pt, ar. A file switches a language on by [check-in.zh] with" in said


def test_programs_get_the_same_as_json() -> None:
    """In ASCII; what a thousand cost is reckoned, and what is spoken costs no segments."""
    said = texts("--json")
    assert said.isascii()
    shown = json.loads(said)
    assert {(one["kind"], one["name"]) for one in shown} == {
        (kind, phrase.name) for kind, some in PHRASES.items() for phrase in some
    }
    for one in shown:
        if one["kind"] == "nurse-call":
            assert (one["alphabet"], one["segments"], one["segments_of_1000"]) == (None, None, None)
        else:
            assert one["segments"] == segments(one["text"])
            assert one["segments_of_1000"] == 1000 * one["segments"]
            assert one["segments_with_longest_values"] >= one["segments"]
    off = {one["language"] for one in shown if one["state"] == "off"}
    assert (
        off
        == {one["language"] for one in shown if one["is_to_be_confirmed"]}
        == {"zh", "zh-Hant", "vi", "ht", "pt", "ar"}
    )


def test_of_a_file_it_shows_what_would_be_said_and_whose_words_those_are(file: Path) -> None:
    """Own words, and those that it switches on."""
    file.write_text(f'{SWITCHED_ON}[reply]\nclosed = "{{command}}: closed, thank you."\n', encoding="utf-8")
    shown = {(one["kind"], one["name"], one["language"]): one for one in json.loads(texts("--json", file=file))}
    assert shown["reply", "closed", None]["state"] == "of_file"
    assert shown["reply", "closed", None]["text"] == "1A: closed, thank you."
    assert shown["reply", "accepted", None]["state"] == "built_in"
    vietnamese = shown["check-in", "text", "vi"]
    assert (vietnamese["state"], vietnamese["is_to_be_confirmed"]) == ("switched_on", True)
    assert shown["check-in", "text", "pt"]["state"] == "off"


def test_it_counts_the_texts_of_a_file_as_doctor_does(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that the file only switches on: two languages of the check-in, each with and without a link."""
    file.write_text(f'{SWITCHED_ON}[reply]\nclosed = "{{command}}: closed, thank you."\n', encoding="utf-8")
    assert f"; 5 of {file}\n" in texts(file=file)
    monkeypatch.setenv("SEQUORA_TEXTS", str(file))
    assert finding_of_doctor().said == f"5 texts of {file}; patients are texted in en, es, vi, ar"


def test_of_a_file_without_a_text_it_says_so(file: Path) -> None:
    """A file of other kinds than those that are shown has some."""
    file.write_text("# nothing yet\n", encoding="utf-8")
    assert f" texts; none of {file}, which has no text\n" in texts(file=file)
    other = file.with_name("other.toml")
    other.write_text(SWITCHED_ON, encoding="utf-8")
    assert f"1 text; 0 of {other}\n" in texts("--kind", "task-created", file=other)


@pytest.mark.parametrize(
    ("language", "first", "off"),
    [
        ("vi", "vi", []),
        ("ES_mx", "es", []),
        ("ar-EG", "ar", []),
        ("pt-BR", "en", ["pt"]),
        ("zh-TW", "en", ["zh-Hant", "zh"]),
    ],
)
def test_of_a_language_it_shows_what_such_a_patient_gets(file: Path, language: str, first: str, off: list[str]) -> None:
    """And which words would be chosen if they were on."""
    file.write_text(SWITCHED_ON, encoding="utf-8")
    shown = json.loads(texts("--language", language, "--kind", "check-in", "--json", file=file))
    assert [one["language"] for one in shown if one["name"] == "text"] == [first, *off]
    assert {one["language"] for one in shown if one["state"] == "off"} == set(off)
    said = texts("--language", language, file=file)
    assert f"A patient with the language {language} is texted in the first of these that is on: " in said


def test_of_a_kind_it_shows_all_situations() -> None:
    """And no other kind."""
    assert {one["kind"] for one in json.loads(texts("--kind", "sla-escalation", "--json"))} == {"sla-escalation"}
    assert texts("--kind", "task-created").startswith(TO_A_NURSE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "chek-in"), "“chek-in” is no kind of text: did you mean check-in? There are task-created, "),
        (("--kind", "zzzzz"), "“zzzzz” is no kind of text: There are task-created, "),
        (("--kind", ""), "“” is no kind of text: There are task-created, "),
        (("--language", "spanish"), "“spanish” names no language: did you mean es?"),
        (("--language", "vn"), "“vn” names no language: did you mean vi?"),
        (("--language", "zzz"), "“zzz” names no language: give its tag, as en, es-MX, zh-Hant or vi."),
        (("--language", ""), "“” names no language: give its tag, as en, es-MX, zh-Hant or vi."),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(arguments: tuple[str, str], said: str) -> None:
    """In a sentence."""
    assert said in refused(*arguments)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_file_with_mistakes_is_told_line_by_line(file: Path, arguments: tuple[str, ...]) -> None:
    """And nothing of it is shown."""
    file.write_text(WRONG, encoding="utf-8")
    assert [line.partition("texts.toml, ")[2] for line in refused(*arguments, file=file).splitlines()] == [
        "line 2: task-created text has no {severity}; write {severity}, for how severe the task is, as the map of the "
        "application says it",
        "line 6: [check-in.vn]: vn is no language; did you mean vi?",
    ]


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    """With its path."""
    said = refused(file=file)
    assert str(file) in said
    assert "cannot be read (No such file or directory); give the path of a file that is there" in said
