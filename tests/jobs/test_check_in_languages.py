"""The check-in in the patient's own language, with a file of texts, as Dagster runs it."""

from datetime import timedelta
from pathlib import Path

import pytest
from care import NOW, NURSE_PHONE, PATIENT_PHONE, Care
from doubts import looked_for
from phones import Phones
from runs import Runs

from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio.scripted_answers import Answer, ResetAfterAccepting, ResetBeforeAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.task_created import NEW_TASKS

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

VIETNAMESE = (
    "Chào Thị Hương, đây là nhóm chăm sóc của quý vị tại Sequora. Hôm nay quý vị thấy thế nào? Quý vị cứ trả lời tin "
    "này, chúng tôi sẽ đọc. Khẩn cấp xin gọi 911. Trả lời STOP để ngừng nhận tin."
)
ARABIC = (
    "مرحبًا فاطمة، معكم فريق الرعاية الخاص بكم في Sequora. كيف تشعرون اليوم؟ يمكنكم الرد على هذه الرسالة وسنقرأ "
    "ردكم. في حالات الطوارئ اتصلوا بالرقم 911. أرسلوا STOP لإيقاف هذه الرسائل."
)
SWITCHED_ON = '[check-in.vi]\nuse = "built-in"\n[check-in.ar]\nuse = "built-in"\n'

pytestmark = pytest.mark.usefixtures("stopped_clock")


def write(directory: Path, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a file of texts and name it: as a process reads it that starts now."""
    file = directory / f"{len(list(directory.iterdir()))}.toml"
    file.write_text(words, encoding="utf-8")
    monkeypatch.setenv("SEQUORA_TEXTS", str(file))


@pytest.mark.parametrize(
    ("code", "name", "text"),
    [
        ("vi", "Thị Hương", VIETNAMESE),
        ("VI_vn", "Thị Hương", VIETNAMESE),
        ("ar", "فاطمة", ARABIC),
        ("ar-EG", "فاطمة", ARABIC),
    ],
    ids=["vi", "VI_vn", "ar", "ar-EG"],
)
def test_a_patient_is_asked_in_a_language_that_the_file_switches_on(
    care: Care,
    runs: Runs,
    phones: Phones,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    name: str,
    text: str,
) -> None:
    """To the letter, with the name in its own; in three segments at most."""
    write(tmp_path, SWITCHED_ON, monkeypatch)
    care.an_episode(care.a_patient(first_name=name, language_code=code), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + DAY)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    received = phones(PATIENT_PHONE).received_text()
    assert received.body == text
    assert segments(received.body) <= 3


def test_without_a_file_such_a_patient_is_asked_in_english(care: Care, runs: Runs, phones: Phones) -> None:
    """Nobody has confirmed the words."""
    care.an_episode(care.a_patient(first_name="Thị Hương", language_code="vi"), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + DAY)
    runs.tick(DUE_CHECK_INS)
    assert phones(PATIENT_PHONE).received_text().body.startswith("Hi Thi Huong, this is your care team")


def test_a_file_with_a_mistake_sends_nothing_and_loses_nothing(
    care: Care, runs: Runs, phones: Phones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the texts that it does not name; mended, all goes out."""
    write(tmp_path, '[check-in.vn]\nuse = "built-in"\n', monkeypatch)
    task = care.a_task(care.a_nurse())
    (result,) = runs.tick(NEW_TASKS)
    assert not result.success
    phones(NURSE_PHONE).received_no_text()
    write(tmp_path, SWITCHED_ON, monkeypatch)
    care.let_leases_expire()
    runs.tick(NEW_TASKS)
    assert phones(NURSE_PHONE).received_text(containing=[task])


@pytest.mark.parametrize(
    ("answer", "words"), [(ResetAfterAccepting(), ["New HIGH"]), (ResetBeforeAccepting(), ["Look:"])]
)
def test_a_text_in_doubt_is_looked_for_in_the_words_in_which_it_was_tried(
    care: Care,
    runs: Runs,
    phones: Phones,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    words: list[str],
) -> None:
    """Whatever the file says by then: what Twilio has is adopted, and what it lacks is sent in the new words."""
    phones.company.script(answer, to=NURSE_PHONE)
    task = care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["IN_DOUBT"]
    write(tmp_path, '[task-created]\ntext = "Look: {severity} {link}"\n', monkeypatch)
    looked_for(care, runs)
    care.it_is(NOW + 120 * SECOND)
    runs.tick(NEW_TASKS)
    assert phones(NURSE_PHONE).received_text(containing=words)
    assert care.states(task) == ["SENT"]
    assert len(phones(NURSE_PHONE).texts) == 1
