"""Replies: whether members of staff may answer texts with commands, and whether the application learns of it."""

from typing import Literal

from pydantic import Field

from sequora_orchestration.settings.environment import Environment


class ReplySettings(Environment):
    """Whether staff may answer by text. STOP and START are obeyed in any case."""

    sequora_replies: Literal["off", "on"] = Field(
        title="`on` lets a nurse accept, resolve or hand over a task by answering its text, which says how in a fifth "
        "line (docs/replies.md)",
        default="off",
        description="give on, if staff may answer texts with commands, or off.",
    )
    sequora_write_back: Literal["off", "on"] = Field(
        title="`on` also writes into the application's tasks what was accepted or resolved by text; it needs rights "
        "(docs/production.md)",
        default="off",
        description="give on, if answers by text are to be written into the application's tasks, or off.",
    )

    @property
    def reads_commands(self) -> bool:
        """Whether commands of staff are obeyed."""
        return self.sequora_replies == "on"

    @property
    def writes_back(self) -> bool:
        """Whether the application's tasks are changed by what staff answer."""
        return self.sequora_write_back == "on"
