"""The applications whose tables a laptop can bring along, and the SQL of each, in a folder of its name.

Every folder has the same files: `schema` makes the tables and `people` fills them with invented people, both safe to
run again; `demo` has the statements of the demo and `phone_book` the inbox page's, under the same names everywhere.
Not here: reading an application's tables in the running system. Nothing heavy is imported: `sequora --help` needs this.
"""

from enum import StrEnum
from pathlib import Path

_FOLDERS = Path(__file__).parent


class Application(StrEnum):
    """An application, by its folder."""

    BRIEF = "brief"
    """The tables for which this project was first written."""

    SEQUORA = "sequora"
    """The tables of Sequora's own application."""

    @property
    def database(self) -> str:
        """The name of its database on an embedded server; each has its own."""
        return "care" if self is DEFAULT else f"care_{self}"

    def sql(self, name: str) -> Path:
        """Return the path of a file: `schema`, `people`, `demo` or `phone_book`."""
        return _FOLDERS / self / f"{name}.sql"


DEFAULT = Application.BRIEF
