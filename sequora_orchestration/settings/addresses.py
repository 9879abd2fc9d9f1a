"""Addresses in settings: of databases, of the broker, and of services over HTTP.

Here: checking an address, and bringing it into the form that is used. Not here: the settings that are addresses.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from sequora_orchestration.settings.environment import without_blanks

POSTGRES_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg2://")

# Supabase shows URLs for Prisma. These parameters are Prisma's own, and the library of Postgres refuses them.
PRISMA_PARAMETERS = ("connection_limit", "pgbouncer", "pool_timeout", "schema")


def postgres_url(value: str) -> str:
    """Return a Postgres URL of any usual form with its driver named. Raises ValueError."""
    # The settings of processes need no database, and SQLAlchemy is most of what they would import.
    from sqlalchemy import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    value = without_blanks(value)  # Dagster's configuration hands in the environment's value unchanged
    scheme = next((scheme for scheme in POSTGRES_SCHEMES if value.startswith(scheme)), None)
    if scheme is None:
        raise ValueError("must begin with postgresql:// or postgres://")
    try:
        # SQLAlchemy 2.1 uses psycopg 3 for `postgresql://`, and Dagster's storage breaks with psycopg 3.
        url = make_url("postgresql+psycopg2://" + value.removeprefix(scheme))
    except (ArgumentError, ValueError):
        raise ValueError("is not a URL") from None
    return url.difference_update_query(PRISMA_PARAMETERS).render_as_string(hide_password=False)


def _redis_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://")):
        raise ValueError("must begin with redis:// or rediss://")
    return value


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    if not re.fullmatch(r"https?://([^\s/:?#\[\]]+|\[[\da-fA-F:.]+\])(:\d{1,5})?(/[^\s?#]*)?", value):
        raise ValueError("is not an address")
    return value.rstrip("/")


def _http_origin(value: str) -> str:
    value = _http_url(value)
    if value.count("/") > len("//"):
        raise ValueError("must have no path")
    return value


def _any_http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+([/?][^\s#]*)?", value):
        raise ValueError("must begin with http:// or https:// and be an address")
    return value


# Hosts that only this machine can reach: traffic to them need not be encrypted.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def secure_url(value: str) -> str:
    """Return a URL of https, or of http on loopback, as it is. Raises ValueError, which does not repeat it."""
    if not value.isprintable() or not re.fullmatch(r"https?://[^\s\\/?#]+([/?#][^\s\\]*)?", value, re.IGNORECASE):
        raise ValueError("is not an address, https://…")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not an address, https://…") from None
    if not host or parts.username is not None:
        raise ValueError("must have a host, and no user or password")
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ValueError("must begin with https://, or with http:// on localhost, 127.0.0.1 or ::1")
    return value


PostgresUrl = Annotated[str, AfterValidator(postgres_url)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
AnyHttpUrl = Annotated[str, AfterValidator(_any_http_url)]
HttpOrigin = Annotated[str, AfterValidator(_http_origin)]
SecureUrl = Annotated[str, AfterValidator(secure_url)]
