"""Choosing among an application's tables and columns: by names, types and foreign keys, without a look at rows.

Pure: from a description of the catalog to a choice. Not here: the parts of a choice (`choice`), whether a column's type
serves (`column_types`), and the map that is written from a choice (`proposed_map`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sequora_orchestration.application.choice import KEYS, KEYS_OF_LOG, WORDS, Choice, ChosenTable, Placed, Sense
from sequora_orchestration.application.column_types import can_be_written, may_refer, opposite_of, serves, state_of
from sequora_orchestration.application.contract import VIEWS, Column, Form
from sequora_orchestration.application.described import ENUM, TEXT, DescribedColumn, DescribedTable
from sequora_orchestration.application.naming import name_of_table, rank, variants
from sequora_orchestration.application.synonyms import COLUMNS, LOG, NAMES_OF_A_WORD, OTHERS_SCHEMAS, TABLES

_TYPES_OF_LOG = {
    **dict.fromkeys(("id", *KEYS_OF_LOG, "recipient_id"), Form.ID),
    **dict.fromkeys(("sent_at", "delivered_at", "failed_at", "created_at", "updated_at"), Form.TIME),
    "attempts": Form.COUNT,
}

# A table's points. Its name alone is worth little, and so are its columns' names; a foreign key from a chosen table is
# the best evidence.
_NAME, _END_OF_NAME, _PART_OF_NAME, _PLACE_OF_NAME = 10.0, 6.0, 1.0, 0.3
_NEEDED, _LACKS_NEEDED, _OPTIONAL = 2.0, -3.0, 0.5
_KEY, _NAMED_BY_KEY = 8.0, 4.0
_VIEW, _OTHERS = -2.0, -20.0
_OF_LOG = {
    "task_id": 3.0,
    "content": 2.0,
    "channel": 2.0,
    "provider_id": 2.0,
    "sent_at": 2.0,
    "status": 1.0,
    "user_id": 1.0,
}
_ENOUGH = 6.0
_RIVAL_WITHIN = 4.0


@dataclass(slots=True)
class _Chooser:
    tables: Sequence[DescribedTable]
    chosen: dict[str, DescribedTable] = field(default_factory=dict)
    rivals: dict[str, Sequence[str]] = field(default_factory=dict)

    def choose(self) -> Choice:
        """Choose first the tables that refer to others: their foreign keys lead to the rest."""
        for view in ("task", "episode", "person", "patient", "shift"):
            self._choose_table(view, _best({one.id: self._points(view, one) for one in self.tables}))
        sections = {view: self._section(view, self.chosen[view]) for view in VIEWS if view in self.chosen}
        self._choose_table("log", _best({one.id: self._points_of_log(one) for one in self.tables}))
        log = self.chosen.get("log")
        return Choice(
            sections=sections,
            log=self._log(log) if log else None,
            consents=[one.sql for one in self.tables if _is_about_consent(one)],
        )

    def _choose_table(self, view: str, ids: Sequence[int]) -> None:
        by_id = {one.id: one for one in self.tables}
        if ids:
            self.chosen[view] = by_id[ids[0]]
            self.rivals[view] = [by_id[one].sql for one in ids[1:]]

    def _points(self, view: str, table: DescribedTable) -> float:
        if table in self.chosen.values() and not (view == "patient" and self._points_by_keys("patient", table)):
            return 0
        columns = VIEWS[view].columns
        placed = self._placed(view, table)
        needed = [name for name, column in columns.items() if column.default is None]
        by_name, by_key = _points_of_name(view, table), self._points_by_keys(view, table)
        if not by_name and not by_key and not (view == "task" and set(needed) <= placed.keys()):
            return 0
        points = sum(_NEEDED if name in placed else _LACKS_NEEDED for name in needed)
        return points + by_name + by_key + _OPTIONAL * len(placed.keys() - set(needed)) + _points_of_kind(table)

    def _points_of_log(self, table: DescribedTable) -> float:
        by_name = _points_of_name("log", table)
        placed = self._placed_in_log(table)
        recipients = {"task_id", "user_id", "patient_id", "recipient_id", "phone"} & placed.keys()
        if table in self.chosen.values() or not by_name or not recipients or table.is_view:
            return 0
        if not {"channel", "provider_id", "phone", "sent_at"} & placed.keys():  # shown in the application, and not sent
            return 0
        return by_name + sum(_OF_LOG.get(name, 0.25) for name in placed) + _points_of_kind(table)

    def _points_by_keys(self, view: str, table: DescribedTable) -> float:
        """Return points for a table if a column of a chosen table refers to it, or is named after it."""
        points = 0.0
        for (referring, column), referred in KEYS.items():
            placed = self._placed(referring, self.chosen[referring]) if referring in self.chosen else {}
            if referred == view and column in placed:
                key = placed[column].column
                if key.refers_to in self._tables_with_same_ids(table):
                    points = max(points, _KEY)
                elif key.refers_to is None and name_of_table(table.name) in variants(key.name, "", Form.ID):
                    points = max(points, _NAMED_BY_KEY)
        return points

    def _tables_with_same_ids(self, table: DescribedTable) -> set[int]:
        """Return the tables whose rows share this table's ids: a profile's key may be its user's."""
        key = table.primary_key
        parts = (one for one in self.tables if one.primary_key and one.primary_key.refers_to == table.id)
        return {table.id, *([key.refers_to] if key and key.refers_to else []), *(one.id for one in parts)}

    def _section(self, view: str, table: DescribedTable) -> ChosenTable:
        placed = self._placed(view, table)
        used = {one.column.name for one in placed.values()}
        unfit: dict[str, DescribedColumn] = {}
        for name, column in VIEWS[view].columns.items():
            names = COLUMNS[view][name][:4]
            found = [
                one
                for one in table.columns
                if name not in placed
                and one.name not in used
                and rank(variants(one.name, table.name, column.form), names) is not None
            ]
            if found:
                unfit[name] = found[0]
        return ChosenTable(table=table, placed=placed, unfit=unfit, rivals=self.rivals[view])

    def _log(self, table: DescribedTable) -> ChosenTable:
        return ChosenTable(table=table, placed=self._placed_in_log(table), unfit={}, rivals=self.rivals["log"])

    def _placed(self, view: str, table: DescribedTable) -> dict[str, Placed]:
        free = dict.fromkeys(one.name for one in table.columns)
        placed: dict[str, Placed] = {}
        for name, column in VIEWS[view].columns.items():
            candidates = [one for one in table.columns if one.name in free]
            if found := self._column(view, name, column, table, candidates):
                placed[name] = found
                del free[found.column.name]
        return placed

    def _column(
        self, view: str, name: str, column: Column, table: DescribedTable, candidates: Sequence[DescribedColumn]
    ) -> Placed | None:
        if name == "id" and table.primary_key and table.primary_key.can_be_an_id:
            return Placed(column=table.primary_key)
        form = Form.WORD if (view, name) in WORDS else column.form
        referred = self.chosen.get(KEYS.get((view, name), ""))
        found = list(self._matching(COLUMNS[view][name], form, table, candidates, referred))
        if found:
            return found[0]
        if form is Form.FLAG:
            return opposite_of(name, table, candidates) or state_of(name, table, candidates)
        return None

    def _matching(
        self,
        synonyms: Sequence[str],
        form: Form,
        table: DescribedTable,
        candidates: Iterable[DescribedColumn],
        referred: DescribedTable | None,
    ) -> Iterator[Placed]:
        """Yield the columns with one of these names and a type that serves, the best first."""
        named: list[tuple[bool, bool, int, Placed]] = []
        same_rows = self._tables_with_same_ids(referred) if referred else set[int]()
        for one in candidates:
            place = rank(variants(one.name, table.name, form), synonyms)
            words = self._words_of(one) if form is Form.WORD else None
            if not serves(form, one) and not words:
                continue
            refers = one.refers_to in same_rows
            is_doubtful = form is Form.TIME and not one.is_time
            if refers and place is None and sum(other.refers_to in same_rows for other in table.columns) == 1:
                named.append((is_doubtful, False, len(synonyms), Placed(column=one, is_by_name=False)))
            elif place is not None and (refers or may_refer(one, referred)):
                sense = Sense.LOOKED_UP if words else Sense.ITSELF
                lacks_key = not refers and referred is not None
                named.append((is_doubtful, lacks_key, place, Placed(column=one, sense=sense, words_of=words)))
        named.sort(key=lambda one: one[:3])
        for *_, placed in named:
            others = [one.column.sql for *_, one in named if one is not placed and one.is_by_name]
            yield Placed(
                column=placed.column,
                sense=placed.sense,
                others=others,
                words_of=placed.words_of,
                is_by_name=placed.is_by_name,
            )

    def _words_of(self, column: DescribedColumn) -> tuple[DescribedTable, DescribedColumn, DescribedColumn] | None:
        """Return the table of words that a number or a uuid refers to, its key, and its column with the words."""
        table = next((one for one in self.tables if one.id == column.refers_to), None)
        if table is None or table.primary_key is None or column.category in {TEXT, ENUM}:
            return None
        texts = [one for one in table.columns if one.category in {TEXT, ENUM} and one is not table.primary_key]
        places = {one.name: rank(variants(one.name, table.name, Form.TEXT), NAMES_OF_A_WORD) for one in texts}
        words = sorted((one for one in texts if places[one.name] is not None), key=lambda one: places[one.name] or 0)
        return (table, table.primary_key, words[0]) if words else None

    def _placed_in_log(self, table: DescribedTable) -> dict[str, Placed]:
        free = dict.fromkeys(one.name for one in table.columns if not one.is_generated)
        placed: dict[str, Placed] = {}
        if table.primary_key:
            placed["id"] = Placed(column=table.primary_key)
            free.pop(table.primary_key.name, None)
        for name, synonyms in LOG.items():
            form = _TYPES_OF_LOG.get(name, Form.TEXT)
            referred = self.chosen.get(KEYS_OF_LOG.get(name, ""))
            candidates = [one for one in table.columns if one.name in free and can_be_written(name, one)]
            found = next(self._matching(synonyms, form, table, candidates, referred), None)
            if found and name not in placed:
                placed[name] = found
                del free[found.column.name]
        return placed


def choose(tables: Sequence[DescribedTable]) -> Choice:
    """Choose a table for each of our views, and for the log, and their columns."""
    return _Chooser(tables).choose()


def _best(points: Mapping[int, float]) -> list[int]:
    """Return the ids of the tables that have enough points and come near the highest score, the best first."""
    most = max(points.values(), default=0)
    near = [one for one, its in points.items() if its >= max(_ENOUGH, most - _RIVAL_WITHIN)]
    return sorted(near, key=lambda one: -points[one])


def _points_of_name(view: str, table: DescribedTable) -> float:
    name, synonyms = name_of_table(table.name), TABLES[view]
    if name in synonyms:
        return _NAME - _PLACE_OF_NAME * synonyms.index(name)
    ends = [_END_OF_NAME - _PLACE_OF_NAME * place for place, one in enumerate(synonyms) if name.endswith(one)]
    return max(ends, default=_PART_OF_NAME if any(one in name for one in synonyms) else 0)


def _points_of_kind(table: DescribedTable) -> float:
    return (_VIEW if table.is_view else 0) + (_OTHERS if table.schema in OTHERS_SCHEMAS else 0)


def _is_about_consent(table: DescribedTable) -> bool:
    return "consent" in name_of_table(table.name) or "optout" in name_of_table(table.name)
