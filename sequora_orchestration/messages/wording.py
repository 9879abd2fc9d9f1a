"""The wording in force: the phrases that are built in, and those of a clinic's own file in their place.

It is a value that is handed on, and read from nowhere. Not here: reading the file (`texts_file`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sequora_orchestration.domain.language import languages_for
from sequora_orchestration.domain.spoken import SpokenLine, as_text
from sequora_orchestration.messages.phrase import FOR_ALL, Phrase, Template

Given = Mapping[Phrase, Mapping[str, Template]]
"""The words of a file, by phrase and language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What texts say: their words, and the application's address that their links lead to."""

    app_url: str
    """Without a slash at its end."""

    given: Given = field(default_factory=dict)

    def say(self, phrase: Phrase, **values: str) -> str:
        """Return a phrase that exists in one language for all."""
        return self.template(phrase, FOR_ALL).filled(values)

    def chosen(self, phrase: Phrase, code: str | None) -> tuple[str, Template]:
        """Return the words for somebody with this language code, and their language: at worst it is English."""
        known = self.in_each_language(phrase)
        language = next(language for language in languages_for(code) if language in known)
        return language, known[language]

    def template(self, phrase: Phrase, language: str) -> Template:
        """Return the words in just this language. Raises KeyError."""
        return self.given.get(phrase, {}).get(language) or phrase.built_in[language]

    def spoken(self, phrase: Phrase) -> str:
        """Return the text form of a phrase that a call says, in one language after the other (`domain/spoken.py`)."""
        return as_text(
            SpokenLine(language, template.filled({})) for language, template in self.in_each_language(phrase).items()
        )

    def in_each_language(self, phrase: Phrase) -> Mapping[str, Template]:
        """Return the words in every language that is on, those that are built in first."""
        return {**phrase.built_in, **self.given.get(phrase, {})}
