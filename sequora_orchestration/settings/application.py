"""The application that this system works for: the map of its tables, its address, and the link in check-ins.

Not here: its database (`database`).
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from sequora_orchestration.settings.addresses import HttpUrl, SecureUrl
from sequora_orchestration.settings.environment import Environment
from sequora_orchestration.settings.paths import LiteralPath


def _bearer_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be of letters, digits and signs of ASCII alone, without spaces")
    return value


BearerToken = Annotated[SecretStr, AfterValidator(_bearer_token)]


class ApplicationSettings(Environment):
    """The map of the application's tables."""

    sequora_application_map: LiteralPath | None = Field(
        title="a file that says so, for `sequora migrate` (docs/application.md); by default whichever of the two maps "
        "that come along fits",
        default=None,
        description="give the path of a map; `sequora map` proposes one.",
    )


class AppSettings(Environment):
    """The application that nurses open from a text."""

    sequora_app_url: HttpUrl = Field(
        title="the application; a text's link is `<app>/tasks/<task id>`",
        default="https://app.sequora.com",
        description="give the application's address, https://…",
    )


class CheckInLinkSettings(Environment):
    """The link in a check-in text, which the application makes."""

    sequora_check_in_link_url: SecureUrl | None = Field(
        title="the address that is asked (POST) for a check-in's link right before its text goes out; by default texts "
        "have none",
        default=None,
        repr=False,
        description="give the application's address for it, https://…, or http:// on this machine (localhost, "
        "127.0.0.1, ::1), or leave it out.",
    )
    sequora_check_in_link_token: BearerToken | None = Field(
        title="the bearer token that this address is asked with, if it wants one",
        default=None,
        repr=False,
        description="give the token that the address wants, without `Bearer`, or leave it out.",
    )
