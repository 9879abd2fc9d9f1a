"""Who is on call: the people who are told that a nurse does not act, or cannot be reached."""

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.on_call import ROLES_IN_ORDER
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.ledger.ledger import Ledger

# Why a message waits that has no recipient.
NOBODY = "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted"


def on_call(care: CareDatabase, ledger: Ledger) -> dict[User, str]:
    """Return the active supervisors and admins who can be texted, with their numbers."""
    users = care.users_of_roles(ROLES_IN_ORDER, on_call=True)
    numbers = {user: number for user in users if user.active is not False and (number := usable(user.primary_phone))}
    opted_out = ledger.opt_outs.moment(numbers.values()).opted_out
    return {user: number for user, number in numbers.items() if number not in opted_out}
