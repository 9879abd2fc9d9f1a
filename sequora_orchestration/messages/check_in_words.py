"""The words of the check-in, in each language: who asks, what, that one can answer, where to turn, how to stop it.

Those in Spanish, Portuguese and Haitian Creole have no letter that GSM-7 does not have (á, í, ó, ú, ã, ç): one of them
would more than double the segments. Not here: when a check-in is due (`check_in`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sequora_orchestration.messages.phrase import MOST_TO_PATIENTS_WITH_LINK, Placeholder
from sequora_orchestration.messages.to_patients import FIRST_NAME, to_patients

# The longest link of a check-in, in septets: with it ours in GSM-7 have three segments, whatever the patient is called.
LONGEST_LINK = 200


@dataclass(frozen=True, slots=True)
class _Words:
    """A check-in, taken apart where the link stands, if it has one."""

    question: str
    before_link: str
    ending: str
    """The emergency line, and how to stop it."""

    between: str = " "
    """What stands between two sentences."""

    @property
    def without_link(self) -> str:
        return f"{self.question}{self.between}{self.ending}"

    @property
    def with_link(self) -> str:
        # The link is a line of its own: a full stop behind it would become part of it on some phones.
        return f"{self.question}{self.between}{self.before_link}\n{{link}}\n{self.ending}"


_CONFIRMED = {
    "en": _Words(
        "Hi{name}, this is your care team at Sequora. How are you feeling today? You can answer this text and we will "
        "read it.",
        "You can also use this link:",
        "In an emergency call 911. Reply STOP to end these texts.",
    ),
    "es": _Words(
        "Hola{name}, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder a este "
        "mensaje y lo leeremos.",
        "También puede usar este enlace:",
        "En una emergencia llame al 911. Responda STOP para dejar de recibir mensajes.",
    ),
}

# TO BE CONFIRMED BY A SPEAKER BEFORE USE, each of them. They are off until a file of texts names them.
_TO_BE_CONFIRMED = {
    # Chinese in simplified characters. To be confirmed by a speaker before use.
    "zh": _Words(
        "您好{name}，这里是您在 Sequora 的护理团队。您今天感觉怎么样？您可以直接回复这条短信，我们会阅读您的回复。",
        "您也可以使用这个链接：",
        "如有紧急情况，请拨打 911。回复 STOP 即可停止接收短信。",
        between="",
    ),
    # Chinese in traditional characters. To be confirmed by a speaker before use.
    "zh-Hant": _Words(
        "您好{name}，這裡是您在 Sequora 的照護團隊。您今天感覺如何？您可以直接回覆這則簡訊，我們會閱讀您的回覆。",
        "您也可以使用這個連結：",
        "如有緊急情況，請撥打 911。回覆 STOP 即可停止接收簡訊。",
        between="",
    ),
    # Vietnamese. To be confirmed by a speaker before use.
    "vi": _Words(
        "Chào{name}, đây là nhóm chăm sóc của quý vị tại Sequora. Hôm nay quý vị thấy thế nào? Quý vị cứ trả lời tin "
        "này, chúng tôi sẽ đọc.",
        "Hoặc dùng liên kết này:",
        "Khẩn cấp xin gọi 911. Trả lời STOP để ngừng nhận tin.",
    ),
    # Haitian Creole. To be confirmed by a speaker before use.
    "ht": _Words(
        "Bonjou{name}, se ekip swen ou nan Sequora. Kijan ou santi w jodi a? Ou ka reponn mesaj sa a, n ap li repons "
        "ou.",
        "Ou ka itilize lyen sa a tou:",
        "Si gen yon ijans, rele 911. Reponn STOP pou w pa resevwa mesaj sa yo ankò.",
    ),
    # Portuguese, as it is written in Brazil. To be confirmed by a speaker before use.
    "pt": _Words(
        "Oi{name}, aqui é a sua equipe de cuidados da Sequora. Como se sente hoje? Pode responder a esta mensagem, e "
        "vamos ler a sua resposta.",
        "Se preferir, use este link:",
        "Se for urgente, ligue para o 911. Responda STOP para parar de receber mensagens.",
    ),
    # Arabic. To be confirmed by a speaker before use.
    "ar": _Words(
        "مرحبًا{name}، معكم فريق الرعاية الخاص بكم في Sequora. كيف تشعرون اليوم؟ يمكنكم الرد على هذه الرسالة وسنقرأ "
        "ردكم.",
        "يمكنكم أيضًا استخدام هذا الرابط:",
        "في حالات الطوارئ اتصلوا بالرقم 911. أرسلوا STOP لإيقاف هذه الرسائل.",
    ),
}


def _texts(words: Mapping[str, _Words], *, with_link: bool) -> Mapping[str, str]:
    return {language: one.with_link if with_link else one.without_link for language, one in words.items()}


CHECK_IN_TEXT = to_patients(
    said="a patient is asked how it goes after the hospital",
    built_in=_texts(_CONFIRMED, with_link=False),
    to_be_confirmed=_texts(_TO_BE_CONFIRMED, with_link=False),
)
_LINK = Placeholder(
    meaning="the link that the application has made for this text",
    example="https://care.example/c/0123456789",
    longest="https://a/".ljust(LONGEST_LINK, "a"),
)
CHECK_IN_WITH_LINK = replace(
    to_patients(
        name="with-link",
        said="the check-in, where the application has made a link for it",
        built_in=_texts(_CONFIRMED, with_link=True),
        to_be_confirmed=_texts(_TO_BE_CONFIRMED, with_link=True),
    ),
    placeholders={"name": FIRST_NAME, "link": _LINK},
    required=frozenset({"link"}),
    most_segments=MOST_TO_PATIENTS_WITH_LINK,
)
