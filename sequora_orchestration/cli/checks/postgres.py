"""Reading a Postgres that may be down, slow or set up wrongly: a connection that cannot write, and errors in words.

A server's own message about a connection that failed repeats its address and its user, and with an unescaped sign in
the password a part of it. So the message is recognised here, and not shown.
"""

from psycopg2 import Error
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.cli.checks.finding import Finding, fail
from sequora_orchestration.database import without_values

# Seconds.
PATIENCE_TO_CONNECT = 5
PATIENCE_WITH_A_STATEMENT = 5

# Words of libpq, the server, PgBouncer or Supavisor, and the trouble that they mean; the first in a message counts.
TROUBLES = (
    (
        "password authentication failed",
        "the user or the password is wrong",
        "correct {variable}; signs like @ : / # in a password are written %40 %3A %2F %23",
    ),
    (
        "Tenant or user not found",
        "the pooler does not know the user",
        "behind Supabase's pooler the user of {variable} is <role>.<project>; copy the URL from its dashboard",
    ),
    ("no pg_hba.conf entry", "the server lets nobody in from here like this", "allow this host and user, with TLS"),
    (
        "could not translate host name",
        "its host name is not known",
        "correct {variable}; signs like @ : / # in a password are written %40 %3A %2F %23",
    ),
    (
        "Network is unreachable",
        "there is no way to its network",
        "Supabase's direct address is IPv6 only: use its pooler's URL, or give this machine IPv6",
    ),
    (
        "Connection refused",
        "nothing listens at its address",
        "start the server, or correct host and port in {variable}",
    ),
    ("No such file", "there is no socket at its path", "start the server, or correct the path in {variable}"),
    (
        "timeout expired",
        f"it does not answer within {PATIENCE_TO_CONNECT} s",
        "see whether the server is well, and whether a firewall lets this machine through to it; or correct {variable}",
    ),
    (
        "certificate",
        "TLS does not come about: a certificate is not trusted or not found",
        "correct sslmode and sslrootcert in {variable}",
    ),
    ("SSL", "TLS does not come about", "correct sslmode in {variable}, or let the server offer TLS"),
    ("sslmode", "its sslmode is none", "correct sslmode in {variable}: require or verify-full"),
    ("invalid", "its URL has a part that Postgres' library does not take", "correct the parameters of {variable}"),
    (
        "connection slots",
        "the server has no connection left",
        "end what holds connections, or raise max_connections",
    ),
    ("too many", "the server has no connection left", "end what holds connections, or raise the limit"),
    (
        "max clients",
        "the pooler has no connection left",
        "raise its pool size, or use its transaction mode (Supabase: port 6543)",
    ),
    ("does not exist", "there is no such database or user", "correct {variable}, or create it"),
    ("starting up", "the server is just starting", "wait, and try again"),
    ("shutting down", "the server is just ending", "start it, and try again"),
    ("recovery", "the server is recovering", "wait, and try again"),
)

INSUFFICIENT_PRIVILEGE = "42501"


def reading_engine(url: str) -> Engine:
    """Return an engine whose statements only read, and have a few seconds each; nothing is connected yet."""
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            "application_name": "sequora-doctor",
            "connect_timeout": PATIENCE_TO_CONNECT,
            "tcp_user_timeout": PATIENCE_TO_CONNECT * 1000,
        },
    )

    @event.listens_for(engine, "begin")
    def _has_a_few_seconds(connection: Connection) -> None:
        # Set for this transaction only: behind a pooler, others use the server's connection later.
        connection.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE_WITH_A_STATEMENT}s'"))

    return engine.execution_options(postgresql_readonly=True)


def trouble(error: DBAPIError, *, variable: str = "the database's URL") -> Finding:
    """Return a finding for an error of the database whose URL is in `variable`, without address, user or values."""
    if isinstance(error.orig, Error) and error.orig.pgcode:
        to_do = (
            "as the owner, run sequora_orchestration/migrations/role.sql, which grants what the system needs"
            if error.orig.pgcode == INSUFFICIENT_PRIVILEGE
            else "see the server's log for why, and try again"
        )
        return fail(f"the database refuses: {without_values(error.orig)}", to_do=to_do)
    message = str(error.orig)
    for words, said, to_do in TROUBLES:
        if words in message:
            return fail(f"cannot be reached: {said}", to_do=to_do.format(variable=variable))
    return fail("cannot be reached, or the connection broke", to_do=f"see the server's log, and correct {variable}")
