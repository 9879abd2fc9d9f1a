"""A phone company on loopback: the part of Twilio's HTTP API that sends, finds and follows texts.

`phone_company` decides and remembers. `app` puts it on the wire: `twilio_api` speaks as Twilio does, and `inbox` shows
the phones (`inbox.html`), with names from `phone_book`. `server` runs it all in a process or in a thread of the tests.
The project's code reaches it through the official SDK, with only the scheme and the host swapped, and imports nothing
of it.
"""
