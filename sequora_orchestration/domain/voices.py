"""The languages in which the phone company has a voice. Not here: what is said in them (`spoken`)."""

# The values of `language` of <Say> that are tags of a language and a region: `SayLanguage` in Twilio's library for
# JavaScript, 6.3.1 (https://github.com/twilio/twilio-node); with samples of the voices
# https://www.twilio.com/docs/voice/twiml/say/text-speech.
_TAGS = (
    "af-ZA am-ET ar-AE ar-XA bg-BG bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-AT de-DE el-GR en-AU en-CA en-GB "
    "en-IE en-IN en-NZ en-US en-ZA es-ES es-MX es-US fi-FI fil-PH fr-BE fr-CA fr-FR gu-IN he-IL hi-IN hu-HU id-ID "
    "is-IS it-IT ja-JP kn-IN ko-KR lv-LV ml-IN mr-IN ms-MY nb-NO nl-BE nl-NL pa-IN pl-PL pt-BR pt-PT ro-RO ru-RU "
    "sk-SK sr-RS sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN yue-HK zh-CN zh-HK zh-TW"
)
LANGUAGES_WITH_A_VOICE = tuple(_TAGS.split())


def voices_near(tag: str) -> list[str]:
    """Return the languages with a voice that are the same but for their region; none if there is no voice for it."""
    language = tag.split("-", maxsplit=1)[0]
    return [one for one in LANGUAGES_WITH_A_VOICE if one.split("-", maxsplit=1)[0] == language]
