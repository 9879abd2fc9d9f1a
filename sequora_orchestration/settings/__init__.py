"""Every setting that comes from the environment, with its type, its default and its error.

Each module has the settings of one subject; `environment` has their common part, and `durations`, `addresses` and
`senders` have the types of their values. Nothing is read at import. A missing or wrong setting raises `SettingError`,
whose message names the variable, the mistake and the remedy, and never repeats the value: it may be a secret.
"""
