"""Pages of lists, as the API has them: their size, their place, and the address of the next."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

PAGE_SIZES = range(1, 1001)
DEFAULT_PAGE_SIZE = 50


class Page:
    """A page of a list, as a request asks for it."""

    def __init__(self, request: Request) -> None:
        """Read its size and its place; `after` is the SID that ended the page before, or empty."""
        self._path, self._asked = request.url.path, dict(request.query_params)
        self.number = integer(self._asked, "Page", 0)
        self.size = min(max(integer(self._asked, "PageSize", DEFAULT_PAGE_SIZE), PAGE_SIZES[0]), PAGE_SIZES[-1])
        self.after = self._asked.get("PageToken", "").removeprefix("PA")

    def of(self, name: str, records: Sequence[Mapping[str, Any]], *, goes_on: bool) -> dict[str, Any]:
        """Return the page with these records, under the name that the API has for them."""
        number, start = self.number, self.number * self.size
        return {
            name: records,
            "page": number,
            "page_size": self.size,
            "start": start,
            "end": start + max(len(records) - 1, 0),
            "uri": self._uri(number),
            "first_page_uri": self._uri(0),
            "previous_page_uri": None,
            "next_page_uri": self._uri(number + 1, PageToken=f"PA{records[-1]['sid']}") if goes_on else None,
        }

    def _uri(self, page: int, **token: str) -> str:
        filters = {name: value for name, value in self._asked.items() if name not in {"Page", "PageToken"}}
        return f"{self._path}?{urlencode(filters | {'PageSize': self.size, 'Page': page} | token)}"


def integer(asked: Mapping[str, str], name: str, default: int) -> int:
    """Return the number under a name of a query, or the default if there is none."""
    value = asked.get(name, "")
    return int(value) if value.isdecimal() else default
