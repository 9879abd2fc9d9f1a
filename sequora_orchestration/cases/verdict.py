"""Was this nurse told, when, and if not why not; and must somebody act.

Somebody must act where a person is needed who has not been told so by a text: where texts stand still, where nobody
could be told, or where a decision is asked for. A nurse who was not reached is the supervisor's business once the
supervisor has been told, and so no longer anybody's who asks here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sequora_orchestration.cases.alone import of_message
from sequora_orchestration.cases.assigned import is_of_this_sla, is_open, is_silent, nurse_of
from sequora_orchestration.cases.assignee import of_assignee, of_silent
from sequora_orchestration.cases.judged import (
    ACCEPTED,
    DECIDE,
    NOT_REACHED,
    UNDER_WAY,
    Verdict,
    about,
    called_off,
    not_called_off,
    of_doubtful,
    of_missing,
    of_waiting,
    owed_now,
    when,
    who,
    why,
)
from sequora_orchestration.cases.known_kinds import alerts_to
from sequora_orchestration.cases.patient import of_patient
from sequora_orchestration.cases.supervisors import of_unanswered, of_unreached
from sequora_orchestration.domain.case import Case, EpisodeCase, MessageCase, Story, TaskCase
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.awaited import PATIENCE
from sequora_orchestration.messages.kind import Audience


def verdicts(case: Case) -> list[Verdict]:
    """Return what holds for a case: first whether its recipient was told, then all else that matters."""
    if isinstance(case, MessageCase):
        return list(of_message(case))
    if isinstance(case, EpisodeCase):
        return [*of_patient(case), *(_in_short(task) for task in case.tasks)]
    told = of_assignee(case)
    if not is_open(case):
        return [told]
    found = [told, *_alerts(case)]
    found += _missing(case, found, to=Audience.ASSIGNEE)
    found += _decisions(case, found)
    found += _troubles(case, [one for one in found if not one.is_healthy])
    return [*found, *_missing(case, found), *_unlogged(case)]


def is_healthy(found: Sequence[Verdict]) -> bool:
    """Tell whether nobody needs to act."""
    return all(one.is_healthy for one in found)


def _in_short(case: TaskCase) -> Verdict:
    found = verdicts(case)
    first = next((one for one in found if not one.is_healthy), found[0])
    return Verdict(sentence=f"task {case.id}: {first.sentence}", to_do=first.to_do)


# --- what is owed and has no row --------------------------------------------------------------------------------------


def _missing(case: TaskCase, found: Sequence[Verdict], *, to: Audience | None = None) -> list[Verdict]:
    """Return what is to be said of messages that are owed, to an audience or any, and that nobody has made."""
    said = [owed for one in found for owed in one.owed]
    missing = [one for one in owed_now(case) if one not in said and (to is None or one.audience == to)]
    return [of_missing(case, one) for one in missing]


# --- what a nurse was alerted to --------------------------------------------------------------------------------------


def _alerts(case: TaskCase) -> Iterator[Verdict]:
    """Yield of each kind of alert: was the nurse alerted, and was a supervisor told if nobody acted on it."""
    about_sla = [one for one in not_called_off(case.messages) if is_of_this_sla(case, one)]
    for alert in {one.kind: one for one in about_sla}.values():  # the newest of its kind
        if told := alerts_to(alert.kind):
            yield about(_of_alert(case, alert, told(alert, case.circumstances)), alert)


def _of_alert(case: TaskCase, alert: Story, happened: str) -> Verdict:
    if alert.state is State.CANCELLED:
        return Verdict(sentence=f"{happened}; the alert is off: {called_off(alert)}, and nothing follows from it")
    if alert.state in UNDER_WAY:
        return of_waiting(case, alert, f"{happened}; {who(case, alert)}")
    return of_unanswered(case, alert, f"{happened}; {who(case, alert)} {_how_alerted(case, alert)}")


def _how_alerted(case: TaskCase, alert: Story) -> str:
    if alert.state in ACCEPTED:
        return f"was alerted {when(case, alert)}"
    return f"{'was NOT' if alert.state in {State.FAILED, State.UNDELIVERED} else 'MAY have been'} alerted: {why(alert)}"


# --- what else matters about a task -----------------------------------------------------------------------------------


def _decisions(case: TaskCase, found: Sequence[Verdict]) -> Iterator[Verdict]:
    """Yield what waits for a person's decision; and whether the supervisors are told of it, if that is not said yet."""
    for one in case.messages:
        if one.state is State.HELD:
            role = None if one.audience == Audience.PATIENT else "recipient"
            verdict = Verdict(sentence=f"the {one.kind} to {who(case, one, role)} is HELD: {why(one)}")
            if one is _not_reached_since(case) and not _tells_of(found, one):
                verdict = of_unreached(case, one, verdict.sentence)
            to_do = "; ".join([DECIDE.format(id=one.named_by or one.id), *([verdict.to_do] if verdict.to_do else [])])
            yield about(replace(verdict, to_do=to_do), one)


def _troubles(case: TaskCase, found: Sequence[Verdict]) -> Iterator[Verdict]:
    """Yield what else stands still or has failed, whatever became of other messages."""
    said = list(found)
    unreached = _not_reached_since(case)
    # What failed to reach the nurse comes first: it tells of the reports about it, too.
    for one in [*([unreached] if unreached else []), *case.messages]:
        if not _tells_of(said, one) and (verdict := _of_trouble(case, one, unreached)) and not verdict.is_healthy:
            said.append(verdict)
            yield verdict


def _of_trouble(case: TaskCase, message: Story, unreached: Story | None) -> Verdict | None:
    someone = f"{message.kind}: {who(case, message)}"
    if message.state in UNDER_WAY:
        return of_waiting(case, message, someone)
    if message.state is State.IN_DOUBT:
        return of_doubtful(case, message, someone)
    if message is unreached and message.state is State.SENT:
        return of_silent(case, message, f"{someone} was told {when(case, message)}")
    if message is unreached:
        return of_unreached(case, message, f"{someone} was NOT reached: {why(message)}")
    return None


def _not_reached_since(case: TaskCase) -> Story | None:
    """Return the newest message that did not reach the nurse who has the task now, unless a later one did."""
    nurse = nurse_of(case)
    for one in reversed(case.messages):
        if nurse is None or one.recipient_id != nurse or one.audience != Audience.ASSIGNEE or not one.is_text:
            continue
        if one.state in NOT_REACHED or is_silent(case, one):
            return one
        if one.state in ACCEPTED:
            return None
    return None


def _tells_of(found: Sequence[Verdict], message: Story) -> bool:
    return any(message.id in one.message_ids for one in found)


def _unlogged(case: TaskCase) -> Iterator[Verdict]:
    """Yield what was sent, but stands in no row of the application's log."""
    for one in case.messages:
        if one.sent_at and one.log_owes == "row" and case.circumstances.now - one.sent_at > PATIENCE:
            yield Verdict(
                sentence=f"the {one.kind} was sent, but the application's log has no row of it: it refused that",
                to_do="mend that table; the next receipt of the text, or the next run about the task, makes up for it",
            )
