"""What a user has of their own: the two databases, and the settings with which a system runs on them."""

from least_rights import make_role

from sequora_orchestration.database import engine_for
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.addresses import postgres_url

# What a pooler asks our role for.
PASSWORD = "correct-horse-battery-staple"


def own_databases(server: EmbeddedPostgres, name: str) -> tuple[str, str]:
    """Make the application's database, migrated and with our role, and one for Dagster; return their owner's URLs."""
    care, dagster = f"care_{name}", f"dagster_{name}"
    server.create_database(care)
    server.create_database(dagster)
    make_care_tables(server.url(care), with_sample_people=False)
    url = postgres_url(server.url(care))
    engine = engine_for(url)
    migrate(engine)
    make_role(engine)
    return url, server.url(dagster)


def settings(supabase_db_url: str, dagster_url: str, twilio: TwilioServer) -> dict[str, str]:
    """Return the settings of a system on these databases, with this phone company."""
    return {
        "SUPABASE_DB_URL": supabase_db_url,
        "DAGSTER_PG_URL": dagster_url,
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
        "TWILIO_API_BASE_URL": twilio.url,
    }
