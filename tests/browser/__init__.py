"""What a person sees: the web UI and the phone inbox of a running system, in headless Chromium."""
