"""Assignment: whether tasks that come without an assignee are given to nurses, and whether that is possible."""

from sqlalchemy import Engine

from sequora_orchestration.application.application_map import ApplicationMap
from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.cli.checks.finding import Finding, fail, ok, warn
from sequora_orchestration.delivery.assigner import Assigner
from sequora_orchestration.domain.assignment import nobody_because
from sequora_orchestration.ledger.assignments import Assignments
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.settings.workflows import AssignmentSettings


def assignment(engine: Engine, application_map: ApplicationMap) -> Finding:
    """Look whether the map says how a task is assigned, and whether a nurse could be given a task now."""
    if not AssignmentSettings.load().assigns:
        return ok("off: the application assigns tasks")
    if not application_map.assignment:
        return fail(
            f"SEQUORA_ASSIGN is on, but the map {application_map.name} has no [assignment], which says what is written "
            "into a task's columns: nobody is given a task",
            to_do="write [assignment] into the map and run `sequora migrate`, or set SEQUORA_ASSIGN to off",
        )
    assigner = Assigner(assignments=Assignments(engine), care=CareDatabase(engine), ledger=Ledger(engine), run_id="")
    _, nurses = assigner.nurses()
    if because := nobody_because(nurses):
        return warn(
            f"nobody could be given a task now ({because}): the supervisors are told of each at once",
            to_do="see in the application that active nurses with a usable phone are on shift, and how many tasks each "
            "may have",
        )
    shifts = "no shifts are kept" if any(nurse.is_on_shift is None for nurse in nurses) else "by the shifts"
    return ok(f"tasks without an assignee are given to nurses ({shifts})")
