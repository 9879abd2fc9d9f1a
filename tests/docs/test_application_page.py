"""The page on maps: its tables are the code's, and its examples are maps."""

import re
import tomllib

from docs.application_page import PAGE, page
from sequora_orchestration.application.contract import COMMANDS, VIEWS

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_says_every_section_and_key_as_the_code_does() -> None:
    """`make application-page` makes its tables anew."""
    assert page(TEXT) == TEXT
    for name, view in VIEWS.items():
        assert f"**`[{name}]`: " in TEXT
        assert all(f"| `{column}` |" in TEXT for column in view.columns)


def test_its_examples_can_be_read_and_have_no_key_that_nobody_knows() -> None:
    """Each is a part of a map."""
    examples = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    assert examples
    for example in examples:
        for name, section in tomllib.loads(example).items():
            if name in COMMANDS.values():
                assert all(isinstance(sql, str) for sql in section.values())
                continue
            assert section.keys() <= {"table", "statuses", "severities", "roles", *VIEWS[name].columns}
