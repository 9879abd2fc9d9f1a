"""The search for what must not be left behind: in which forms it may stand, and how each place is read."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from redis import Redis
from sqlalchemy import Engine, text

# Celery's messages, for one, are in Base64 within JSON.
_BASE_64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")


@dataclass(frozen=True, slots=True)
class Marks:
    """What is searched for: words in any case, and phone numbers however they are written."""

    words: Collection[str]
    national_numbers: Collection[str] = ()
    """The ten digits; `.` stands for any of them."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches any of them; what stands between the digits of a number may be anything but letters and digits."""
        numbers = (r"\W{0,3}".join(digit.replace(".", r"\d") for digit in number) for number in self.national_numbers)
        return re.compile("|".join([*map(re.escape, self.words), *numbers]), re.IGNORECASE)

    def found_in(self, place: Mapping[str, str]) -> list[str]:
        """Return where in a place one stands, with what is around it."""
        pattern = self.pattern
        return [
            f"{where}: …{reading[max(0, hit.start() - 100) : hit.end() + 60]!r}…"
            for where, content in place.items()
            for reading in readings(content)
            for hit in pattern.finditer(reading)
        ]


def readings(content: str) -> Iterator[str]:
    """Return a content as it stands, and what it says where it is encoded for an address or in Base64."""
    yield content
    if "%" in content:
        yield unquote_plus(content)
    for run in _BASE_64.finditer(content):
        try:
            decoded = base64.b64decode(run[0], validate=True)
        except binascii.Error:
            continue
        yield as_text(decoded)


def as_text(value: object) -> str:
    """Return any value as text; bytes are unpacked if they are packed, and read as far as they can be."""
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        with suppress(zlib.error):
            value = zlib.decompress(value)
        return value.decode(errors="replace")
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


def in_tables(engine: Engine, *, but: Collection[str] = ()) -> dict[str, str]:
    """Return what stands in every table of a database, except in some."""
    with engine.connect() as connection:
        names = connection.scalars(
            text("""SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1""")
        ).all()
        found = {}
        for name in set(names).difference(but):
            rows = connection.execute(text(f"SELECT * FROM {name}")).mappings()
            found[name] = "\n".join(f"{column}={as_text(value)}" for row in rows for column, value in row.items())
    return found


def in_files(directory: Path, *, but: Path) -> dict[str, str]:
    """Return what stands in every file under a directory, and their names, except under another."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_relative_to(but)]
    return {
        "names": "\n".join(map(str, files)),
        **{str(path.relative_to(directory)): as_text(path.read_bytes()) for path in files},
    }


def in_broker(url: str) -> dict[str, str]:
    """Return every key of a Redis or Valkey, with its value."""
    # The client returns a coroutine or a value, says its type; this one returns values.
    client: Any = Redis.from_url(url)
    read = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    found = {as_text(key): "\n".join(_flat(read[client.type(key)](key))) for key in client.scan_iter()}
    client.close()
    return {"keys": "\n".join(found), **found}


def _flat(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple, set)):
        for each in value:
            yield from _flat(each)
    else:
        yield as_text(value)
