"""The local phone company's memory over its restarts: texts, calls, and phones that have opted out.

It is the memory of a toy: numbers and texts stand in plain in a file that only its owner may read. A text that was
written survives the killing of the process at any moment; a file that cannot be read is begun anew.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_TEXTS = 10_000
"""Older texts are forgotten: these are some megabytes, and more than anybody looks at."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS text (place INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS call (sid TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS opted_out (sender TEXT, phone TEXT, PRIMARY KEY (sender, phone)) WITHOUT ROWID;
"""


class Memory:
    """A file of texts, calls and opt-outs. Only one thread at a time may use it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; only its owner may read it."""
        path.touch(mode=0o600)
        path.chmod(0o600)
        try:
            self._connection = _open(path)
        except sqlite3.OperationalError:  # another process has it, or the disk is full
            raise
        except sqlite3.DatabaseError:
            for ending in ("", "-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
            path.touch(mode=0o600)
            self._connection = _open(path)

    def texts(self) -> Iterator[dict[str, Any]]:
        """Yield the texts that are remembered, oldest first."""
        for (content,) in self._connection.execute("SELECT content FROM text ORDER BY place"):
            yield json.loads(content)

    def calls(self) -> Iterator[dict[str, Any]]:
        """Yield the calls that are remembered, oldest first."""
        for (content,) in self._connection.execute("SELECT content FROM call ORDER BY rowid"):
            yield json.loads(content)

    def opted_out(self) -> set[tuple[str, str]]:
        """Return the pairs of a sender and a phone that has opted out of its texts."""
        return set(self._connection.execute("SELECT sender, phone FROM opted_out"))

    def keep(self, text: Mapping[str, Any], opted_out: set[tuple[str, str]] | None = None) -> None:
        """Remember a text, and all opt-outs if it has changed them; forget the oldest texts if there are too many."""
        with self._connection as transaction:
            cursor = transaction.execute("INSERT INTO text (content) VALUES (?)", (json.dumps(text),))
            transaction.execute("DELETE FROM text WHERE place <= ?", ((cursor.lastrowid or 0) - MOST_TEXTS,))
            if opted_out is not None:
                transaction.execute("DELETE FROM opted_out")
                transaction.executemany("INSERT INTO opted_out VALUES (?, ?)", opted_out)

    def keep_call(self, sid: str, call: Mapping[str, Any]) -> None:
        """Remember a call as it is by now; forget the oldest ones if there are too many."""
        with self._connection as transaction:
            transaction.execute(
                "INSERT INTO call (sid, content) VALUES (?, ?)"
                " ON CONFLICT (sid) DO UPDATE SET content = excluded.content",
                (sid, json.dumps(call)),
            )
            transaction.execute("DELETE FROM call WHERE rowid <= (SELECT max(rowid) FROM call) - ?", (MOST_TEXTS,))

    def forget(self) -> None:
        """Forget everything."""
        with self._connection as transaction:
            transaction.execute("DELETE FROM text")
            transaction.execute("DELETE FROM call")
            transaction.execute("DELETE FROM opted_out")


def _open(path: Path) -> sqlite3.Connection:
    """Open a file. Raises sqlite3.DatabaseError if it is not such a file."""
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a text waits for no disk
        connection.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
