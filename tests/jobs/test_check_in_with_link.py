"""The link in a check-in: texted if there is one, missed by nobody if there is none, and kept nowhere."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from care import NURSE_PHONE, PATIENT_PHONE, Care
from leaks import Marks, in_tables
from link_service import LINK, Asked, Behaviour, LinkService, answers, hangs_up, running_link_service, says_nothing
from phones import Phones
from runs import Runs

from sequora_orchestration.care import check_in_link
from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.care.check_in_link import LinkAsker
from sequora_orchestration.channels.doors import open_channels
from sequora_orchestration.delivery import send as sending
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.domain.gsm_7 import is_gsm_7, segments
from sequora_orchestration.ledger.claims import FEW
from sequora_orchestration.ledger.leases import MOST_RUNS
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetAfterAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.sensors.certainty import doubtful_texts

NEW_YORK = ZoneInfo("America/New_York")
MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=NEW_YORK)
DAY = timedelta(days=1)
TOKEN = "Zqtoken"

# As many phones as are texted by one run.
MANY = [f"+1202555016{last}" for last in range(FEW + 3)]

# Whatever a link, its answer or the token may be known by, and who is texted.
MARKS = Marks(words=["zqlink", "zqtoken", "Zqellen"], national_numbers=[PATIENT_PHONE[-10:]])


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkService]:
    """The application, which makes links, and the settings that say so."""
    with running_link_service() as service:
        monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", service.url)
        monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_TOKEN", TOKEN)
        yield service


def due(care: Care, runs: Runs, *phones: str, **of_the_patient: str) -> list[str]:
    """Let it be the moment at which the check-ins on as many patients are due, and return their episodes."""
    care.it_is(MONDAY_NOON)
    patient = {"first_name": "Zqellen", **of_the_patient}
    episodes = [
        care.an_episode(care.a_patient(phone, **patient), created_at=MONDAY_NOON) for phone in phones or [PATIENT_PHONE]
    ]
    runs.tick(NEW_EPISODES)
    care.it_is(MONDAY_NOON + DAY)
    return episodes


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return the lines about missing links."""
    return [one for one in caplog.records if "without a link" in one.getMessage()]


# --- with a link ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("EN", ["Hi ", "You can also use this link:", "In an emergency call 911.", "Reply STOP"]),
        ("ES", ["Hola ", "También puede usar este enlace:", "En una emergencia llame al 911.", "Responda STOP"]),
    ],
)
@pytest.mark.parametrize("link", [LINK, "https://care.example/" + "a" * 179])
def test_a_check_in_is_texted_with_its_link(
    care: Care, runs: Runs, phones: Phones, service: LinkService, language: str, parts: list[str], link: str
) -> None:
    """In both languages, three segments at most, with all that the text says without one."""
    service.always = answers({"url": link, "expires_at": "2026-03-04T12:00:00"})
    due(care, runs, first_name="A" * 20, language_code=language)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    text = phones(PATIENT_PHONE).received_text(containing=[*parts, f"\n{link}\n"])
    assert is_gsm_7(text.body)
    assert segments(text.body) <= 3
    (row,) = care.ledger(kind="check-in")
    assert (row["state"], row["provider_sid"]) == ("SENT", text.sid)


def test_the_application_is_told_of_ids_alone(care: Care, runs: Runs, phones: Phones, service: LinkService) -> None:
    """With the token, once a text, and when the text is about to go out: scheduling asks nobody."""
    (episode,) = due(care, runs)
    assert service.asked == []
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    (asked,) = service.asked
    assert asked.ids == {"patient_id": care.one('SELECT id::text FROM "Patient"'), "episode_id": episode}
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


def test_each_patient_of_a_run_gets_a_link_of_their_own(
    care: Care, runs: Runs, phones: Phones, service: LinkService
) -> None:
    """However many are texted at the same time."""
    service.always = lambda asked: answers({"url": f"https://care.example/{asked.ids['patient_id']}"})(asked)
    due(care, runs, *MANY)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    for row in care.rows('SELECT id::text, primary_phone FROM "Patient"'):
        phones(row["primary_phone"]).received_text(containing=[f"\nhttps://care.example/{row['id']}\n"])
    assert len(service.asked) == len(MANY)


def test_a_text_that_is_tried_again_has_a_link_of_its_own(
    care: Care, runs: Runs, phones: Phones, service: LinkService
) -> None:
    """The first one went nowhere, and may have expired."""
    service.behaviours = [answers({"url": f"{LINK}/first"}), answers({"url": f"{LINK}/second"})]
    phones.company.script(Refuse(429, 20429), to=PATIENT_PHONE)
    due(care, runs)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    assert f"\n{LINK}/second\n" in phones(PATIENT_PHONE).received_text().body
    assert len(service.asked) == phones(PATIENT_PHONE).attempts == 2


def test_a_check_in_with_a_link_is_found_again_when_it_is_in_doubt(
    care: Care, runs: Runs, phones: Phones, service: LinkService
) -> None:
    """By the digest of the text as it went out; no other link is asked for."""
    phones.company.script(ResetAfterAccepting(), to=PATIENT_PHONE)
    due(care, runs)
    runs.tick(DUE_CHECK_INS)
    assert care.states(kind="check-in") == ["IN_DOUBT"]
    text = phones(PATIENT_PHONE).received_text(containing=[LINK])
    care.it_is(MONDAY_NOON + DAY + timedelta(seconds=5))
    runs.sensor(doubtful_texts)
    (row,) = care.ledger(kind="check-in")
    assert (row["state"], row["provider_sid"]) == ("SENT", text.sid)
    assert len(service.asked) == 1


# --- without one ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "why", "requests"),
    [
        (answers({"error": "Zqlink"}, 403), "the service answers 403", 1),
        (answers({"url": LINK}, 503), "the service answers 503, after 4 tries", 4),
        (answers({"url": LINK}, 307, location=LINK), "the service answers 307", 1),
        (hangs_up, "the service cannot be reached (ConnectionError), after 4 tries", 4),
        (answers(b"Zqlink"), "the answer is no JSON", 1),
        (answers({"url": "http://care.example/Zqlink"}), "the answer's url must begin with https://", 1),
        (answers({"url": LINK, "expires_at": "2026-03-03T16:59:59Z"}), "the answer's link has expired", 1),
    ],
)
def test_without_a_link_the_check_in_goes_out_all_the_same(
    care: Care,
    runs: Runs,
    phones: Phones,
    service: LinkService,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
    why: str,
    requests: int,
) -> None:
    """To the letter as ever, and one line says why, with the message's id."""
    service.always = behaviour
    (episode,) = due(care, runs)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    assert phones(PATIENT_PHONE).received_text().body == (
        "Hi Zqellen, this is your care team at Sequora. How are you feeling today? You can answer this text and we "
        "will read it. In an emergency call 911. Reply STOP to end these texts."
    )
    (row,) = care.ledger(kind="check-in")
    assert row["state"] == "SENT"
    assert len(service.asked) == requests
    (warned,) = warnings(caplog)
    assert warned.levelno == logging.WARNING
    assert warned.getMessage().startswith(f"episode {episode}: texted without a link: {why}")
    assert warned.notification == str(row["id"])  # type: ignore[attr-defined]


def test_a_service_that_does_not_answer_holds_up_no_check_in(
    care: Care,
    runs: Runs,
    phones: Phones,
    service: LinkService,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its patience is over four times, and then the text goes out."""
    monkeypatch.setattr(check_in_link, "PATIENCE", 0.1)
    service.always = says_nothing
    due(care, runs)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text(containing=["read it. In an emergency"])
    assert len(service.asked) == 4
    assert len(warnings(caplog)) == 1


def test_while_the_service_is_down_a_run_of_several_asks_for_the_first_alone(
    care: Care, runs: Runs, phones: Phones, service: LinkService, caplog: pytest.LogCaptureFixture
) -> None:
    """Four times in all, however many are texted; each has its line. So it is with the next run."""
    service.always = answers({}, 503)
    due(care, runs, *MANY)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    assert len(service.asked) == 4
    for number in MANY:
        phones(number).received_text(containing=["read it. In an emergency"])
    said = [one.getMessage().split("without a link: ")[1] for one in warnings(caplog)]
    assert sorted(said) == [
        "the service answers 503, after 4 tries",
        *["the service has not answered just before"] * (len(MANY) - 1),
    ]
    due(care, runs)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text(containing=["read it. In an emergency"])
    assert len(service.asked) == 4


def test_where_nothing_is_set_nobody_is_asked(
    care: Care,
    runs: Runs,
    phones: Phones,
    service: LinkService,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing is said of it."""
    monkeypatch.delenv("SEQUORA_CHECK_IN_LINK_URL")
    due(care, runs)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text(containing=["read it. In an emergency"])
    assert service.asked == []
    assert warnings(caplog) == []


def test_an_address_that_is_wrong_stops_check_ins_and_no_other_text(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run says what to do; once that is done the check-in goes out."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", "http://care.example/Zqlink")
    due(care, runs)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert not result.success
    assert "SEQUORA_CHECK_IN_LINK_URL must begin with https://" in "".join(map(repr, result.all_events))
    assert "Zqlink" not in "".join(map(repr, result.all_events))
    care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    monkeypatch.delenv("SEQUORA_CHECK_IN_LINK_URL")
    care.let_leases_expire()
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()


def test_a_wrong_address_costs_no_check_in_however_many_runs_it_fails(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process lives: the message is not what it dies of, and nobody sets it aside."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", "http://care.example/Zqlink")
    due(care, runs)
    for _ in range(MOST_RUNS + 1):
        (result,) = runs.tick(DUE_CHECK_INS)
        assert not result.success
        care.let_leases_expire()
        runs.ledger.doubts.set_aside_what_died()
    monkeypatch.delenv("SEQUORA_CHECK_IN_LINK_URL")
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()


# --- who is not asked about -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        'DELETE FROM "Episode"',
        'DELETE FROM "Patient"',
        """UPDATE "Patient" SET primary_phone = '555-CALL-ME'""",
        """UPDATE "Patient" SET timezone = 'Asia/Tokyo'""",
    ],
)
def test_for_a_text_that_does_not_go_out_no_link_is_made(
    care: Care, runs: Runs, phones: Phones, service: LinkService, change: str
) -> None:
    """Not wanted, not reachable, or not at night."""
    due(care, runs)
    care.rows(change)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_no_text()
    assert service.asked == []


@pytest.mark.usefixtures("environment")
def test_for_somebody_who_has_opted_out_no_link_is_made(
    care: Care, runs: Runs, care_database: CareDatabase, phones: Phones, service: LinkService
) -> None:
    """Also where a run consists of the last step alone."""
    due(care, runs)
    runs.ledger.opt_outs.remember_opt_out(PATIENT_PHONE, None)
    (claim,) = runs.ledger.claims.claim(DUE_CHECK_INS)
    waiting = runs.ledger.leases.take_up(claim.id, "a-run")
    sending.send(a_delivery(runs, care_database, service), waiting)
    (row,) = care.ledger(kind="check-in")
    assert (row["state"], row["reason"]) == ("CANCELLED", "opted out: the patient's number has replied STOP")
    assert phones(PATIENT_PHONE).attempts == len(service.asked) == 0


def a_delivery(runs: Runs, care_database: CareDatabase, service: LinkService) -> Delivery:
    """Return what sends texts that may have a link."""
    return Delivery(
        ledger=runs.ledger,
        care=care_database,
        channels=open_channels(),
        wording=Wording(app_url="https://app.example.com"),
        run_id="a-run",
        link_asker=lambda: LinkAsker(url=service.url, waits=(0, 0, 0), patience=5),
    )


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("""UPDATE "Patient" SET primary_phone = NULL""", "FAILED"),
        ("""UPDATE "Patient" SET timezone = 'Asia/Tokyo'""", "SCHEDULED"),
        ('DELETE FROM "Episode"', "CANCELLED"),
    ],
)
def test_what_changes_while_a_link_is_asked_for_still_counts(
    care: Care,
    runs: Runs,
    care_database: CareDatabase,
    phones: Phones,
    service: LinkService,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    state: str,
) -> None:
    """The rules are asked once more when the answer was slow: here, however quick it is."""
    monkeypatch.setattr(sending, "LOOK_HOLDS", 0)
    due(care, runs)
    service.always = after(care, change)
    (claim,) = runs.ledger.claims.claim(DUE_CHECK_INS)
    waiting = runs.ledger.leases.take_up(claim.id, "a-run")
    sending.send(a_delivery(runs, care_database, service), waiting)
    assert care.states(kind="check-in") == [state]
    assert phones(PATIENT_PHONE).attempts == 0


def after(care: Care, change: str, **parameters: object) -> Behaviour:
    """Change the application's rows, and answer with a link."""

    def answer(asked: Asked) -> None:
        care.rows(change, **parameters)
        answers({"url": LINK})(asked)

    return answer


@pytest.mark.usefixtures("environment")
def test_nobody_is_texted_the_link_of_another(
    care: Care,
    runs: Runs,
    care_database: CareDatabase,
    phones: Phones,
    service: LinkService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The episode turns out to be another patient's while the link is made: that one is texted without."""
    monkeypatch.setattr(sending, "LOOK_HOLDS", 0)
    due(care, runs)
    other = care.a_patient("+12025550159")
    service.always = after(care, 'UPDATE "Episode" SET patient_id = :other', other=other)
    (claim,) = runs.ledger.claims.claim(DUE_CHECK_INS)
    waiting = runs.ledger.leases.take_up(claim.id, "a-run")
    sending.send(a_delivery(runs, care_database, service), waiting)
    assert len(service.asked) == 1
    phones("+12025550159").received_text(containing=["read it. In an emergency"])
    assert phones(PATIENT_PHONE).attempts == 0


# --- it is kept nowhere -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        answers({"url": LINK}),
        answers({"url": LINK, "expires_at": "2026-03-03T16:59:59Z"}),
        answers({"url": LINK}, 500),
        answers({"url": LINK}, 302, location=LINK),
        answers({"url": f"http://zqlink@care.example/{LINK}"}),
        answers(f'{{"url": "{LINK}"'.encode()),
    ],
)
def test_neither_link_nor_token_is_kept_or_logged(
    care: Care, runs: Runs, phones: Phones, service: LinkService, caplog: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    """In no table of the database, no event of the run, no line of the log, however much is logged."""
    caplog.set_level(logging.DEBUG)
    service.always = behaviour
    due(care, runs)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    phones(PATIENT_PHONE).received_text()
    logged = "\n".join(f"{one.getMessage()} {vars(one)}" for one in caplog.records)
    events = "".join(repr(runs.instance.all_logs(run.run_id)) for run in runs.instance.get_runs())
    assert "urllib3" in logged
    assert "episode" in events
    left = {**in_tables(care.engine, but=['public."Patient"']), "log": logged, "events": events}
    assert "orchestration.notification" in left
    assert MARKS.found_in(left) == []
