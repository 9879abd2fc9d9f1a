"""In which languages somebody is texted, however the application spells the code."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequora_orchestration.domain.language import language_and_region, language_meant, languages_for, tag_of


@pytest.mark.parametrize(
    ("code", "languages"),
    [
        ("es-MX", ("es-MX", "es", "en")),
        ("ES_us", ("es-US", "es", "en")),
        ("SPA", ("es", "en")),
        ("vie", ("vi", "en")),
        ("por", ("pt", "en")),
        ("pt-BR", ("pt-BR", "pt", "en")),
        ("ara", ("ar", "en")),
        ("arb", ("arb", "ar", "en")),
        ("HAT", ("ht", "en")),
        ("chi", ("zh", "en")),
        ("cmn", ("cmn", "zh", "en")),
        ("cmn-Hans-CN", ("cmn-Hans-CN", "cmn-Hans", "cmn", "zh-Hans-CN", "zh-Hans", "zh", "en")),
        ("zh_CN", ("zh-CN", "zh", "en")),
        ("zh-Hant-TW", ("zh-Hant-TW", "zh-Hant", "zh", "en")),
        ("zh-TW", ("zh-TW", "zh-Hant", "zh", "en")),
        ("yue", ("yue", "zh-Hant", "zh", "en")),
        ("yue-HK", ("yue-HK", "yue", "zh-HK", "zh-Hant", "zh", "en")),
        ("yue-Hans", ("yue-Hans", "yue", "zh-Hans", "zh", "en")),
        ("yue-US", ("yue-US", "yue", "zh-US", "zh-Hant", "zh", "en")),
        ("zh-min-nan", ("nan", "zh", "en")),
        ("nan-TW", ("nan-TW", "nan", "zh-TW", "zh-Hant", "zh", "en")),
        ("wuu", ("wuu", "zh", "en")),
        ("cdo", ("cdo", "zh", "en")),
        ("arz", ("arz", "ar", "en")),
        ("apc-SY", ("apc-SY", "apc", "ar-SY", "ar", "en")),
        ("acm", ("acm", "ar", "en")),
        ("ar-apc", ("ar-apc", "ar", "en")),
        ("pes", ("pes", "fa", "en")),
        ("prs", ("fa-AF", "fa", "en")),
        ("swh-KE", ("swh-KE", "swh", "sw-KE", "sw", "en")),
        ("ckb", ("ckb", "en")),
        ("pga", ("pga", "en")),
        ("es-u-co-trad", ("es-u-co-trad", "es-u-co", "es", "en")),
        ("es--MX", ("es", "en")),
        ("es-nowhere-at-all", ("es", "en")),
        ("en", ("en",)),
        ("en-GB", ("en-GB", "en")),
        ("OTHER", ("en",)),
        ("x-ours", ("en",)),
        ("", ("en",)),
        ("-", ("en",)),
        (None, ("en",)),
    ],
)
def test_the_code_itself_comes_first_then_what_is_left_of_it_and_english_last(
    code: str | None, languages: tuple[str, ...]
) -> None:
    """A language of three letters is the same as that of two, and a wrong region costs nobody the language."""
    assert languages_for(code) == languages


@given(
    st.text()
    | st.text("aespnESgPAxi-_ 1", max_size=9)
    | st.sampled_from(["en", "es", "spa", "ENG"]).flatmap(lambda code: st.text(max_size=9).map(lambda end: code + end))
)
@example("es\0")
def test_whatever_a_database_has_somebody_is_texted_and_spanish_is_spanish(code: str) -> None:
    """By the first part of the code, as it was before there were other languages."""
    languages = languages_for(code)
    assert languages[-1] == "en"
    first = code.strip().lower().replace("_", "-").split("-")[0]
    spoken = next(one for one in languages if one in {"en", "es"})
    assert spoken == ("es" if first in {"es", "spa"} else "en")


@pytest.mark.parametrize(
    ("spelt", "tag"),
    [
        ("es-mx", "es-MX"),
        ("SPA", "es"),
        ("zh_hant", "zh-Hant"),
        ("es-419", "es-419"),
        ("vn", None),
        ("spanish", None),
        ("", None),
        ("text", None),
        ("x-clinic", None),
        ("und", None),
        ("mul-US", None),
        ("zxx", None),
    ],
)
def test_a_tag_is_read_in_any_spelling_and_must_name_a_language(spelt: str, tag: str | None) -> None:
    """A region is no language."""
    assert tag_of(spelt) == tag


@pytest.mark.parametrize(
    ("region", "language"), [("vn", "vi"), ("BR", "pt"), ("us", None), ("xx", None), ("spa", None)]
)
def test_a_region_has_a_language_that_was_meant(region: str, language: str | None) -> None:
    """Who writes a region in its place is told."""
    assert language_meant(region) == language


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("zh_tw", "zh-TW"),
        ("zh-Hant-HK", "zh-Hant-HK"),
        ("vi-x-maria", "vi"),
        ("de-u-co-phonebk", "de"),
        ("en-!!", "en"),
        ("Maria Lopez", None),
        ("x-maria", None),
        ("OTHER", None),
        ("", None),
    ],
)
def test_of_a_code_only_its_language_and_region_are_shown(code: str, shown: str | None) -> None:
    """Its private parts may be a name."""
    assert language_and_region(code) == shown
