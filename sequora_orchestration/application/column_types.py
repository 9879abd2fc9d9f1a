"""Whether a column of the application's can serve for one of ours, by its type.

Here: the types that each form of value, key and log column needs; and for a missing flag, a column of another type
with the same meaning. Not here: choosing among tables, and among columns that serve (`placement`). Pure.
"""

from collections.abc import Sequence

from sequora_orchestration.application.choice import Placed, Sense
from sequora_orchestration.application.contract import Form
from sequora_orchestration.application.described import ARRAY, ENUM, FLAG, NUMBER, TEXT, DescribedColumn, DescribedTable
from sequora_orchestration.application.naming import rank, variants
from sequora_orchestration.application.synonyms import OPPOSITES, STATES_OF_A_FLAG


def serves(form: Form, column: DescribedColumn) -> bool:
    """Whether a column's values can be brought into a form."""
    match form:
        case Form.ID:
            return column.can_be_an_id
        case Form.TIME:
            return column.is_time or column.category in {NUMBER, TEXT}
        case Form.FLAG:
            return column.category in {FLAG, NUMBER, TEXT} or column.is_time
        case Form.COUNT:
            return column.category in {NUMBER, TEXT}
        case Form.CODES:
            return column.category in {ARRAY, TEXT, ENUM} or column.is_json
        case _:
            return column.category in {TEXT, ENUM, NUMBER}


def may_refer(column: DescribedColumn, referred: DescribedTable | None) -> bool:
    """Whether a column can name rows of a table: it has the type of the table's ids, and refers to no other table."""
    key = referred.primary_key if referred else None
    if key is None:
        return True
    return column.refers_to is None and (column.category, column.base_name == "uuid") == (
        key.category,
        key.base_name == "uuid",
    )


def opposite_of(name: str, table: DescribedTable, candidates: Sequence[DescribedColumn]) -> Placed | None:
    """Return a flag, or a time, that says no where our flag says yes: `disabled` for `active`."""
    names = OPPOSITES.get(name, ())
    found = [
        one
        for one in candidates
        if (one.category in {FLAG, NUMBER} or one.is_time)
        and rank(variants(one.name, table.name, Form.FLAG), names) is not None
    ]
    return Placed(column=found[0], sense=Sense.OPPOSITE) if found else None


def state_of(name: str, table: DescribedTable, candidates: Sequence[DescribedColumn]) -> Placed | None:
    """Return a column of words that has a word with our flag's meaning: `status` for `active`."""
    names, _ = STATES_OF_A_FLAG.get(name, ((), ()))
    found = [
        one for one in candidates if one.words and rank(variants(one.name, table.name, Form.TEXT), names) is not None
    ]
    return Placed(column=found[0], sense=Sense.STATE) if found else None


def can_be_written(name: str, column: DescribedColumn) -> bool:
    """Whether a column of the log has the type for its purpose."""
    match name:
        case "content" | "phone" | "provider_id":
            return column.category == TEXT
        case "provider_code" | "reason":
            return column.category in {TEXT, NUMBER} if name == "provider_code" else column.category == TEXT
        case "attempts":
            return column.category == NUMBER
        case "provider":
            return column.category in {TEXT, ENUM} and column.must_be_given
        case "sent_at" | "delivered_at" | "failed_at" | "created_at" | "updated_at":
            return column.is_time or column.category in {NUMBER, TEXT}
        case _:
            return True
