"""The answer to commands: a line for each, and never more than the phone company takes as one text."""

from dataclasses import replace

from facts import APP_URL, WORDING
from hypothesis import example, given
from hypothesis import strategies as st

from sequora_orchestration.domain.answering import Answered, Outcome
from sequora_orchestration.domain.commands import MOST_COMMANDS, Verb
from sequora_orchestration.domain.gsm_7 import units_of_ucs_2
from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.reply import reply_text
from sequora_orchestration.messages.texts_file import given_by
from sequora_orchestration.messages.wording import Wording

LONGEST_TEXT = 1600  # Twilio error 21617
NOT_TAKEN = Answered(
    verb=Verb.HAND_OVER, number=1, task_id="0f8fad5b-d9cb-469f-a165-70867728950e", outcome=Outcome.NOT_WRITTEN
)
CLOSED = replace(NOT_TAKEN, outcome=Outcome.CLOSED)


def of_a_file(source: str, app_url: str = APP_URL) -> Wording:
    """Return the wording with a file."""
    return Wording(app_url=app_url, given=given_by(source.encode(), PHRASES, app_url))


def commands(answered: Answered, count: int = MOST_COMMANDS) -> list[Answered]:
    """Return as many commands as one text may have, all with the same outcome."""
    return [replace(answered, number=number) for number in range(1, count + 1)]


def test_each_command_has_a_line_and_without_any_there_is_the_help() -> None:
    """In the order in which they came."""
    assert reply_text([CLOSED, replace(CLOSED, number=7)], WORDING) == (
        "1E: that task is closed already.\n7E: that task is closed already."
    )
    assert reply_text([], WORDING).startswith("Sequora: to answer a text about a task")


def test_our_longest_answers_to_as_many_commands_as_there_may_be_have_room() -> None:
    """With an application whose address is not too long."""
    assert len(reply_text(commands(NOT_TAKEN), WORDING).split("\n")) == MOST_COMMANDS


def test_answers_that_have_no_room_are_left_out_whole_and_counted() -> None:
    """A clinic may say each with many words; the phone company would refuse all of them together."""
    words = "{command}: " + "ặ" * 250
    *whole, last = reply_text(commands(CLOSED), of_a_file(f'[reply]\nclosed = "{words}"')).split("\n")
    assert whole == [words.format(command=f"{number}E") for number in range(1, 6)]
    assert last == f"Answers that had no room here: 5. Please look at your tasks in the app: {APP_URL}/tasks"


def test_with_words_of_the_clinic_the_count_has_room_too() -> None:
    """However long those are."""
    wording = of_a_file(
        f'[reply]\nclosed = "{{command}}: {"a" * 590}"\nmore = "{"b" * 480} {{count}} {{link}}"',
    )
    *whole, last = reply_text(commands(CLOSED), wording).split("\n")
    assert [line[:4] for line in whole] == ["1E: "]
    assert last == f"{'b' * 480} 9 {APP_URL}/tasks"


@given(
    st.lists(
        st.builds(
            Answered,
            verb=st.sampled_from(Verb),
            number=st.none() | st.integers(1, 999),
            task_id=st.none() | st.text(alphabet=st.characters(codec="utf-8"), max_size=600),
            outcome=st.sampled_from(Outcome),
        ),
        max_size=MOST_COMMANDS,
    ),
    st.integers(1, 120),
)
@example([replace(NOT_TAKEN, task_id="é" * 60)] * MOST_COMMANDS, 20)
@example([replace(NOT_TAKEN, task_id="é" * 600)], 20)
def test_no_answer_is_longer_than_the_phone_company_takes(answered: list[Answered], length: int) -> None:
    """Whatever became of the commands, whatever their tasks are called, however long the application's address is."""
    wording = of_a_file("", f"https://{'a' * length}.example")
    assert units_of_ucs_2(reply_text(answered, wording)) <= LONGEST_TEXT
