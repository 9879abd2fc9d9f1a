"""The output of commands: pages, as plain text for programs, and laid out in colour for a person at a terminal.

A page is described once (`page`); its plain text is the same wherever it is written. `drawing` lays the same words out
with rich, and is imported only for a terminal, for commands must start quickly. `screen` knows whether stdout is one.
"""
