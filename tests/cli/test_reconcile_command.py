"""`sequora reconcile`, on days that the jobs themselves have made."""

import json
from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner, Result
from orphans import STRANGER, an_orphan, it_is_at, with_clock_of
from phones import Phones
from runs import Runs, failure

from sequora_orchestration.channels import sms as channel_sms
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.messages.task_created import NEW_TASKS

DAY = timedelta(days=1)
TODAY = NOW.date().isoformat()


@pytest.fixture(autouse=True)
def a_day(care: Care, phones: Phones, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """NOW is the day before."""
    with_clock_of(care, phones, monkeypatch)


def run(*arguments: str) -> Result:
    """Run the command in this process, as a person does."""
    return CliRunner().invoke(sequora, ["reconcile", *arguments])


def told(care: Care, runs: Runs, phones: Phones) -> str:
    """Text a nurse about a new task, and return the text's SID."""
    care.a_task(care.a_nurse(NURSE_PHONE), created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    return phones(NURSE_PHONE).received_text().sid


def test_where_both_sides_agree_it_ends_with_0(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yesterday by default; with what was sent, by kind, and what it cost."""
    told(care, runs, phones)
    care.it_is(NOW + DAY)
    it_is_at(NOW + DAY, phones, monkeypatch)
    done = run()
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [
            f"Texts of {TODAY} (a day of UTC)",
            "ok the phone company and the ledger agree",
            "",
            "By kind",
            "                      texts  segments  without a price   price",
            "  task-created            1         3                0   0.02370 USD",
        ],
    ), done.output


def test_what_is_new_and_what_was_reported_already_is_told_apart(care: Care, runs: Runs, phones: Phones) -> None:
    """The command itself changes nothing: the nightly run reports, and what it has reported is marked."""
    sid = an_orphan(phones)
    care.it_is(NOW + DAY)
    for _ in range(2):
        done = run("--day", TODAY)
        assert done.exit_code == 1, done.output
        assert f"  {sid}  •••• {STRANGER[-4:]}  2026-03-02 15:00:00" in done.output
        assert "reported already" not in done.output
    assert care.one("SELECT count(*) FROM orchestration.orphan") == 0
    result = runs.launch("reconcile_texts")
    assert result.success, failure(result)
    done = run("--day", TODAY)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if sid in line]
    assert line.endswith("reported already")
    assert STRANGER not in done.output


def test_json_has_all_of_it_and_neither_numbers_nor_words(care: Care, runs: Runs, phones: Phones) -> None:
    """Also what a page leaves out after ten."""
    told(care, runs, phones)
    (text,) = phones(NURSE_PHONE).texts
    doubled = an_orphan(phones, to=NURSE_PHONE, body=text)
    sids = [an_orphan(phones) for _ in range(12)]
    care.it_is(NOW + DAY)
    done = run("--json")
    found = json.loads(done.output)
    assert done.exit_code == 1
    assert (found["day"], found["texts"]) == (TODAY, 14)
    first, *others = found["orphans"]
    assert (first["provider_id"], first["likeness"], first["recipient"]) == (doubled, "doubled", "•••• 0101")
    assert {one["provider_id"] for one in others} == set(sids)
    assert "fingerprint" not in first
    assert [one["is_serious"] for one in found["to_look_at"]] == [True, False]
    assert found["tallies"]["task-created"] == {"texts": 1, "segments": 3, "prices": {}, "unpriced": 1}
    assert NURSE_PHONE not in done.output
    assert "View:" not in done.output
    page = run()
    assert "Doubled: word for word a text of ours, and the ledger does not know it: 1" in page.output
    assert "this system has not sent: the first 10 of 12" in page.output


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (TODAY, "2026-03-02 is not over in UTC, by which days are counted here: it is 2026-03-02 15:00 there; the last "
                "whole day is 2026-03-01"),
        ("2026-03-09", "2026-03-09 is not over in UTC"),
        ("2024-01-01", "there is nothing to compare 2024-01-01 with: messages are kept for 400 days"),
        ("2.3.2026", "'2.3.2026' is no day: give YYYY-MM-DD"),
        ("", "'' is no day: give YYYY-MM-DD"),
    ],
)  # fmt: skip
def test_a_day_without_an_answer_ends_with_2_and_a_sentence(day: str, said: str) -> None:
    """Which says why."""
    done = run("--day", day)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_the_day_before_the_system_went_live_ends_with_2_and_a_sentence(care: Care) -> None:
    """The first night has no answer yet."""
    care.it_is(NOW + DAY)
    care.rows("UPDATE orchestration.go_live SET go_live_at = :live", live=NOW + DAY)
    done = run()
    assert (done.exit_code, done.output) == (
        2,
        f"there is nothing to compare {TODAY} with: this system has been live since 2026-03-03 15:00 UTC\n",
    )


@pytest.mark.parametrize(("status", "code"), [(401, 20003), (429, 20429), (503, 20503)])
def test_a_list_that_cannot_be_read_ends_with_2_and_a_sentence(
    care: Care, phones: Phones, status: int, code: int
) -> None:
    """Nothing is reported as missing then."""
    phones.company.list_answers.always(Refuse(status, code, f"not to {STRANGER}"))
    care.it_is(NOW + DAY)
    done = run()
    assert done.exit_code == 2
    assert done.output.startswith(f"the phone company's list could not be read (HTTP {status}, code {code})")
    assert STRANGER not in done.output
    assert "Traceback" not in done.output


def test_a_list_that_is_too_long_ends_with_2_and_a_sentence(
    care: Care, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no mistake of ours."""
    monkeypatch.setattr(channel_sms, "MOST_OF_A_DAY", 1)
    an_orphan(phones)
    care.it_is(NOW + DAY)
    done = run()
    assert done.exit_code == 2
    assert done.output == "the phone company's list has more than 0 texts: too long to be read\n"


def test_why_texts_have_no_price_is_said_of_those_that_will_have_one_and_of_those_that_never_will(
    care: Care, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that failed at once costs nothing, however long one waits."""
    phones.company.seconds_per_status = 100
    an_orphan(phones, validity_period=60)
    care.it_is(NOW + DAY)
    it_is_at(NOW + DAY, phones, monkeypatch)
    done = run()
    assert "went out" not in done.output
    assert "  unknown                 1         1                1   none\n" in done.output
    assert "What has no price is in no sum." in done.output
    assert "  text that failed may never have one.\n" in done.output


def test_on_a_day_without_texts_it_says_so(care: Care) -> None:
    """And the two sides agree."""
    care.it_is(NOW + DAY)
    done = run()
    assert done.exit_code == 0
    assert "no text went out from our sender" in done.output
