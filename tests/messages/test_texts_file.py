"""A file of texts: what of it is said, and how each mistake in it is told."""

import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from facts import APP_URL, TASK, WORDING
from hostile import HOSTILE, LINK
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.gsm_7 import units_of_ucs_2
from sequora_orchestration.domain.spoken import twiml
from sequora_orchestration.messages.check_in_words import CHECK_IN_TEXT, CHECK_IN_WITH_LINK
from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.nurse_call import CALL, call_text
from sequora_orchestration.messages.phrase import FOR_ALL, Phrase
from sequora_orchestration.messages.task_created import NEW_TASK, nurse_text
from sequora_orchestration.messages.task_phrases import TO_NURSE
from sequora_orchestration.messages.texts_file import TextsFileError, given_by
from sequora_orchestration.messages.wording import Given, Wording


def read(source: str | bytes) -> Given:
    """Return the words of a file."""
    return given_by(source.encode() if isinstance(source, str) else source, PHRASES, APP_URL)


def mistakes(source: str | bytes) -> list[tuple[int, str]]:
    """Return the mistakes in a file: lines, and all that is said of each."""
    with pytest.raises(TextsFileError) as error:
        read(source)
    return [(one.line, f"{one.wrong}; {one.to_do}") for one in error.value.mistakes]


def said(given: Given) -> dict[tuple[str, str], str]:
    """Return the words by the name of their phrase and their language."""
    return {
        (phrase.name, language): template.text
        for phrase, by_language in given.items()
        for language, template in by_language.items()
    }


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_file_says_other_words_and_leaves_the_rest_as_it_is() -> None:
    """Also if it has a byte order mark, lines of Windows, and line breaks round a text."""
    lines = [
        "\ufeff[task-created]",
        'text = """',
        "Nueva tarea {severity}: {reasons}",
        "{link}",
        '"""',
        "[commands]",
        'to-nurse = "{number}A aceptar, {number}R resuelta, {number}E pasar"',
    ]
    given = read("\r\n".join(lines))
    wording = Wording(app_url=APP_URL, given=given)
    assert nurse_text(TASK, wording) == f"Nueva tarea HIGH: CHEST_PAIN\n{APP_URL}/tasks/{TASK.id}"
    assert said(given).keys() == {("text", FOR_ALL), ("to-nurse", FOR_ALL)}


def test_an_empty_file_changes_nothing() -> None:
    """Nor does one of comments."""
    assert read("") == read("# nothing yet\n") == {}


def test_a_language_that_comes_along_is_switched_on_by_name() -> None:
    """In each of its situations; one of them may be written anew beside it."""
    own = "Xin chào{name}. 911. STOP"
    given = read(f'[check-in.vie]\nuse = "built-in"\ntext = "{own}"\n[check-in]\nar.use = "built-in"\n')
    assert said(given) == {
        ("text", "vi"): own,
        ("with-link", "vi"): CHECK_IN_WITH_LINK.to_be_confirmed["vi"].text,
        ("text", "ar"): CHECK_IN_TEXT.to_be_confirmed["ar"].text,
        ("with-link", "ar"): CHECK_IN_WITH_LINK.to_be_confirmed["ar"].text,
    }


@pytest.mark.parametrize(
    ("code", "beginning"),
    [("es-MX", "Qué tal"), ("es", "Hola"), ("es-US", "Hola"), ("fr-CA", "Bonjour"), ("de", "Hi"), (None, "Hi")],
)
def test_the_nearest_language_is_chosen(code: str | None, beginning: str) -> None:
    """The patient's own, then its base, then English."""
    both = 'text = "{0}{{name}} 911 STOP"\nwith-link = "{0}{{name}} {{link}} 911 STOP"\n'
    given = read(f"[check-in.es-MX]\n{both.format('Qué tal')}[check-in.fr]\n{both.format('Bonjour')}")
    _, template = Wording(app_url=APP_URL, given=given).chosen(CHECK_IN_TEXT, code)
    assert template.text.startswith(beginning)


def test_a_call_says_its_languages_one_after_the_other() -> None:
    """Those that come along first, in the words of the file."""
    given = read('[nurse-call.vi-VN]\ntext = "Xin chào."\n[nurse-call.en-US]\ntext = "Look at your texts."\n')
    assert call_text(Wording(app_url=APP_URL, given=given)).splitlines() == [
        "[en-US] Look at your texts.",
        f"[es-MX] {CALL.built_in['es-MX'].text}",
        "[vi-VN] Xin chào.",
    ]


def test_the_longest_call_is_one_that_the_phone_company_takes() -> None:
    """In all of its languages, of which each alone might be longer; a document writes some signs with more of them."""
    call = '[nurse-call.en-US]\ntext = "{}"\n[nurse-call.vi-VN]\ntext = "{}"'
    for each in range(400, 1700):
        try:
            given = read(call.format("&" * 100 + "a" * each, "ặ" * 400))
        except TextsFileError as error:
            (mistake,) = error.mistakes
            break
        longest = twiml(call_text(Wording(app_url=APP_URL, given=given)))
    assert 4000 - 2 < len(longest) <= 4000
    assert mistake.sentence == (
        "line 1: nurse-call text takes 4,001 characters in all its languages, said 2 times, and may take 4,000; "
        "shorten them together by 1 character, or say fewer languages: Twilio would refuse each call"
    )


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ('[chek-in.en]\ntext = "x"', 1, "chek-in is no kind of text; did you mean check-in? There are task-created"),
        ('\n[zzz]\ntext = "x"', 2, "zzz is no kind of text; there are task-created"),
        ('task-created = "x"', 1, "task-created is no table; write [task-created], and below it text = …"),
        ("[task-created]", 1, "[task-created] says nothing; write text = …"),
        ('[sla-breach]\ntxt = "x"', 2, "txt is no text of sla-breach; did you mean text? There is text"),
        ('[reply]\nacepted = "x"', 2, "acepted is no text of reply; did you mean accepted? There are help"),
        ("[reply]\nhelp = 3", 2, "reply help is no text; write it in quotes"),
        ('[sla-warning.es]\ntext = "x"', 1, "texts to staff exist in one language for all; write [sla-warning]"),
        ('[check-in.vn]\nuse = "built-in"', 1, "[check-in.vn]: vn is no language; did you mean vi?"),
        ('[check-in."Spanish"]\nuse = "built-in"', 1, "Spanish is no language; did you mean es?"),
        ('[check-in.zzz]\nuse = "built-in"', 1, "zzz is no language; write a tag of BCP 47, as en, es"),
        ("[check-in]", 1, "[check-in] says nothing; write a language"),
        ('[check-in]\ntext = "x"', 2, "check-in text stands below no language; write it below its language, [check"),
        ('[check-in]\nes-MX = "x"', 2, "check-in es-MX is no table; es-MX is a language: write [check-in.es-MX], and"),
        ('["check-in.en"]\ntext = "x"', 1, "check-in.en is no kind of text; write [check-in.en] without quotes: they"),
        ('"reply.help" = "x"', 1, "reply.help is no kind of text; write reply.help without quotes: they make one name"),
        ('[check-in.vi]\nuse = "builtin"', 2, '[check-in.vi] use is none of its words; write use = "built-in"'),
        ("[check-in.vi]\nuse = true", 2, '[check-in.vi] use is none of its words; write use = "built-in"'),
        ('[check-in.fr]\nuse = "built-in"', 2, "no words in fr come along; there are en, es, zh, zh-Hant, vi, ht"),
        ('[check-in.ar-EG]\nuse = "built-in"', 2, "no words in ar-EG come along; there are en, es"),
        ('[check-in.vi]\ntext = "a 911 STOP"', 1, "[check-in.vi] has no with-link"),
        ('[check-in.zh]\nuse="built-in"\n[check-in.chi]\nuse="built-in"', 3, "is the same language as [check-in.zh]"),
        ('[nurse-call.es]\ntext = "x"', 1, "[nurse-call.es]: Twilio has no voice for es; write [nurse-call.es-ES]"),
        ('[nurse-call.vi]\ntext = "x"', 1, "[nurse-call.vi]: Twilio has no voice for vi; write [nurse-call.vi-VN]"),
        ('[nurse-call.es-PR]\ntext = "x"', 1, "[nurse-call.es-PR]: Twilio has no voice for es-PR; write [nurse"),
        ('[nurse-call.ht-HT]\ntext = "x"', 1, "Twilio has no voice for ht-HT; leave it out: docs/texts.md lists the"),
        ('\n[nurse-call.zh-CN]\ntext = "' + "请" * 501 + '"', 3, "text takes 4,509 characters as a URL has them, and"),
        ('[nurse-call.en-US]\ntext = "x\\ny"', 2, "nurse-call.en-US text has 2 lines; write it as one line"),
        ('[nurse-call.en-US]\ntext = "{severity}"', 2, "has {severity}, which is no placeholder of it; it has none"),
        ("[task-created]\ntext = ' '", 2, "task-created text is empty; write what the text is to say"),
        ('[task-created]\ntext = "{severity} {link} {reason}"', 2, "no placeholder of it; did you mean {reasons}?"),
        ('[task-created]\ntext = "{severity.x} {link}"', 2, "has {severity.x}, which is no placeholder"),
        ('[task-created]\ntext = "{severity {link}"', 2, "no placeholder"),
        ('[task-created]\ntext = "{severity}}"', 2, "has a brace that opens or closes no placeholder; write {{ or }}"),
        ('[task-created]\ntext = "{severity}"', 2, "text has no {link}; write {link}, for the task's page"),
        ('[task-created]\ntext = "{link}"', 2, "task-created text has no {severity}; write {severity}, for how severe"),
        ('[task-created]\ntext = "{severity}: {link}."', 2, "has {link} joined to other signs; leave a space"),
        ('[task-created]\ntext = "{severity} {link:}."', 2, "has a colon behind the name in {link:}; write the name"),
        ('[task-created]\ntext = "{severity} {link}}}"', 2, "has {link} joined to other signs; leave a space"),
        ('[task-created]\ntext = "{severity} {{{link}}}"', 2, "has {link} joined to other signs; leave a space"),
        ('[task-created]\ntext = "{severity}.{reasons} {link}"', 2, "has {reasons} right behind “.”; leave a space"),
        ('[task-created]\ntext = "{severity}:x {link}"', 2, "has “:” between {severity} and other words; leave a"),
        ('[task-created]\ntext = "https://a.example/?x={severity} {link}"', 2, "has {severity} within a link, https://"),
        ('[task-created]\ntext = "a.example-{severity} {link}"', 2, "has {severity} within a link, a.example-{sev"),
        ('[task-created]\ntext = "{severity}a.example {link}"', 2, "has {severity} within a link, {severity}a.exam"),
        ('[task-created]\ntext = "{severity}{reasons} {link}"', 2, "has {severity} and {reasons} side by side"),
        ('[task-created]\ntext = "{severity}\\n\\n\\n\\n\\n\\n{link}"', 2, "has 7 lines, and may have 6; write it in"),
        ('[task-created]\ntext = "{severity} \\u0007 {link}"', 2, "has U+0007 (a control character), which is no sign"),
        ('[task-created]\ntext = "{severity} \\u202e {link}"', 2, "has U+202E (right-to-left override), which is no"),
        *(
            (f'[task-created]\ntext = "{{severity}} \\u{code} {{link}}"', 2, f"has U+{code} ({name}), which is no s")
            for code, name in [
                ("200B", "zero width space"),
                ("00AD", "soft hyphen"),
                ("FEFF", "zero width no-break space"),
                ("2060", "word joiner"),
                ("3164", "hangul filler"),
                ("2800", "braille pattern blank"),
            ]
        ),
        ('[commands]\nto-nurse = "{number}A {number}R"', 2, "to-nurse does not say {number}E as a word by itself"),
        ('[commands]\nto-supervisor = "1{number}A {number}R"', 2, "does not say {number}A as a word by itself; write"),
        ('[commands]\nto-supervisor = "{number}A R{number}R"', 2, "does not say {number}R as a word by itself; write"),
        ('[commands]\nto-supervisor = "{number}AR"', 2, "does not say {number}A"),
        ('[commands]\nto-supervisor = "{number}A接受 {number}R"', 2, "an answer with letters joined to it is not u"),
        ('[commands]\nto-supervisor = "回复{number}A {number}R"', 2, "does not say {number}A as a word by itself; wri"),
        *(
            (f'[commands]\nto-supervisor = "{{number}}A {{number}}R {one}"', 2, "leave it out: a supervisor has nobo")
            for one in ("{number}E", "{number} E.", "({number}e)")
        ),
        ('[reply]\nclosed = "{command}: a\\nb"', 2, "reply closed has 2 lines; write it as one line"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_to_write(source: str, line: int, said: str) -> None:
    """Whatever it is."""
    found = mistakes(source)
    assert [one for one, _ in found] == [line] * len(found)
    assert any(said in sentence for _, sentence in found), found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Call 9110. STOP", ["does not say 911; write where to turn in an emergency, with the number 911"]),
        ("911 stop STOPPED", ["does not say STOP; write how to end these texts, with the word STOP"]),
        ("回复STOP，拨打911。", []),
        ("٩١١ STOP", ["does not say 911"]),
        ("اتصلوا ب911. أرسلوا STOP، و911", []),
        ("Emergencia:911 (STOP)", []),
        *((f"{one} STOP", ["does not say 911"]) for one in ("911-555-0100", "1-911", "$911", "911,000", "A911")),
        *((f"911 {one}", ["does not say STOP"]) for one in ("STOPÉ", "STOP\u0301", "STOP1", "STOP_", "ЁSTOP")),
        ("Hi{name}STOP 911", ["does not say STOP"]),
        *(
            (f"{one}, 911 STOP", ["{name} at the beginning or behind a blank; write it right behind a greeting, as Hi"])
            for one in ("Hi {name}", "{name}", "Hi\\n{name}", "Hi\u00a0{name}", "Hi{name} {name}")
        ),
        ("a" * 480 + " 911 STOP", ["takes 4 segments of GSM-7 with the longest values, and may take 3; shorten it by"]),
        (
            "á" * 215 + " 911 STOP",
            ["takes 4 segments of UCS-2 with the longest values, and may take 3; shorten it by 23 characters, or write "
             "it without “á”: a segment of GSM-7 holds 153 characters, one of UCS-2 67"],
        ),
        ("áíóúûŵŷ" * 30 + " 911 STOP", ["without “á”, “í”, “ó”, “ú”, “û” and 2 more"]),
        ("a" * 438 + "{name} 911 STOP", ["takes 4 segments of GSM-7"]),
        ("a" * 428 + "{name} 911 STOP", []),
        ("{nam} 911 STOP", ["has {nam}, which is no placeholder of it; did you mean {name}?"]),
    ],
)  # fmt: skip
def test_a_text_to_patients_has_the_emergency_line_and_the_way_out_and_three_segments(
    text: str, said: list[str]
) -> None:
    """Measured with the longest name."""
    source = f'[check-in.fr]\ntext = "{text}"\nwith-link = "{{link}} 911 STOP"'
    if not said:
        assert read(source)
        return
    found = mistakes(source)
    assert len(found) == len(said)
    assert all(line == 2 and part in sentence for (line, sentence), part in zip(found, said, strict=True)), found


def test_a_text_to_staff_is_measured_with_usual_values_and_may_be_of_any_letters() -> None:
    """A row may hold a word that is absurdly long; what the text would be as a rule decides."""
    assert read('[task-created]\ntext = "Nhiệm vụ {severity}: {reasons}\\nƯu tiên: {priority}\\n{episode}\\n{link}"')
    ((_, said),) = mistakes('[task-created]\ntext = "' + "ặ" * 200 + ' {severity} {reasons} {link}"')
    assert "takes 5 segments of UCS-2 with usual values, and may take 4" in said


def test_the_longest_text_with_the_longest_line_of_commands_is_one_that_the_phone_company_takes() -> None:
    """The text is written in the file, and the line comes below it."""
    commands = "{number}A {number}R {number}E".ljust(160 - len("1") * 3 + len("{number}") * 3, ".")
    words = "{severity} {link} {reasons} {reasons}"
    source = f'[commands]\nto-nurse = "{commands}"\n[task-created]\ntext = "{words}'
    given = None
    for length in range(1, 300):
        try:
            given = read(f'{source} {"a" * length}"')
        except TextsFileError:
            break
    assert given
    (text,) = given[NEW_TASK].values()
    body = f"{NEW_TASK.longest(text, APP_URL)}\n{TO_NURSE.longest(given[TO_NURSE][FOR_ALL], APP_URL)}"
    assert 1500 < units_of_ucs_2(body) <= 1600


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("[check-in.vi]\nuse = built-in", 2, "is no TOML, at column 7: invalid value; write tables as"),
        ('[task-created]\ntext = "a\nb"', 2, "is no TOML, at column 10: illegal character"),
        ('[reply]\nhelp = "a"\n[reply]\n', 3, "[reply] stands there twice, first in line 1; write all of it below one"),
        ('canary.text = "a"\n[canary]', 2, "[canary] stands there twice, first in line 1; write all of it below one"),
        ('[reply]\nhelp = """\na"""\r\nhelp = "b"', 4, "reply help stands there twice, first in line 2; leave one"),
        ('[check-in.en]\n[check-in]\nen = "a"\n', 3, "check-in en stands there twice, first in line 1; leave one of"),
        ("[check-in.en]\n[check-in", 0, "is no TOML, at its end: expected ']' at the end of a table"),
        ("check-in = {}\n[check-in.en]", 2, "is no TOML, at column 13: cannot declare [check-in.en] twice; write"),
        ("[reply]\nhelp = “a”", 2, "is no TOML, at column 8: has “, which is no quote of TOML; write straight quotes"),
        ("[reply]\n“help” = 1", 2, "is no TOML, at column 1: has “, which is no quote of TOML; write straight quotes"),
        ("[reply]\nhelp = ‘a’", 2, "is no TOML, at column 8: has ‘, which is no quote of TOML; write straight quotes"),
        ('[reply]\nhelp = "a”\nwhich = "b"', 2, "is no TOML, at column 11: has ”, which is no quote of TOML; write"),
        ('[reply]\nhelp = "a”', 0, "is no TOML, at its end: has ”, which is no quote of TOML; write straight quotes"),
        ('[reply]\nhelp = """a', 0, "is no TOML"),
        ('[reply]\nhelp = "a\xe9"'.encode("latin-1"), 2, "has a byte that is not UTF-8; save the file in UTF-8"),
        ("[reply]".encode("utf-16"), 1, "has a byte that is not UTF-8"),
        ("x = " + "1" * 5000, 0, "has a number or brackets that cannot be read; write texts alone, in quotes"),
        ("x = " + "[" * 5000, 0, "has a number or brackets that cannot be read; write texts alone, in quotes"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_toml_is_told_where(source: str | bytes, line: int, said: str) -> None:
    """One mistake alone: what follows it cannot be read."""
    ((found, sentence),) = mistakes(source)
    assert found == line
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    "line",
    [
        "回复 {number}A 接受，{number}R（已解决）",
        "Tarefa {number} e outras: {number}A aceitar, {number}R",
        "{number}A,{number}R",
    ],
)
def test_a_line_of_commands_may_be_of_any_script(line: str) -> None:
    """Punctuation of it divides words like ours."""
    assert read(f'[commands]\nto-supervisor = "{line}"')


@pytest.mark.parametrize("code", ["200C", "200D", "200E", "200F", "061C", "2066", "2067", "2068", "2069", "FE0F"])
def test_what_a_script_or_an_emoji_needs_may_stand_in_words_though_nobody_sees_it(code: str) -> None:
    """Joiners, marks of direction, isolates, and what makes an emoji of a sign."""
    assert read(f'[task-created]\ntext = "a\\u{code}a {{severity}} {{link}}"')


@pytest.mark.parametrize(
    "source",
    [
        '["chek\\nin"]\ntext = "x"',
        '[check-in."v\\nn"]\nuse = "built-in"',
        '[check-in."e\\r\\u2028s"]\nuse = "built-in"',
        '[reply]\n"hel\\np" = "x"',
        '[check-in.vi]\nuse = "built-in"\n"te\\nxt" = "x"',
        '[task-created]\n"te\\u001b[31mxt" = 3',
    ],
)
def test_a_mistake_is_one_line_whatever_a_key_has_in_its_quotes(source: str) -> None:
    """A terminal and a log have a line for each."""
    with pytest.raises(TextsFileError) as error:
        read(source)
    assert str(error.value).splitlines() == [one.sentence for one in error.value.mistakes]
    assert str(error.value).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            '[canary]\ntext = "{tiem}"',
            "canary text has {tiem}, which is no placeholder of it; did you mean {time}? it may have {time}; a brace "
            "itself is written twice",
        ),
        *(
            (f'[canary]\ntext = "{odd}"', f"canary text has {odd}, which is no placeholder of it; {said}")
            for odd, said in [
                ("{Time}", "did you mean {time}? it may have {time}; a brace itself is written twice"),
                ("{ time }", "did you mean {time}? it may have {time}; a brace itself is written twice"),
                ("{}", "it may have {time}; a brace itself is written twice"),
                ("{0}", "it may have {time}; a brace itself is written twice"),
            ]
        ),
        (
            '[sla-warning]\ntext = "{Time left} {severity} {link}"',
            "sla-warning text has {Time left}, which is no placeholder of it; did you mean {time_left}? it may have "
            "{time_left}, {severity}, {reasons}, {priority}, {episode}, {link}; a brace itself is written twice",
        ),
        (
            '[commands]\nto-nurse = "Answer A accept, {number}R"',
            "commands to-nurse does not say {number}A or {number}E as a word by itself; write it with a blank or a "
            "punctuation mark on both sides, in every script: staff answer with the number and A to accept, R to say "
            "that it is resolved, E to hand it over, and an answer with letters joined to it is not understood",
        ),
    ],
)  # fmt: skip
def test_one_slip_is_one_mistake(source: str, said: str) -> None:
    """The guess is one of the text's own placeholders, and nobody is told besides that the guessed one is missing."""
    assert mistakes(source) == [(2, said)]


def test_a_line_of_commands_without_its_number_is_one_mistake() -> None:
    """Not one for the number, and one for each letter."""
    ((_, said),) = mistakes('[commands]\nto-nurse = "Answer A accept"')
    assert said.startswith("commands to-nurse does not say {number}A or {number}R or {number}E as a word by itself; ")


def test_another_placeholder_that_is_missing_is_told_beside_a_misspelt_one() -> None:
    """One mistake for each of them."""
    found = mistakes('[task-created]\ntext = "{sevrity}"')
    assert [said.partition(";")[0] for _, said in found] == [
        "task-created text has no {link}",
        "task-created text has {sevrity}, which is no placeholder of it",
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    """And none of the file's words is said."""
    found = mistakes('[reply]\nhelp = ""\nclosed = "a"\n[check-in.vn]\n[zzz]\n[sla-breach]\ntext = "{link}"\n')
    assert [line for line, _ in found] == [2, 3, 4, 5, 7]


# --- whatever a file holds --------------------------------------------------------------------------------------------

NAMES = st.sampled_from([*PHRASES, "check", "en", "es-MX", "vi", "vn", "text", "with-link", "use", "help", "x.y", ""])
WORDS = st.lists(
    st.sampled_from(["{severity}", "{link}", "{name}", "{number}A", "{x}", "{", "}", "{{", " ", "\n", "911", "STOP"])
    | st.text(max_size=5)
).map("".join)
TABLES: st.SearchStrategy[Any] = st.recursive(
    WORDS | st.integers() | st.booleans() | st.just("built-in"),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def as_toml(value: Any) -> str:
    """Return a value as TOML has it within a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {as_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else quoted(value)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(one):08X}" if not one.isalnum() else one for one in text) + '"'


@given(st.dictionaries(NAMES, TABLES, max_size=4))
def test_whatever_a_file_holds_is_said_or_told(tables: dict[str, Any]) -> None:
    """And no other error comes of it; each mistake has a line of the file."""
    source = "".join(f"{quoted(name)} = {as_toml(table)}\n" for name, table in tables.items())
    assert tomllib.loads(source) == tables
    given, lines = said_or_told(source)
    assert lines <= set(range(1, len(tables) + 1))
    for phrase, by_language in given.items():
        for template in by_language.values():
            assert phrase.example(template, APP_URL)


@given(
    st.lists(
        st.sampled_from(
            [
                "[",
                "]",
                "\n",
                "\r\n",
                "=",
                '"',
                "'",
                '"""',
                "“",
                ".",
                "#",
                "{",
                "}",
                ",",
                " ",
                "\\",
                "a",
                "reply",
                "help",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_whatever_is_no_toml_is_told(source: str) -> None:
    """And no other error comes of it; its line is one of the file."""
    _, lines = said_or_told(source)
    assert lines <= set(range(source.count("\n") + 2))


def said_or_told(source: str) -> tuple[Given, set[int]]:
    """Return the words of a file, or the lines of its mistakes."""
    try:
        return read(source), set()
    except TextsFileError as error:
        return {}, {one.line for one in error.mistakes}


PIECES = ["{severity}", "{reasons}", "{priority}", "{episode}", "{link}", " ", "\n", ". ", ":", ".", "/", "Task", "ặ"]
SIGNS = ["-", "=", "{{", "}}", "https://a.example/"]


@given(
    st.lists(st.sampled_from([*PIECES, *SIGNS]), max_size=14).map("".join),
    st.sampled_from(HOSTILE),
    st.sampled_from(HOSTILE),
)
def test_in_words_that_are_taken_no_row_forges_a_line_or_a_link(text: str, one: str, other: str) -> None:
    """Whatever a clinic writes: what was there without the values is all that there is."""
    try:
        given = read(f"[task-created]\ntext = {quoted(text)}")
    except TextsFileError:
        return
    wording = Wording(app_url=APP_URL, given=given)
    body = nurse_text(replace(TASK, severity=one, priority=other, episode_id=other, reason_codes=(one, other)), wording)
    assert body.split("\n") == body.splitlines()
    assert body.count("\n") == text.strip().count("\n")
    own = {one[0] for one in LINK.finditer(re.sub(r"\{\w+\}", " X ", text))}
    assert own >= {one[0] for one in LINK.finditer(body.replace(f"{APP_URL}/tasks/{TASK.id}", " "))}


def test_without_a_file_nothing_is_given() -> None:
    """The words in force are those that come along."""
    phrase: Phrase = NEW_TASK
    assert WORDING.template(phrase, FOR_ALL) is phrase.built_in[FOR_ALL]
