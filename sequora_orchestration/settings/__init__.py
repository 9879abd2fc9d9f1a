"""Every setting that comes from the environment, with its type, its default and its error.

Each module has the settings of one thing; `environment` has what they share, and `durations`, `addresses` and `senders`
have the types of their values. Nothing is read at import. A setting that is missing or wrong raises `SettingError`,
whose message names the variable, says what is wrong and what to do, and never repeats the value: it may be a secret.
"""
