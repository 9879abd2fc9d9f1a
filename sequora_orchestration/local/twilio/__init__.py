"""A phone company on loopback: the part of Twilio's HTTP API that sends, finds and follows texts and calls.

`phone_company` decides and remembers. `app` puts it on the wire: `twilio_api` speaks as Twilio does, and `inbox` shows
the phones (`inbox.html`), with names from `phone_book`. `server` runs it all in a process or in a thread of the tests.
The project's other code reaches it through the official SDK, with only scheme and host swapped, and imports none of
it.
"""
