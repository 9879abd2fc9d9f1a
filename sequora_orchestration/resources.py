"""What Dagster hands to ops and sensors. Each reads the settings when it is made, and connects to nothing.

What these are made of stands without Dagster in `ledger/`, `care/`, `channels/` and `delivery/`.
"""

from dagster import ConfigurableResource, InitResourceContext

from sequora_orchestration.assets.figures import Instruments
from sequora_orchestration.care.care_database import open_care_database
from sequora_orchestration.channels.alarm import Alarm, open_alarm
from sequora_orchestration.delivery.assigner import Assigner
from sequora_orchestration.delivery.delivery import Delivery, open_delivery
from sequora_orchestration.delivery.reconcile import Reconciler, open_reconciler
from sequora_orchestration.delivery.wording_in_force import open_wording
from sequora_orchestration.domain.health import longest_doubt
from sequora_orchestration.ledger.assignments import open_assignments
from sequora_orchestration.ledger.ledger import Ledger, open_ledger
from sequora_orchestration.ledger.measurements import open_measurements
from sequora_orchestration.sensors.watch import slow_to_fail
from sequora_orchestration.settings.alarms import CanarySettings
from sequora_orchestration.settings.delivery import DeliverySettings


class LedgerResource(ConfigurableResource[Ledger]):
    """The ledger in the schema `orchestration` on SUPABASE_DB_URL."""

    def create_resource(self, context: InitResourceContext) -> Ledger:  # noqa: ARG002
        """Read the settings; raises SettingError, also for texts that nobody could send."""
        with slow_to_fail():
            open_wording()
            return open_ledger()


class DeliveryResource(ConfigurableResource[Delivery]):
    """What a run sends with: the ledger, the application's tables, the phone company."""

    def create_resource(self, context: InitResourceContext) -> Delivery:
        """Read the settings; raises SettingError."""
        return open_delivery(run_id=context.run.run_id if context.run else "")


class AssignerResource(ConfigurableResource[Assigner]):
    """What gives tasks to nurses: the application's tables, and the schema `orchestration`."""

    def create_resource(self, context: InitResourceContext) -> Assigner:
        """Read the settings; raises SettingError, after a pause: one tick would follow another at once."""
        with slow_to_fail():
            return Assigner(
                assignments=open_assignments(),
                care=open_care_database(),
                ledger=open_ledger(),
                run_id=context.run.run_id if context.run else "",
            )


class AlarmResource(ConfigurableResource[Alarm]):
    """How an engineer is told: SEQUORA_ALARM_URL, SEQUORA_ALARM_NUMBER."""

    def create_resource(self, context: InitResourceContext) -> Alarm:  # noqa: ARG002
        """Read the settings; raises SettingError."""
        return open_alarm()


class ReconcilerResource(ConfigurableResource[Reconciler]):
    """What a day is compared with: the ledger, and the phone company's list of texts."""

    def create_resource(self, context: InitResourceContext) -> Reconciler:  # noqa: ARG002
        """Read the settings; raises SettingError."""
        return open_reconciler()


class InstrumentsResource(ConfigurableResource[Instruments]):
    """What the figures are measured with: the ledger, the application's people, and the sensors that should tick."""

    sensors: list[str]

    def create_resource(self, context: InitResourceContext) -> Instruments:  # noqa: ARG002
        """Read the settings; raises SettingError."""
        return Instruments(
            measurements=open_measurements(),
            ledger=open_ledger(),
            care=open_care_database(),
            sensors=self.sensors,
            longest_doubt=longest_doubt(DeliverySettings.load().sequora_doubt_window),
            has_canary=CanarySettings.load().is_on,
        )
