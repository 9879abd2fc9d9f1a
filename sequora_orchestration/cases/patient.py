"""Was the patient of an episode texted, when, and if not why not."""

from dataclasses import replace

from sequora_orchestration.cases.judged import (
    ACCEPTED,
    DECIDE,
    UNDER_WAY,
    Verdict,
    about,
    called_off,
    judged_by_wait,
    of_doubtful,
    of_waiting,
    owed_now,
    waited,
    when,
    who,
    why,
)
from sequora_orchestration.cases.known_kinds import when_owed
from sequora_orchestration.domain.case import EpisodeCase, OwedMessage, Story
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient


def of_patient(case: EpisodeCase) -> list[Verdict]:
    """Judge for each kind of message to the patient what became of it, the earliest first; where there is none, why."""
    kinds = dict.fromkeys([*(one.kind for one in case.messages), *(one.kind for one in owed_now(case))])
    to_come = dict.fromkeys(one.kind for one in case.owed)
    found = {
        kind: _of_kind(case, kind) for kind in kinds or to_come or (kind for kind in KINDS if is_to_a_patient(kind))
    }
    (_, first), *others = found.items()
    return [first, *(replace(one, sentence=f"{kind}: {one.sentence}") for kind, one in others)]


def _of_kind(case: EpisodeCase, kind: str) -> Verdict:
    messages = [one for one in case.messages if one.kind == kind]
    if not messages:
        owed = next((one for one in case.owed if one.kind == kind), None)
        return about(_of_owed(case, owed), owed=owed) if owed else _without(case, kind)
    newest = messages[-1]
    accepted = [one for one in messages if one.state in ACCEPTED]
    if accepted and newest.state not in UNDER_WAY:
        one = accepted[-1]
        arrived = "the text arrived" if one.state is State.DELIVERED else "no receipt yet that the text arrived"
        return Verdict(sentence=f"{who(case, one)} was texted {when(case, one)}; {arrived}")
    return _of_pending(case, newest, who(case, newest))


def _of_pending(case: EpisodeCase, newest: Story, patient: str) -> Verdict:
    match newest.state:
        case State.IN_DOUBT:
            return of_doubtful(case, newest, patient)
        case State.HELD:
            return Verdict(sentence=f"{patient} MAY have been texted: {why(newest)}", to_do=DECIDE.format(id=newest.id))
        case State.CANCELLED:
            is_late = not newest.ended_by and newest.cause is Cause.STALE
            return Verdict(
                sentence=f"{patient} was NOT texted: {called_off(newest)}",
                to_do="call the patient instead, if the contact is still wanted" if is_late else None,
            )
        case State.FAILED | State.UNDELIVERED:
            return Verdict(
                sentence=f"{patient} was NOT reached: {why(newest)}",
                to_do=f"correct the phone, then `sequora resend {newest.id}`; or call the patient",
            )
    return of_waiting(case, newest, patient)


def _of_owed(case: EpisodeCase, owed: OwedMessage) -> Verdict:
    now = case.circumstances.now
    age = spell(now - (case.appeared_at or owed.owed_since))
    if owed.owed_since > now:
        at = case.circumstances.told(owed.owed_since)
        return Verdict(sentence=f"the patient was NOT texted yet: no {owed.kind} is owed before {at}")
    if waited(case, owed) <= when_owed(owed.kind).patience:
        return Verdict(sentence=f"no {owed.kind} is scheduled yet: the episode is {age} old")
    sentence = f"no {owed.kind} is scheduled, and nothing says why: the episode is there for {age}"
    return judged_by_wait(case, owed, sentence)


def _without(case: EpisodeCase, kind: str) -> Verdict:
    around = case.circumstances
    if case.episode is None:
        return Verdict(sentence=f"there is no {kind}: the application does not have the episode (any more)")
    if case.appeared_at is None:
        return Verdict(
            sentence=f"there is no {kind}: the episode says neither when it was created nor when the patient left",
            to_do="correct the episode's created_at",
        )
    if case.appeared_at < around.workflows_live_at:
        return Verdict(
            sentence=f"there is no {kind}: the episode is from before this system went live "
            f"({around.told(around.workflows_live_at)}), which leaves it alone"
        )
    because = when_owed(kind).no_more or "none is owed"
    return Verdict(sentence=f"there is no {kind} (any more): {because}")
