"""Makes the lists of the page `docs/texts.md` from the code: `make texts-page`. Its prose stays."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap

from sequora_orchestration.domain.spell import counted
from sequora_orchestration.domain.voices import LANGUAGES_WITH_A_VOICE
from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.phrase import FOR_ALL, ONE_LINE, Phrase, Template

PAGE = Path(__file__).with_name("texts.md")

TEXTS_BEGIN = "<!-- all texts, made by docs/texts_page.py -->"
PLACEHOLDERS_BEGIN = "<!-- the placeholders, made likewise -->"
OFF_BEGIN = "<!-- the words to be confirmed, made likewise -->"
VOICES_BEGIN = "<!-- the voices, made likewise -->"
END = "<!-- end -->"


def page(text: str) -> str:
    """Return the page with its lists made anew."""
    lists = {
        VOICES_BEGIN: _voices(),
        PLACEHOLDERS_BEGIN: _placeholders(),
        TEXTS_BEGIN: _texts(),
        OFF_BEGIN: _off(),
    }
    for begin, made in lists.items():
        before, rest = text.split(begin)
        _, after = rest.split(END, maxsplit=1)
        text = f"{before}{begin}\n\n{made}\n\n{END}{after}"
    return text


def _texts() -> str:
    return "\n\n".join(
        "\n\n".join([f"### {kind}", "\n".join(map(_described, some)), _toml(kind, some, off=False)])
        for kind, some in PHRASES.items()
    )


def _described(phrase: Phrase) -> str:
    may = ", ".join(f"**`{{{name}}}`**" if name in phrase.required else f"`{{{name}}}`" for name in phrase.placeholders)
    lines = "one line" if phrase.most_lines == ONE_LINE else f"{phrase.most_lines} lines"
    size = "spoken" if phrase.most_segments is None else counted(phrase.most_segments, "segment")
    return f"- `{phrase.name}`: {phrase.said}. At most {lines}; {size}; {may or 'no placeholders'}."


def _placeholders() -> str:
    names: dict[str, dict[str, None]] = {}
    for some in PHRASES.values():
        for phrase in some:
            for name, one in phrase.placeholders.items():
                names.setdefault(one.meaning, {})[f"`{{{name}}}`"] = None
    return "\n".join(f"- {', '.join(same)}: {meaning}" for meaning, same in names.items())


def _voices() -> str:
    listed = ", ".join(f"`{one}`" for one in LANGUAGES_WITH_A_VOICE)
    return "\n".join(wrap(f"{listed}.", 130, break_on_hyphens=False))


def _off() -> str:
    return "\n\n".join(_toml(kind, some, off=True) for kind, some in PHRASES.items() if _all_words(some, off=True))


def _toml(kind: str, phrases: Sequence[Phrase], *, off: bool) -> str:
    """Return the words of a kind as a file of texts has them."""
    return "\n".join(["```toml", "\n\n".join(_tables(kind, _all_words(phrases, off=off))), "```"])


def _all_words(phrases: Sequence[Phrase], *, off: bool) -> Mapping[str, Mapping[str, Template]]:
    """Return the words that are off, or those that are on: by language, and name of the phrase."""
    words: dict[str, dict[str, Template]] = {}
    for phrase in phrases:
        for language, template in (phrase.to_be_confirmed if off else phrase.built_in).items():
            words.setdefault(language, {})[phrase.name] = template
    return words


def _tables(kind: str, words: Mapping[str, Mapping[str, Template]]) -> Iterator[str]:
    for language, by_name in words.items():
        head = f"[{kind}]" if language == FOR_ALL else f"[{kind}.{language}]"
        yield "\n".join([head, *(f"{name} = {_quoted(template.text)}" for name, template in by_name.items())])


def _quoted(text: str) -> str:
    return f'"""\n{text}\n"""' if "\n" in text else f'"{text}"'


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
