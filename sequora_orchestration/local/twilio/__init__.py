"""A phone company on loopback: the part of Twilio's HTTP API that sends, finds and follows texts.

`phone_company` decides and remembers, `app` speaks HTTP for it and shows a phone inbox (`inbox.html`), with names
from `phone_book`; `server` runs it all in a process or in a thread of the tests. The project's code reaches it
through the official SDK, with only the scheme and the host swapped, and imports nothing of it.
"""
