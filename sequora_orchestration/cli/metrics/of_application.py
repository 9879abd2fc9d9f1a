"""The metrics for which the application's tables are read: tasks that nobody answers, and who is on call."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric

from sequora_orchestration.care.care_database import open_care_database
from sequora_orchestration.cli.metrics import catalog
from sequora_orchestration.delivery.on_call import on_call
from sequora_orchestration.domain.on_call import ROLES_IN_ORDER
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.ledger.measurements import open_measurements


def of_application() -> Iterator[Metric]:
    """Read tasks and people. Raises SettingError, SchemaMissingError and the database's errors."""
    yield catalog.UNANSWERED.at(len(open_measurements().unanswered_tasks()))
    roles = Counter(user.role for user in on_call(open_care_database(), open_ledger()))
    yield catalog.ON_CALL.of({(role,): roles[role] for role in ROLES_IN_ORDER})
