"""At which line of a TOML file its keys stand."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.messages.toml_lines import line_of, lines_of

SOURCE = '''# [no.table]
[task-created]  # a comment
text = """
[also.none]
key = "\\""" " ""
"""
[ check-in . "es-MX" ]
text = 'a # b'
'with-link' = "it's \\"quoted\\" [x]"

[check-in.vi]
use = "built-in"
a.b."c.d" = [
  # [in.an.array]
  "x", {y = 1},
]
last = 1
[[many]]
one = { two = 2 }
'''


def test_each_head_and_key_has_its_line() -> None:
    """Plain, quoted and dotted; what looks like one in a string, an array or a comment has none."""
    assert tomllib.loads(SOURCE)
    assert lines_of(SOURCE) == {
        ("task-created",): 2,
        ("task-created", "text"): 3,
        ("check-in",): 7,
        ("check-in", "es-MX"): 7,
        ("check-in", "es-MX", "text"): 8,
        ("check-in", "es-MX", "with-link"): 9,
        ("check-in", "vi"): 11,
        ("check-in", "vi", "use"): 12,
        ("check-in", "vi", "a"): 13,
        ("check-in", "vi", "a", "b"): 13,
        ("check-in", "vi", "a", "b", "c.d"): 13,
        ("check-in", "vi", "last"): 17,
        ("many",): 18,
        ("many", "one"): 19,
    }


@pytest.mark.parametrize(
    ("path", "line"), [(("many", "one", "two"), 19), (("check-in", "fr", "text"), 7), (("x",), None)]
)
def test_what_has_no_line_has_that_of_what_it_is_part_of(path: tuple[str, ...], line: int | None) -> None:
    """Within an inline table, say."""
    assert line_of(lines_of(SOURCE), path) == line


KEYS = st.text("ab-1_", min_size=1, max_size=4) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=4
).map(lambda key: '"{}"'.format(key.replace("\\", "\\\\").replace('"', '\\"')))
STRINGS = st.sampled_from(
    ['"a"', "'b # c'", '"""\nx = 1\n[y]\n"""', "'''\n[z]\n'''", '"""a"b""""', '"\\"="', "''", '""']
)
VALUES = STRINGS | st.lists(STRINGS, max_size=3).map(lambda some: "[\n" + ",\n".join(some) + "]") | st.just("{a = 1}")


@given(st.lists(st.tuples(st.booleans(), KEYS, VALUES, st.sampled_from(["", " # [c]", "  "])), max_size=8))
def test_every_table_and_key_that_the_reader_reads_has_its_line(parts: list[tuple[bool, str, str, str]]) -> None:
    """Whatever stands around it."""
    source, expected, line = "", list[int](), 1
    for is_head, key, value, comment in parts:
        part = f"[{key}]{comment}\n" if is_head else f"{key} = {value}{comment}\n"
        source += part
        expected.append(line)
        line += part.count("\n")
    try:
        read = tomllib.loads(source)
    except tomllib.TOMLDecodeError:
        return  # the same key twice
    lines = lines_of(source)
    assert set(paths(read)) <= lines.keys() | {path for path in paths(read) if path[-1] == "a" and path[:-1] in lines}
    assert sorted(lines.values()) == expected


def paths(table: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    return [
        path
        for key, one in table.items()
        for path in [(*above, key), *(paths(one, (*above, key)) if isinstance(one, dict) else [])]
    ]
