"""The applications whose tables a laptop can bring along, and the SQL of each, in a folder of its name.

Every folder has the same files: `schema` makes the tables and `people` fills them with invented people, both safe to
run again; `demo` has the statements of the demo and `phone_book` the inbox page's, under the same names everywhere.
How the running system reads an application's tables is not here. Nothing heavy is imported: `sequora --help` needs it.
"""

from enum import StrEnum
from pathlib import Path

_FOLDERS = Path(__file__).parent


class Application(StrEnum):
    """An application, by its folder."""

    BRIEF = "brief"
    """The tables that this project was first written for."""

    SEQUORA = "sequora"
    """The tables of Sequora's own application."""

    @property
    def database(self) -> str:
        """The name of its database on an embedded server; each has its own."""
        return "care" if self is DEFAULT else f"care_{self}"

    def sql(self, name: str) -> Path:
        """Return the file of that name: `schema`, `people`, `demo` or `phone_book`."""
        return _FOLDERS / self / f"{name}.sql"


DEFAULT = Application.BRIEF
