"""The part of a proposed map about the application's log, column by column. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sequora_orchestration.application.application_map import plain
from sequora_orchestration.application.choice import Choice, ChosenTable
from sequora_orchestration.application.contract import AUDIENCES
from sequora_orchestration.application.described import FLAG, NUMBER, TEXT, DescribedColumn, Sample, Samples
from sequora_orchestration.application.meanings import label
from sequora_orchestration.application.sql_text import literal
from sequora_orchestration.application.synonyms import (
    ANY_KIND,
    BY_SMS,
    DELIVERED,
    FIRST,
    KINDS,
    OUTBOUND,
    SENT,
    TO_PATIENTS,
    TO_STAFF,
    TWILIO,
    UNDELIVERED,
)
from sequora_orchestration.application.times import time_as
from sequora_orchestration.application.written_map import WrittenMap, block, text, texts
from sequora_orchestration.messages.kinds import is_to_a_patient

# The same in each row, by a column's purpose: names of the log's word for it, and ours where any text is taken.
_CONSTANTS = {
    "channel": (BY_SMS, "SMS"),
    "status": (SENT, "SENT"),
    "direction": (OUTBOUND, "outbound"),
    "provider": (TWILIO, "twilio"),
}

_VALUES = {
    "task_id": "message.task_id",
    "episode_id": "message.episode_id",
    "user_id": "message.user_id",
    "patient_id": "message.patient_id",
    "content": "message.content",
    "provider_id": "message.provider_id",
    "attempts": "message.attempts",
}

_TIMES = {"sent_at": "message.sent_at", "created_at": "message.sent_at", "updated_at": "message.sent_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """The value of a column of the log."""

    toml: str
    comment: str


def write_log(written: WrittenMap, choice: Choice, samples: Samples) -> None:
    """Write the sections of the log, or that there is none."""
    if choice.log is None:
        written.lines += ["", "# [log]  No table was found that texts are logged in; without one none is written."]
        return
    _Log(written, choice, choice.log, samples).write()


class _Log:
    """Writes the sections of one log."""

    def __init__(self, written: WrittenMap, choice: Choice, log: ChosenTable, samples: Samples) -> None:
        self.written, self.choice, self.log, self.samples = written, choice, log, samples
        self.purposes = {placed.column.name: purpose for purpose, placed in log.placed.items()}
        self.audiences = self._audiences()
        self.row = dict(self._row())
        self.key = self._key()

    def write(self) -> None:
        table = self.log.table
        remarks = [
            "A row is written into it for each text. Is it made for that? If not, leave out all sections of the log."
        ]
        if self.log.rivals:
            remarks.append(f"A guess: it might also be {' or '.join(self.log.rivals)}.")
            self.written.questions.append(f"[log]: is it {table.sql}, or {' or '.join(self.log.rivals)}?")
        self.written.section("log", *remarks)
        self.written.entry("table", text(table.sql))
        self.written.entry("about", texts(self.audiences), self._why_these_audiences())
        receipts = [(name, columns) for name, columns in self._receipts() if columns]
        if receipts and self.key:
            self.written.entry("key", text(self.key), "by which a row is found again when its receipt comes")
        self.written.section("log.row")
        for column in table.columns:
            if value := self.row.get(column.name):
                self.written.entry(column.name, value.toml, value.comment)
            elif column.must_be_given:
                self._write_lack(column)
        self._write_rest({name for _, columns in receipts for name in columns})
        for name, columns in receipts:
            if self.key:
                self.written.section(f"log.{name}")
                for changed, value in columns.items():
                    self.written.entry(changed, value.toml, value.comment)
        if receipts and not self.key:
            self.written.remark("No column was found by which a row could be found again when its receipt comes.")

    def _write_lack(self, column: DescribedColumn) -> None:
        self.written.open_entry(column.name, f"{column.type_name}, NOT NULL without a default; an expression is needed")
        self.written.missing.append(
            f"log.row.{column.name}: the column is NOT NULL without a default, and no value for it is known"
        )

    def _write_rest(self, in_receipts: set[str]) -> None:
        rest = [
            column.sql
            for column in self.log.table.columns
            if column.name not in self.row and column.name not in in_receipts and not column.must_be_given
        ]
        if rest:
            self.written.remark(f"Not written: {', '.join(rest)}")

    def _audiences(self) -> Sequence[str]:
        placed = {purpose: one.column for purpose, one in self.log.placed.items()}
        names_patients = {"patient_id", "recipient_id", "phone"} & placed.keys()
        names_staff = {"user_id", "recipient_id", "phone", "task_id"} & placed.keys()
        of_staff_alone = any(placed[one].is_not_null for one in ("task_id", "user_id") if one in placed)
        of_patients_alone = "patient_id" in placed and placed["patient_id"].is_not_null
        takes = {
            "staff": bool(names_staff) and not of_patients_alone,
            "patients": bool(names_patients) and not of_staff_alone,
        }
        return [one for one in AUDIENCES if takes[one]] or ["staff"]

    def _why_these_audiences(self) -> str:
        if len(self.audiences) == len(AUDIENCES):
            return "texts to whom are logged"
        return f"only texts to {self.audiences[0]}: its columns have no room for others"

    def _kinds(self) -> list[str]:
        return [one for one in KINDS if ("patients" if is_to_a_patient(one) else "staff") in self.audiences]

    def _row(self) -> Iterator[tuple[str, _Value]]:
        for column in self.log.table.columns:
            purpose = self.purposes.get(column.name)
            value = self._value(purpose, column) if purpose else None
            if value is None and column.must_be_given and column.category == FLAG:
                value = _value("false", f"{column.type_name}, a guess")
            if value and not column.is_generated:
                yield column.name, value

    def _value(self, purpose: str, column: DescribedColumn) -> _Value | None:
        """Return the value for a column of that purpose, if there is one."""
        if purpose in _CONSTANTS:
            return self._word(column, *_CONSTANTS[purpose])
        if purpose in _TIMES:
            return self._time(_TIMES[purpose], column)
        if purpose in _VALUES:
            return _value(_VALUES[purpose], column.type_name)
        makers = {
            "id": self._id,
            "kind": self._kind,
            "recipient_id": self._recipient,
            "recipient_type": self._recipient_type,
            "phone": self._phone,
        }
        return makers[purpose](column) if purpose in makers else None

    def _id(self, column: DescribedColumn) -> _Value | None:
        is_ours = not column.is_counted and (column.category == TEXT or column.base_name == "uuid")
        return _value("message.id", column.type_name) if is_ours else None

    def _time(self, sql: str, column: DescribedColumn) -> _Value:
        sample = self.samples.get((self.log.table.sql, column.sql), Sample())
        return _value(time_as(sql, column, sample.unit), column.type_name)

    def _words(self, column: DescribedColumn) -> Sequence[str]:
        return column.words or self.samples.get((self.log.table.sql, column.sql), Sample()).words or []

    def _word(self, column: DescribedColumn, names: Sequence[str], ours: str) -> _Value | None:
        """Return the log's word for something; where it takes any text, one in the spelling of its others."""
        if word := label(self._words(column), names):
            return _value(literal(word), column.type_name)
        if column.words or column.category != TEXT:
            return None
        words = self._words(column)
        ours = ours.lower() if words and all(word.islower() for word in words) else ours
        return _value(literal(ours), f"{column.type_name}, a guess: no row says how it is spelt")

    def _kind(self, column: DescribedColumn) -> _Value | None:
        if not column.words:
            return _value("message.kind", column.type_name) if column.category == TEXT else None
        labels = {kind: label(column.words, [*KINDS[kind], *ANY_KIND]) for kind in self._kinds()}
        if lacking := [kind for kind, word in labels.items() if word is None]:
            self._ask_for_kinds(column, lacking)
        cases = [f"  WHEN '{kind}' THEN {literal(word)}" for kind, word in labels.items() if word]
        if not cases:
            return None
        lines = ["CASE message.kind", *cases, f"  ELSE {self._other_kinds(column)}", "END"]
        is_guess = any(word and plain(word) != plain(kind) for kind, word in labels.items())
        comment = f"{column.type_name}: {', '.join(column.words)}"
        return _Value(toml=block(lines), comment=f"{comment}; a guess by their names" if is_guess else comment)

    def _other_kinds(self, column: DescribedColumn) -> str:
        """Return what the log calls kinds that are not named; by whom they go to, if it has no word for any kind."""
        if word := label(column.words, ANY_KIND):
            return literal(word)
        words = {one: label(column.words, KINDS[FIRST[one]]) for one in self.audiences}
        staff, patients = (literal(word) if (word := words.get(one)) else "NULL" for one in AUDIENCES)
        if len(words) == 1 or staff == patients:
            return staff if "staff" in words else patients
        return f"CASE WHEN message.patient_id IS NULL THEN {staff} ELSE {patients} END"

    def _ask_for_kinds(self, column: DescribedColumn, lacking: Sequence[str]) -> None:
        asked = (
            f"log.row.{column.name}: which of {', '.join(column.words)} is a text of the kind {' or '.join(lacking)}?"
        )
        (self.written.missing if column.is_not_null else self.written.questions).append(asked)

    def _recipient(self, column: DescribedColumn) -> _Value:
        for view, one in (("person", "message.user_id"), ("patient", "message.patient_id")):
            section = self.choice.sections.get(view)
            if section and section.table.id == column.refers_to:
                return _value(one, f"{column.type_name}, refers to {section.table.sql}")
        return _value("coalesce(message.user_id, message.patient_id)", column.type_name)

    def _recipient_type(self, column: DescribedColumn) -> _Value | None:
        staff, patients = label(self._words(column), TO_STAFF), label(self._words(column), TO_PATIENTS)
        if not staff or not patients:
            return None
        sql = f"CASE WHEN message.user_id IS NOT NULL THEN {literal(staff)} ELSE {literal(patients)} END"
        return _value(sql, column.type_name)

    def _phone(self, column: DescribedColumn) -> _Value | None:
        """Return a look-up of the number, where the log must have one: a message does not tell it."""
        if not column.must_be_given:
            return None
        found = []
        for view, one in (("person", "message.user_id"), ("patient", "message.patient_id")):
            section = self.choice.sections.get(view)
            if section and {"id", "primary_phone"} <= section.placed.keys():
                id_, phone = section.placed["id"].column, section.placed["primary_phone"].column
                rows = f"{section.table.sql} AS {view} WHERE {view}.{id_.sql} = {_as(id_, one)}"
                found.append(f"(SELECT {view}.{phone.sql} FROM {rows})")
        if not found:
            return None
        sql = f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]
        return _value(sql, f"{column.type_name}, NOT NULL: the number as the application has it")

    def _key(self) -> str | None:
        for purpose in ("id", "provider_id"):
            placed = self.log.placed.get(purpose)
            if placed and placed.column.name in self.row:
                return placed.column.name
        return None

    def _receipts(self) -> Iterator[tuple[str, Mapping[str, _Value]]]:
        yield "delivered", dict(self._receipt(DELIVERED, "DELIVERED", "delivered_at", {}))
        about_failure = {"reason": "message.reason", "provider_code": "message.provider_code"}
        yield "undelivered", dict(self._receipt(UNDELIVERED, "UNDELIVERED", "failed_at", about_failure))

    def _receipt(
        self, names: Sequence[str], ours: str, at: str, values: Mapping[str, str]
    ) -> Iterator[tuple[str, _Value]]:
        columns = {purpose: one.column for purpose, one in self.log.placed.items()}
        status = self._word(columns["status"], names, ours) if "status" in columns else None
        if status is None and at not in columns and not (values.keys() & columns.keys()):
            return
        if status:
            yield columns["status"].name, status
        if at in columns:
            yield columns[at].name, self._time("message.settled_at", columns[at])
        for purpose, sql in values.items():
            if purpose in columns:
                yield columns[purpose].name, _value(sql, columns[purpose].type_name)
        if "updated_at" in columns:
            yield columns["updated_at"].name, self._time("message.settled_at", columns["updated_at"])


def _value(sql: str, comment: str) -> _Value:
    return _Value(toml=text(sql), comment=comment)


def _as(column: DescribedColumn, sql: str) -> str:
    if column.category == NUMBER or column.base_name == "uuid":
        return f"CAST({sql} AS {column.base_name})"
    return sql
