"""The role that the running system uses, made as an operator makes it."""

from importlib.resources import files

from sqlalchemy import Engine, make_url, text

from sequora_orchestration import migrations

ROLE = "sequora"
ROLE_SQL = files(migrations) / "role.sql"


def make_role(owner: Engine, *, assigns: bool = False, writes_back: bool = False) -> None:
    """Run `role.sql` as the owner of the tables."""
    with owner.connect() as connection:
        connection.execute(text(f"SET sequora.assign = '{'on' if assigns else 'off'}'"))
        connection.execute(text(f"SET sequora.write_back = '{'on' if writes_back else 'off'}'"))
        connection.execute(text(ROLE_SQL.read_text(encoding="utf-8")))


def as_role(owner_url: str, *, password: str | None = None) -> str:
    """Return the URL with which the role logs in where the owner does with `owner_url`."""
    return make_url(owner_url).set(username=ROLE, password=password).render_as_string(hide_password=False)


def forbid_assigning(owner: Engine) -> None:
    """Take from the role what it needs to assign tasks, whether it has it or not: rights and policies."""
    with owner.connect() as connection:
        connection.execute(text(f'REVOKE UPDATE ON "EscalationTask" FROM {ROLE}'))
        policies = connection.scalars(
            text(
                "SELECT polname FROM pg_policy WHERE polrelid = '\"EscalationTask\"'::regclass AND polcmd IN ('w', '*')"
            )
        )
        for policy in policies.all():
            connection.execute(text(f'DROP POLICY {policy} ON "EscalationTask"'))
