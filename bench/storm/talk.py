"""What people write to us in a storm, drawn from a seed: commands of staff, STOP and START, and much that is neither.

Pure: nothing happens here. The numbers of tasks in a command are known only when the phone has been texted, so a
writing has places for them; the phone company fills them in with numbers that the phone was told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

PLANTED = "zqzanzibar"
"""Stands in everything that people write freely, and must not be found anywhere afterwards."""

# Seconds between two writings of staff, of patients, of strangers.
BETWEEN_ANSWERS, BETWEEN_PATIENTS, BETWEEN_STRANGERS = 0.6, 5.0, 8.0

# Shares of the writings of staff; the rest are commands with one number.
TWO_COMMANDS, BARE, NO_SUCH_NUMBER, NONSENSE, HEART, HELP = 0.2, 0.12, 0.04, 0.1, 0.05, 0.02

# Shares of those of patients.
PATIENT_STOPS, PATIENT_COMMANDS = 0.2, 0.3

# How many nurses say STOP, how many of them say START again, and after which share of the storm.
STOPPERS, STARTS_AGAIN, STOPS_FROM, STOPS_UNTIL = 5, 0.7, 0.15, 0.7

# A share of writings was long on its way, so that the phone company's time for it is earlier: by so many seconds.
IS_DELAYED, DELAYED_BY = 0.1, (5.0, 600.0)

ACCEPT, RESOLVE, HAND_OVER = "ACCEPT", "RESOLVE", "HAND_OVER"

# The spellings of each command; `#` is the place of the task's number.
_SPELLINGS = {
    ACCEPT: ("#a", "#A", "a#", "A #.", "# accept", "Accept #!", "acepto #", "“#A”", "👍 #a"),
    RESOLVE: ("#r", "#R.", "R #", "resolved #", "# resuelto", "#-R", "\n#R \n"),
    HAND_OVER: ("#e", "#E", "E#", "hand over #", "# Hand-over", "escalar #", "(#e)", "# escalate"),
}
# As a phone's suggestion completes it; only where it is the one command of the text.
_ONLY = {ACCEPT: ("#a", "#A accept"), RESOLVE: ("#r", "#r resolve"), HAND_OVER: ("#e", "#E handover")}
_BARE = {ACCEPT: ("a", "A.", "acepto"), RESOLVE: ("r", "Resolved!", "RESUELTO"), HAND_OVER: ("e", "hand over", "E")}
_BETWEEN = (" ", ", ", "\n", ". ", " - ")
_FREE = (
    "I can't talk now, {}",
    "accept {} please",
    "{}?",
    "the patient said {} and 2 more",
    "1 {}",
    "stop {}",
    "gracias {}",
)
_HEARTS = ("Liked “🚨 New {} task”", 'Loved "{}"', "Le gustó «{}»")

# The local phone company obeys only the English words: with the Spanish ones, the system alone keeps texts away.
_STOPS = ("alto", "¡Basta!", "parar", "ALTO.", "STOP")
_STARTS = {"STOP": ("START", "unstop")}
_SPANISH_STARTS = ("comenzar", "Empezar", "iniciar.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Something that a phone writes to us."""

    at: float
    phone: str
    body: str
    """With `#` where a task's number belongs."""

    meaning: str
    """`COMMANDS`, `STOP`, `START`, `HELP`, `HEART` or `NOTHING`; commands of others than staff mean nothing to us."""

    verbs: Sequence[str] = ()
    is_numbered: bool = True
    """Whether each verb has a number."""

    picks: Sequence[float] = ()
    """Which of the phone's numbers go into the places: 0 is the newest, 1 the oldest."""

    delayed_by: float = 0.0
    """By how many seconds the time that the phone company has for it is earlier."""


def draw_writings(
    random: Random, seconds: float, *, nurses: Sequence[str], supervisors: Sequence[str], patients: Sequence[str]
) -> list[Writing]:
    """Draw what these phones, and strangers, write within a storm's length, oldest first."""
    found = [
        *_of_staff(random, seconds, [*nurses, *nurses, *supervisors]),
        *_stops(random, seconds, nurses),
        *_of_patients(random, seconds, patients),
        *_of_strangers(random, seconds),
    ]
    return sorted(found, key=lambda one: one.at)


def _moments(random: Random, seconds: float, mean: float) -> Iterator[float]:
    at = random.expovariate(1 / mean)
    while at < seconds:
        yield at
        at += random.expovariate(1 / mean)


def _of_staff(random: Random, seconds: float, phones: Sequence[str]) -> Iterator[Writing]:
    for at in _moments(random, seconds, BETWEEN_ANSWERS):
        phone, chance = random.choice(phones), random.random()
        delayed_by = random.uniform(*DELAYED_BY) if random.random() < IS_DELAYED else 0.0
        first, second = random.sample((ACCEPT, RESOLVE, HAND_OVER), 2)
        picks = tuple(random.random() ** 2 for _ in range(2))
        spelt = [random.choice(_SPELLINGS[verb]) for verb in (first, second)]
        only = random.choice((spelt[0], *_ONLY[first]))
        bare, free, between = random.choice(_BARE[first]), random.choice(_FREE), random.choice(_BETWEEN)
        writing = Writing(
            at=at,
            phone=phone,
            body=only,
            meaning="COMMANDS",
            verbs=(first,),
            picks=picks[:1],
            delayed_by=delayed_by,
        )
        shares: Sequence[tuple[float, dict[str, object]]] = (
            (TWO_COMMANDS, {"body": between.join(spelt), "verbs": (first, second), "picks": picks}),
            (BARE, {"body": bare, "is_numbered": False, "picks": ()}),
            (NO_SUCH_NUMBER, {"body": spelt[0].replace("#", "888"), "picks": (-1.0,)}),
            (NONSENSE, {"body": free.format(PLANTED), "meaning": "NOTHING", "verbs": (), "picks": ()}),
            (
                HEART,
                {"body": random.choice(_HEARTS).format(PLANTED), "meaning": "HEART", "verbs": (), "picks": ()},
            ),
            (HELP, {"body": "HELP", "meaning": "HELP", "verbs": (), "picks": ()}),
        )
        for share, changes in shares:
            if 0 <= chance < share:
                writing = _changed(writing, changes)
            chance -= share
        yield writing


def _changed(writing: Writing, changes: dict[str, object]) -> Writing:
    kept = {name: getattr(writing, name) for name in Writing.__slots__}
    return Writing(**{**kept, **changes})


def _stops(random: Random, seconds: float, nurses: Sequence[str]) -> Iterator[Writing]:
    for number, phone in enumerate(random.sample(list(nurses), min(STOPPERS, len(nurses)))):
        stop = _STOPS[number % len(_STOPS)]
        at = seconds * random.uniform(STOPS_FROM, STOPS_UNTIL)
        yield Writing(at=at, phone=phone, body=stop, meaning="STOP")
        later = at + max(2.0, seconds * random.uniform(0.05, 0.3))
        if random.random() < STARTS_AGAIN:
            start = random.choice(_STARTS.get(stop, _SPANISH_STARTS))
            yield Writing(at=min(later, seconds), phone=phone, body=start, meaning="START")


def _of_patients(random: Random, seconds: float, phones: Sequence[str]) -> Iterator[Writing]:
    for at in _moments(random, seconds, BETWEEN_PATIENTS):
        if not phones:
            return
        phone, chance = random.choice(phones), random.random()
        if chance < PATIENT_STOPS:
            yield Writing(at=at, phone=phone, body=random.choice(_STOPS[:-1]), meaning="STOP")
        elif chance < PATIENT_STOPS + PATIENT_COMMANDS:
            yield Writing(at=at, phone=phone, body="1a", meaning="NOTHING")
        else:
            yield Writing(at=at, phone=phone, body=random.choice(_FREE).format(PLANTED), meaning="NOTHING")


def _of_strangers(random: Random, seconds: float) -> Iterator[Writing]:
    for at in _moments(random, seconds, BETWEEN_STRANGERS):
        phone = random.choice(("+12095550199", "+12095550198", "72975"))
        yield Writing(at=at, phone=phone, body=random.choice(("1a", "1A 2R", "e")), meaning="NOTHING")
