"""The ledger: one row per message we mean to send, and every move it makes.

This module only puts the rooms together. Each thing that is done with rows has a room of its own beside it, with its
statements; each says why it is safe to run twice. The database itself holds the states and their moves
(`orchestration.notification_move`), and keeps the history of every change.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from sequora_orchestration.database import engine_for
from sequora_orchestration.ledger.application_log import ApplicationLog
from sequora_orchestration.ledger.attempts import Attempts
from sequora_orchestration.ledger.claims import Claiming
from sequora_orchestration.ledger.digests import Digests
from sequora_orchestration.ledger.doubts import DoubtfulTexts
from sequora_orchestration.ledger.figures import Overview
from sequora_orchestration.ledger.halts import Halts
from sequora_orchestration.ledger.leases import Leases
from sequora_orchestration.ledger.lost_attempts import LostAttempts
from sequora_orchestration.ledger.opt_outs import OptOuts
from sequora_orchestration.ledger.orders import Orders
from sequora_orchestration.ledger.owed import Owed
from sequora_orchestration.ledger.receipts import Receipts
from sequora_orchestration.ledger.reconciliations import Reconciliations
from sequora_orchestration.ledger.replays import Replays
from sequora_orchestration.ledger.replies import Replies
from sequora_orchestration.ledger.retention import Retention
from sequora_orchestration.ledger.room import Store
from sequora_orchestration.ledger.stories import Stories
from sequora_orchestration.ledger.tallies import Tallies
from sequora_orchestration.ledger.tellings import Tellings
from sequora_orchestration.ledger.terms import Terms
from sequora_orchestration.ledger.withheld import Withholding
from sequora_orchestration.settings.alarms import CanarySettings
from sequora_orchestration.settings.database import DatabaseSettings
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.workflows import WorkflowSettings


class Ledger:
    """All rooms of the ledger, over one database. Every move is one statement, safe to repeat."""

    def __init__(  # noqa: PLR0913
        self,
        engine: Engine,
        *,
        go_live_at: datetime | None = None,
        workflows: WorkflowSettings | None = None,
        delivery: DeliverySettings | None = None,
        has_canary: bool = False,
        is_rehearsal: bool = False,
    ) -> None:
        """Use `engine`; `go_live_at` overrides the moment that the migration recorded."""
        terms = Terms(
            go_live_at=go_live_at,
            has_canary=has_canary,
            workflows=workflows or WorkflowSettings(),
            delivery=delivery or DeliverySettings(),
        )
        self._store = Store(engine=engine, terms=terms, is_rehearsal=is_rehearsal)
        self.owed = Owed(self._store)
        self.claims = Claiming(self._store)
        self.leases = Leases(self._store)
        self.withheld = Withholding(self._store)
        self.digests = Digests(self._store)
        self.attempts = Attempts(self._store)
        self.application_log = ApplicationLog(self._store)
        self.doubts = DoubtfulTexts(self._store)
        self.lost_attempts = LostAttempts(self._store)
        self.receipts = Receipts(self._store)
        self.halts = Halts(self._store)
        self.opt_outs = OptOuts(self._store)
        self.orders = Orders(self._store)
        self.replays = Replays(self._store)
        self.stories = Stories(self._store)
        self.overview = Overview(self._store)
        self.tallies = Tallies(self._store)
        self.tellings = Tellings(self._store)
        self.replies = Replies(self._store)
        self.reconciliations = Reconciliations(self._store)
        self.retention = Retention(self._store)

    def rehearsal(self) -> "Ledger":
        """Return a ledger whose claims, and whose questions about rows that are due, change nothing in the end.

        Each such statement is rolled back as soon as it has answered.
        """
        terms = self._store.terms
        return Ledger(
            self._store.engine,
            go_live_at=terms.go_live_at,
            workflows=terms.workflows,
            delivery=terms.delivery,
            has_canary=terms.has_canary,
            is_rehearsal=True,
        )

    @property
    def unassigned_grace(self) -> timedelta:
        """How long a task may be without an assignee before the supervisors are told."""
        return self._store.terms.workflows.sequora_unassigned_grace

    @property
    def is_anybody_called(self) -> bool:
        """Whether nurses whom no text reaches are called."""
        return self._store.terms.call_for is not None

    @property
    def check_in_delay(self) -> timedelta:
        """How long after an episode's creation its patient is texted."""
        return self._store.terms.workflows.sequora_check_in_delay


def open_ledger() -> Ledger:
    """Return the ledger on SUPABASE_DB_URL. Raises SettingError."""
    settings = DatabaseSettings.load()
    return Ledger(
        engine_for(settings.supabase_db_url),
        go_live_at=settings.sequora_go_live_at,
        workflows=WorkflowSettings.load(),
        delivery=DeliverySettings.load(),
        has_canary=CanarySettings.load().is_on,
    )
