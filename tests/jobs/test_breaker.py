"""Provider trouble is one event: the breaker opens, rows wait, a trial text closes it."""

from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from attempts import begin
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs, failure

from sequora_orchestration.delivery import send as sending
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.twilio.scripted_answers import Answer, Hang, Refuse, ResetBeforeAccepting
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.twilio import TwilioSettings

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


def number(place: int) -> str:
    return f"+1202555{1000 + place}"


def tasks(care: Care, count: int, *, first: int = 0, **columns: object) -> list[str]:
    """Return tasks of a nurse each, with phones from `number(first)` on."""
    return [care.a_task(care.a_nurse(number(first + place)), created_at=NOW, **columns) for place in range(count)]


def attempts(phones: Phones, count: int) -> int:
    return sum(len(phones.company.attempts(number(place))) for place in range(count))


SUSPENDED = Refused(Refusal.CONFIGURATION, "suspended", 30002)

# What the table of codes does not know, or what comes from something before the phone company.
UNKNOWN = [Refuse(400, 99999), Refuse(403, 90010), Refuse(400, None), Refuse(405, None), Refuse(451, None)]

TROUBLES = [
    *UNKNOWN,
    Refuse(429, 20429),
    Refuse(500, 20500),
    Refuse(503, 20503),
    Hang(0, accept=False),
    ResetBeforeAccepting(),
]


@pytest.mark.parametrize("answer", TROUBLES)
def test_trouble_in_a_row_opens_the_breaker_and_the_rows_wait(
    care: Care, runs: Runs, phones: Phones, answer: Answer
) -> None:
    """Those under way when it opens and a few trials are tried; no attempt is burnt of the others."""
    waiting = tasks(care, 80)
    most = 5 + TwilioSettings.load().sequora_texts_at_a_time + 3
    phones.company.always(answer)
    runs.tick(NEW_TASKS)
    for _ in range(3):
        care.let_leases_expire()
        runs.tick(NEW_TASKS)
    assert runs.ledger.halts.provider(SMS).is_open
    assert 5 <= attempts(phones, 80) <= most
    assert "FAILED" not in care.states()
    assert sum(row["attempts"] for row in care.ledger()) <= most
    assert len(waiting) == 80


@pytest.mark.parametrize("answer", [Refuse(401, 20003), Refuse(403, 20005), Refuse(400, 21606)])
def test_one_configuration_error_is_enough_and_the_run_says_what_to_do(
    care: Care, runs: Runs, phones: Phones, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    """The rows wait unburnt, and the log says it once."""
    tasks(care, 20)
    phones.company.always(answer)
    (result,) = runs.tick(NEW_TASKS)
    assert "Check the TWILIO_… settings" in failure(result)
    assert {(row["state"], row["attempts"]) for row in care.ledger()} == {("QUEUED", 0)}
    assert runs.ledger.halts.provider(SMS).is_open
    for _ in range(3):
        care.let_the_trial_come()
        runs.tick(NEW_TASKS)
    assert caplog.text.count("the breaker is open, no text goes out") == 1


@pytest.mark.parametrize("answer", UNKNOWN)
def test_what_nobody_knows_burns_no_text_while_none_goes_out(
    care: Care, runs: Runs, phones: Phones, caplog: pytest.LogCaptureFixture, answer: Refuse
) -> None:
    """It is about us: one alarm says so, and all go out when it is mended."""
    tasks(care, 60)
    phones.company.always(answer)
    for minutes in range(6):
        care.it_is(NOW + timedelta(minutes=minutes))
        care.let_leases_expire()
        runs.tick(NEW_TASKS)
    assert set(care.states()) == {"QUEUED"}
    assert caplog.text.count("the breaker is open, no text goes out") == 1
    assert f"the phone company answered HTTP {answer.http_status}{_code(answer)}" in caplog.text
    phones.company.always(None)
    care.it_is(NOW + timedelta(minutes=10))
    while runs.tick(NEW_TASKS):
        pass
    assert set(care.states()) == {"SENT"}
    for text in phones.company.accepted():
        phones.expect(text)


def _code(answer: Refuse) -> str:
    return f" (code {answer.code})" if answer.code else ""


@pytest.mark.parametrize("answer", [*UNKNOWN, Refuse(429, 20429), Refuse(429, None)])
def test_a_text_alone_in_calm_is_never_given_up_for_what_nobody_knows(
    care: Care, runs: Runs, phones: Phones, answer: Refuse
) -> None:
    """It waits behind the breaker, however long that takes."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), created_at=NOW)
    phones.company.always(answer)
    for seconds in range(0, 1800, 30):
        care.it_is(NOW + seconds * SECOND)
        runs.tick(NEW_TASKS)
    assert care.states(task) == ["QUEUED"]
    assert runs.ledger.halts.provider(SMS).is_open
    assert phones(SUPERVISOR_PHONE).attempts == 0
    phones.company.always(None)
    care.it_is(NOW + 1900 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_while_one_number_alone_is_refused_others_are_texted_at_once(care: Care, runs: Runs, phones: Phones) -> None:
    """The breaker is open, for nobody knows better; somebody else's text shows that it is about this number."""
    care.a_supervisor()
    nurse = care.a_nurse()
    refused = [care.a_task(nurse, created_at=NOW, severity="CRITICAL") for _ in range(2)]
    phones.company.always(Refuse(400, 99999), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    assert runs.ledger.halts.provider(SMS).is_open
    for minutes in range(8):
        tasks(care, 1, first=minutes)
        runs.tick(NEW_TASKS)
        phones(number(minutes)).received_text()
        assert not runs.ledger.halts.provider(SMS).is_open
        care.it_is(NOW + timedelta(minutes=minutes + 1))
        runs.tick(NEW_TASKS)
    assert {state for task in refused for state in care.states(task)} == {"FAILED"}
    assert all(row["reason"].endswith("; others went out meanwhile") for task in refused for row in care.ledger(task))
    runs.tick(UNREACHED_NURSES)
    for task in refused:
        phones(SUPERVISOR_PHONE).received_text(containing=[task])


@pytest.mark.parametrize(("severity", "after"), [("CRITICAL", timedelta(0)), ("HIGH", timedelta(minutes=5))])
def test_a_nurse_who_alone_is_refused_is_told_to_a_supervisor(
    care: Care, runs: Runs, phones: Phones, severity: str, after: timedelta
) -> None:
    """At night no other text goes out that would show whom it is about; and she knows of nothing."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), created_at=NOW, severity=severity)
    phones.company.always(Refuse(400, 99999), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    if after:
        care.it_is(NOW + after - SECOND)
        assert runs.tick(UNREACHED_NURSES) == []
    care.it_is(NOW + after)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: the phone company answered HTTP 400", task])
    assert not runs.ledger.halts.provider(SMS).is_open
    assert runs.tick(UNREACHED_NURSES) == []


def test_what_a_refused_nurse_is_owed_besides_claims_nothing_and_asks_for_no_other_look(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """While only hers waits, the queue is as good as empty: what comes for others is looked for as ever."""
    nurse = care.a_nurse()
    care.a_task(nurse, created_at=NOW)
    phones.company.always(Refuse(400, 99999), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    care.a_task(nurse, created_at=NOW)
    claims = runs.ledger.claims.claim(NEW_TASKS)
    assert (list(claims), claims.more_waits) == ([], False)
    care.it_is(NOW + 31 * SECOND)
    assert len(runs.ledger.claims.claim(NEW_TASKS)) == 1


def test_a_pause_that_the_phone_company_wants_is_not_shortened(care: Care, runs: Runs, phones: Phones) -> None:
    """Not by the next answer, whatever that says."""
    tasks(care, 2)
    first, second = runs.ledger.claims.claim(NEW_TASKS)
    (one,), (other,) = (runs.ledger.leases.take_up(claim.id, f"run-{claim.id}") for claim in (first, second))
    assert begin(runs.ledger, one) == begin(runs.ledger, other) == 1
    runs.ledger.halts.note_trouble(SMS, Refused(Refusal.TRANSIENT, "busy", 20429, retry_after=200), at_once=False)
    runs.ledger.halts.note_trouble(SMS, Refused(Refusal.TRANSIENT, "busy", 20429, retry_after=1), at_once=False)
    assert runs.ledger.halts.provider(SMS).resume_at == NOW + 200 * SECOND
    runs.ledger.halts.note_trouble(SMS, Refused(Refusal.UNREACHABLE, "away"), at_once=True)
    assert runs.ledger.halts.provider(SMS).resume_at == NOW + 200 * SECOND
    assert phones.company.accepted() == []


def test_a_trial_that_ends_with_its_text_given_up_lets_the_next_one_go(care: Care, runs: Runs) -> None:
    """And does not hold everybody up until its lease is over."""
    tasks(care, 1)
    runs.ledger.halts.note_trouble(SMS, SUSPENDED, at_once=True)
    care.let_the_trial_come()
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (one,) = runs.ledger.leases.take_up(claim.id, "a run")
    assert begin(runs.ledger, one) == 1
    assert care.one("SELECT trial_until FROM orchestration.provider WHERE channel = 'SMS'") is not None
    runs.ledger.attempts.put_back(one, 1, SUSPENDED, pause=0)
    assert care.one("SELECT trial_until FROM orchestration.provider WHERE channel = 'SMS'") is None


def test_when_a_second_number_is_refused_all_wait_for_the_trial(care: Care, runs: Runs, phones: Phones) -> None:
    """Then it is about us."""
    tasks(care, 1)
    phones.company.always(Refuse(400, 99999))
    runs.tick(NEW_TASKS)
    tasks(care, 2, first=1)
    for _ in range(4):
        runs.tick(NEW_TASKS)
    assert len(phones.company.attempts(number(1))) + len(phones.company.attempts(number(2))) == 1


def test_one_that_went_out_when_the_trouble_began_does_not_speak_against_those_refused_since(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Several are under way at that moment: some are refused, and one is just accepted."""
    tasks(care, 1)
    phones.company.always(Refuse(400, 99999))
    runs.tick(NEW_TASKS)
    care.it_is(NOW + SECOND)
    accepted = care.a_task(care.a_nurse(), created_at=NOW)
    phones.company.always(None)
    runs.tick(NEW_TASKS)
    assert care.states(accepted) == ["SENT"]
    phones(NURSE_PHONE).received_text()
    phones.company.always(Refuse(400, 99999))
    for minutes in range(1, 30):
        care.it_is(NOW + timedelta(minutes=minutes))
        runs.tick(NEW_TASKS)
    assert sorted(care.states()) == ["QUEUED", "SENT"]


def test_a_number_refused_for_good_does_not_show_that_others_would_be_taken(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The messaging service has lost its numbers; that the recipient's is a landline is noticed before."""
    tasks(care, 2)
    phones.company.always(Refuse(400, 99999))
    for _ in range(2):
        runs.tick(NEW_TASKS)
    phones.company.always(Refuse(400, 21614), to=NURSE_PHONE)
    landline = care.a_task(care.a_nurse(), created_at=NOW, severity="CRITICAL")
    care.let_the_trial_come()
    runs.tick(NEW_TASKS)
    assert care.states(landline) == ["FAILED"]
    assert runs.ledger.halts.provider(SMS).is_open


def test_an_account_that_is_suspended_amid_a_burst_loses_no_text(care: Care, runs: Runs, phones: Phones) -> None:
    """Some went out before; the others do when it is active again."""
    tasks(care, 100)
    first, *others = runs.ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, first).success
    before = len(phones.company.accepted())
    phones.company.always(Refuse(403, 30002))
    for claim in others:
        runs.run(NEW_TASKS, claim)
    assert before == len(phones.company.accepted()) > 0
    assert set(care.states()) == {"SENT", "QUEUED"}
    phones.company.always(None)
    care.let_leases_expire()
    care.let_the_trial_come()
    while runs.tick(NEW_TASKS):
        pass
    assert set(care.states()) == {"SENT"}
    assert {len(phones.company.accepted(number(place))) for place in range(100)} == {1}
    for text in phones.company.accepted():
        phones.expect(text)


def test_a_trial_closes_the_breaker_and_the_backlog_drains_most_severe_first(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """One trial text; it is the most severe one that was not refused: there are more than a run sends at a time."""
    low, critical = tasks(care, 20, severity="LOW"), tasks(care, 30, first=20, severity="CRITICAL")
    phones.company.always(Refuse(401, 20003))
    runs.tick(NEW_TASKS)
    phones.company.always(None)
    care.it_is(NOW + 14 * SECOND)
    assert runs.tick(NEW_TASKS) == []
    care.it_is(NOW + 31 * SECOND)
    (trial,) = runs.tick(NEW_TASKS)
    assert trial.success
    assert len(phones.company.accepted()) == 1
    assert not runs.ledger.halts.provider(SMS).is_open
    while runs.tick(NEW_TASKS):
        pass
    texted = [text.body.rsplit("/", 1)[1] for text in phones.company.accepted()]
    assert set(texted[:30]) == set(critical)
    assert set(texted[30:]) == set(low)
    for text in phones.company.accepted():
        phones.expect(text)


def test_trials_become_rarer_while_the_trouble_lasts(care: Care, runs: Runs, phones: Phones) -> None:
    """After 15, 30 and then every 60 seconds; one text each."""
    tasks(care, 3)
    phones.company.always(Refuse(401, 20003))
    moments = []
    for seconds in range(0, 300, 5):
        care.it_is(NOW + seconds * SECOND)
        before = attempts(phones, 3)
        runs.tick(NEW_TASKS)
        if attempts(phones, 3) > before:
            moments.append(seconds)
    assert moments[:4] == [0, 15, 30, 60]
    assert all(later - earlier == 60 for earlier, later in pairwise(moments[4:]))


def test_while_a_trial_is_under_way_no_other_text_goes_out(care: Care, runs: Runs, phones: Phones) -> None:
    """Also by hand, and in runs that were queued before."""
    tasks(care, 3)
    ledger = runs.ledger
    claims = ledger.claims.claim(NEW_TASKS)
    ledger.halts.note_trouble(SMS, SUSPENDED, at_once=True)
    care.let_the_trial_come()
    (first,), (second,) = (ledger.leases.take_up(claim.id, f"run-{claim.id}") for claim in claims[:2])
    assert begin(ledger, first) == 1
    assert begin(ledger, second) is None
    assert ledger.claims.claim(NEW_TASKS) == []
    (result,) = [runs.run(NEW_TASKS, claims[2])]
    assert result.success
    assert sorted(care.states()) == ["QUEUED", "QUEUED", "SENDING"]
    assert phones.company.accepted() == []


def test_a_refusal_for_good_shows_that_the_phone_company_answers(care: Care, runs: Runs, phones: Phones) -> None:
    """It could not be reached, and the trial's number is a landline: the breaker closes."""
    runs.ledger.halts.note_trouble(SMS, Refused(Refusal.UNREACHABLE, "away"), at_once=True)
    care.let_the_trial_come()
    tasks(care, 1)
    phones.company.script(Refuse(400, 21614), to=number(0))
    runs.tick(NEW_TASKS)
    assert not runs.ledger.halts.provider(SMS).is_open


def test_a_number_that_is_always_refused_for_now_does_not_stop_its_neighbours(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """A text that was never processed is not given up: it waits, and the first that is taken closes the breaker."""
    phones.company.always(Refuse(429, 20429), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"]) == ("QUEUED", 3)
    assert runs.ledger.halts.provider(SMS).is_open
    tasks(care, 1)
    care.it_is(NOW + 16 * SECOND)
    runs.tick(NEW_TASKS)
    phones(number(0)).received_text()
    assert not runs.ledger.halts.provider(SMS).is_open
    phones.company.always(None, to=NURSE_PHONE)
    care.it_is(NOW + 60 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_a_text_in_calm_outlasts_an_outage(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers at the phone company's address: the breaker opens on the last attempt, which is not burnt."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    with monkeypatch.context() as away:
        away.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{free_port()}")
        runs.tick(NEW_TASKS)
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"]) == ("QUEUED", 3)
    assert runs.ledger.halts.provider(SMS).is_open
    care.it_is(NOW + 60 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert care.states(task) == ["SENT"]


def test_retry_after_is_honoured_without_opening_the_breaker(care: Care, runs: Runs, phones: Phones) -> None:
    """For all texts, and without burning the attempt."""
    first, second = care.a_task(care.a_nurse(), created_at=NOW), care.a_task(care.a_nurse(number(2)), created_at=NOW)
    phones.company.script(Refuse(429, 20429, retry_after=40))
    claims = runs.ledger.claims.claim(NEW_TASKS)
    for claim in claims:
        assert runs.run(NEW_TASKS, claim).success
    assert phones.company.accepted() == []
    assert not runs.ledger.halts.provider(SMS).is_open
    assert sorted(row["attempts"] for row in care.ledger()) == [0, 0]
    care.it_is(NOW + 39 * SECOND)
    assert runs.tick(NEW_TASKS) == []
    care.it_is(NOW + 41 * SECOND)
    runs.tick(NEW_TASKS)
    assert care.states(first) == care.states(second) == ["SENT"]
    for text in phones.company.accepted():
        phones.expect(text)


def test_the_senders_rate_is_kept_and_shared(care: Care) -> None:
    """Turns follow one another, whoever takes them; what is on its way is no more than some seconds of it."""
    ledgers = [Ledger(care.engine, delivery=DeliverySettings(sequora_sender_rate=3)) for _ in range(2)]
    waits = [ledgers[turn % 2].halts.take_turn(SMS, cost=3) for turn in range(4)]
    assert waits == pytest.approx([0, 1, 2, 3])
    care.it_is(NOW + timedelta(minutes=1))
    assert ledgers[0].halts.take_turn(SMS, cost=1) == 0
    tasks(care, 40)
    claims = ledgers[0].claims.claim(NEW_TASKS)
    assert sum(len(claim.subjects) for claim in claims) == 5
    assert ledgers[1].claims.claim(NEW_TASKS) == []


def test_without_a_rate_nobody_waits(care: Care, ledger: Ledger) -> None:
    """And nothing is written for it."""
    assert [ledger.halts.take_turn(SMS, cost=3) for _ in range(3)] == [0, 0, 0]
    assert care.one("SELECT next_slot FROM orchestration.provider WHERE channel = 'SMS'") is None


def test_a_process_that_stood_still_before_its_call_does_not_call(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may have taken the text for abandoned by then."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    with monkeypatch.context() as still:
        still.setattr(sending, "LATEST_CALL", -1)
        for number in range(6):
            care.it_is(NOW + 10 * number * SECOND)
            runs.tick(NEW_TASKS)
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"]) == ("QUEUED", 0)
    assert phones(NURSE_PHONE).attempts == 0
    assert not runs.ledger.halts.provider(SMS).is_open
    care.it_is(NOW + 70 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_a_scan_takes_everything_whatever_the_senders_rate(care: Care) -> None:
    """It comes every five minutes only, and paces its texts itself."""
    for _ in range(10):
        care.a_task(care.a_nurse(), created_at=NOW - timedelta(hours=1), sla_due_at=NOW + timedelta(minutes=30))
    ledger = Ledger(care.engine, delivery=DeliverySettings(sequora_sender_rate=1))
    assert len(ledger.claims.claim_all(TASKS_NEAR_SLA, str(uuid4()))) == 10


def test_a_text_that_alone_is_refused_like_all_is_given_up(care: Care, runs: Runs, phones: Phones) -> None:
    """Others go out meanwhile: it is not the account."""
    care.a_supervisor()
    phones.company.always(Refuse(401, 20003), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=NOW, severity="CRITICAL")
    for minutes in range(10):
        care.it_is(NOW + timedelta(minutes=minutes))
        care.a_task(care.a_nurse(number(minutes)), created_at=NOW)
        for _ in range(3):
            runs.tick(NEW_TASKS)
    (row,) = care.ledger(task)
    assert row["state"] == "FAILED"
    assert row["reason"].endswith("; others went out meanwhile")
    assert phones(NURSE_PHONE).attempts == 4
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=[task])
    for text in phones.company.accepted():
        phones.expect(text)


def test_what_went_out_before_a_configuration_error_does_not_speak_against_a_text(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The token is revoked for five minutes, with one task waiting: it goes out when it is mended."""
    tasks(care, 1)
    runs.tick(NEW_TASKS)
    phones(number(0)).received_text()
    phones.company.always(Refuse(401, 20003))
    waiting = care.a_task(care.a_nurse(), created_at=NOW)
    for seconds in range(0, 300, 15):
        care.it_is(NOW + seconds * SECOND)
        runs.tick(NEW_TASKS)
    assert care.states(waiting) == ["QUEUED"]
    phones.company.always(None)
    care.it_is(NOW + 400 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
