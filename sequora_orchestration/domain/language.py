"""Tags of languages (BCP 47): reading them as applications spell them, and the languages that come next (RFC 4647).

Not here: the languages in which a text exists (`messages/phrase.py`).
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache

from langcodes import Language, standardize_tag, tag_is_valid

LAST_RESORT = "en"

# Records name the variety that somebody speaks, and texts are written in the language of all of its kind (ISO 639-3,
# https://iso639-3.sil.org/code_tables/macrolanguage_mappings). Creoles of Arabic are left out, and the Arabic of
# Cyprus, which is written in other letters. Of Kurdish, Quechua and the like only the leading variety counts (CLDR):
# who speaks another one does not read it.
_ARABIC = "aao abh abv acm acq acw acx adf aeb aec afb ajp apc apd arb arq ars ary arz auz avl ayh ayl ayn ayp shu ssh"
_CHINESE = "cdo cjy cmn cnp cpx csp czh czo gan hak hsn lzh mnp nan wuu yue"
_WRITTEN_AS = {**dict.fromkeys(_ARABIC.split(), "ar"), **dict.fromkeys(_CHINESE.split(), "zh")}

# Of the varieties it alone has a script of its own, the traditional one, unless its region or the tag says otherwise.
_CANTONESE = "yue"

# Private tags, and those of what is not determined, many, not coded, or no language (ISO 639-2).
_NO_LANGUAGE = {"x", "und", "mul", "mis", "zxx"}

# How people who know no tags call the languages that are likely.
_NAMES = {
    "english": "en",
    "spanish": "es",
    "espanol": "es",
    "chinese": "zh",
    "mandarin": "zh",
    "vietnamese": "vi",
    "haitian": "ht",
    "kreyol": "ht",
    "creole": "ht",
    "portuguese": "pt",
    "arabic": "ar",
    "russian": "ru",
    "korean": "ko",
    "french": "fr",
    "tagalog": "tl",
    "german": "de",
    "hindi": "hi",
    "polish": "pl",
}

# Each patient's spelling is read once; there are hundreds of languages, and a few spellings of each.
_SPELLINGS = 4096


def tag_of(spelt: str) -> str | None:
    """Return the canonical tag of a language: `es-MX` of `spa_mx`, `zh-Hant` of `ZH-hant`; None if it names none."""
    try:
        tag = standardize_tag(spelt.strip().replace("_", "-"))
        return tag if tag_is_valid(tag) and tag.split("-")[0] not in _NO_LANGUAGE else None
    except ValueError:
        return None


def language_and_region(spelt: str) -> str | None:
    """Return the tag of a language with its script and region alone; None if it names none.

    So it may be shown, whatever a row holds: private parts of a tag may say anything. What cannot be read at the tag's
    end is left out.
    """
    tag = tag_of(spelt) or tag_of(spelt.replace("_", "-").partition("-")[0])
    if tag is None:
        return None
    read = Language.get(tag)
    return Language.make(language=read.language, script=read.script, territory=read.territory).to_tag()


def language_meant(spelt: str) -> str | None:
    """Return the language that somebody means who gives its name, or a region, and no tag: `es` of `Spanish`."""
    name = get_close_matches(spelt.strip().lower(), _NAMES, n=1, cutoff=0.8)
    return _NAMES[name[0]] if name else _language_of_region(spelt)


def _language_of_region(region: str) -> str | None:
    """Return the language that most people of a region write, `vi` of `VN`; None if that is not known."""
    try:
        language = Language.make(territory=region.strip().upper()).maximize()
        return language.language if language.language != LAST_RESORT and tag_is_valid(f"und-{region}") else None
    except ValueError:
        return None


@lru_cache(maxsize=_SPELLINGS)
def languages_for(code: str | None) -> tuple[str, ...]:
    """Return the tags of the languages in which to text somebody, the best first: `es-MX`, `es`, and last English.

    `code` is whatever a database has. What cannot be read is left out from its end on: a wrong region costs nobody the
    own language.
    """
    tag = _readable(code or "")
    return tuple(dict.fromkeys([*(_looked_up(tag) if tag else ()), LAST_RESORT]))


def _readable(code: str) -> str | None:
    spelt = code.strip().replace("_", "-")
    for one in (spelt, spelt.split("-")[0]):
        try:
            tag = standardize_tag(one)
        except ValueError:
            continue
        return None if tag.startswith("x-") else tag  # a private tag names no language
    return None


def _looked_up(tag: str) -> Iterator[str]:
    """Yield a tag, and what is left of it when its ends are taken away (RFC 4647, section 3.4)."""
    language, _, rest = tag.partition("-")
    written = _written_as(language)
    as_written = f"{written}-{rest}" if rest else written
    yield from _longer_than_a_language(tag)
    if written != language:
        yield language
        yield from _longer_than_a_language(as_written)
    # Who writes `zh-TW` reads the other script than who writes `zh`.
    script = Language.get(tag if language == _CANTONESE else as_written).maximize().script
    if script and script != Language.get(written).maximize().script:
        yield f"{written}-{script}"
    yield written


def _written_as(language: str) -> str:
    """Return the language as which one is written: itself, unless it is a variety of another one."""
    return _WRITTEN_AS.get(language) or Language.get(language).prefer_macrolanguage().language or language


def _longer_than_a_language(tag: str) -> Iterator[str]:
    parts = tag.rstrip("-").split("-")
    while len(parts) > 1:
        yield "-".join(parts)
        parts.pop()
        if len(parts[-1]) == 1:  # what introduces an extension says nothing by itself
            parts.pop()
