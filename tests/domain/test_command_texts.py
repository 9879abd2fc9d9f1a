"""What a person's text to us means."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.commands import Command, Understood, Verb, Word, is_reaction, understood

SPELLINGS = {
    Verb.ACCEPT: ["a", "A", "accept", "Accept", "acepto", "ACEPTAR"],
    Verb.RESOLVE: ["r", "R", "resolved", "resuelto", "resolve"],
    Verb.HAND_OVER: ["e", "E", "hand over", "Hand-over", "escalate", "escalar"],
}

MARKS = st.text(" .!,'\"“”«»…-()\u200b\u00a0\n👍🏽✅", max_size=3)
SPACES = st.sampled_from([" ", "  ", "\n", ". ", " - ", ", "])
COMMANDS = st.builds(Command, st.sampled_from(Verb), st.integers(1, 999))


@st.composite
def spelt(draw: st.DrawFn, command: Command) -> str:
    """Spell a command as a person might."""
    word, between = draw(st.sampled_from(SPELLINGS[command.verb])), draw(st.sampled_from(["", " ", ". ", "-", ' "']))
    first, second = draw(st.permutations([str(command.number), word]))
    return f"{first}{between}{second}"


@given(st.data(), st.lists(COMMANDS, min_size=1, max_size=10, unique=True), MARKS, MARKS)
def test_commands_are_understood_however_they_are_spelt(
    data: st.DataObject, commands: list[Command], before: str, after: str
) -> None:
    """In either order, with marks and spaces around, one or several in one text."""
    body = before + data.draw(SPACES).join(data.draw(spelt(one)) for one in commands) + after
    assert understood(body) == Understood(commands=tuple(commands))


@given(st.data(), st.sampled_from(Verb), MARKS, MARKS)
def test_a_verb_alone_is_a_command_without_a_number(data: st.DataObject, verb: Verb, before: str, after: str) -> None:
    """Whether there is just one task it may be about is not known here."""
    body = before + data.draw(st.sampled_from(SPELLINGS[verb])) + after
    assert understood(body).commands == (Command(verb),)


WORDS = {
    Word.STOP: ["stop", "STOPALL", "stop all", "Unsubscribe", "cancel", "END", "quit", "revoke", "optout", "alto",
                "PARAR", "basta"],
    Word.START: ["start", "UNSTOP"],
    Word.YES: ["yes"],
    Word.HELP: ["HELP", "info", "ayuda"],
}  # fmt: skip


@given(st.data(), st.sampled_from(Word), MARKS, MARKS)
def test_a_word_to_the_phone_company_is_one_only_if_it_is_the_whole_text(
    data: st.DataObject, word: Word, before: str, after: str
) -> None:
    """With marks around, in any case; not within a sentence, and not with a number."""
    said = data.draw(st.sampled_from(WORDS[word]))
    assert understood(before + said + after) == Understood(word=word)
    other = data.draw(st.text(string.ascii_letters, min_size=2).filter(lambda one: one.lower() != "all"))
    assert understood(f"{said} {other} {said}").word is None


@given(st.text())
def test_any_text_at_all_has_a_meaning_or_none(body: str) -> None:
    """Nothing raises, and a word and commands exclude each other."""
    meaning = understood(body)
    assert meaning.word is None or not meaning.commands
    is_reaction(body)


@pytest.mark.parametrize(
    "body",
    [
        "STOP 12345",
        "please stop",
        "I can't accept 1",
        "1",
        "1 2",
        "0a",
        "1000a",
        "a1 2",
        "ok",
        "привет 1a",
        "1a привет",
        "",
        "🙂",
        " ".join(f"{number}a" for number in range(1, 12)),
    ],
)
def test_a_text_is_understood_as_a_whole_or_not_at_all(body: str) -> None:
    """A sentence with a command in it is a sentence."""
    assert understood(body) == Understood()


@pytest.mark.parametrize("body", ["1A accept", "1a 1A", "accept 1 a", "1️⃣a", "\uff11\uff21"])
def test_what_says_the_same_twice_is_one_command(body: str) -> None:
    """As a phone's suggestion completes it."""
    assert understood(body).commands == (Command(Verb.ACCEPT, 1),)


def test_a_command_that_a_phone_has_completed_may_be_followed_by_another() -> None:
    """As each is by itself."""
    assert understood("1A accept 2E").commands == (Command(Verb.ACCEPT, 1), Command(Verb.HAND_OVER, 2))


@pytest.mark.parametrize("body", ["Liked “🚨 New CRITICAL task”", 'Loved "x"', "Le gustó “x”", "Reacted 👍 to “x”"])
def test_a_heart_on_a_text_is_no_text(body: str) -> None:
    """A phone sends it by itself."""
    assert is_reaction(body)
    assert not is_reaction("1a")
