"""What commands print: pages, as plain text for programs, and laid out in colour for whoever looks at a terminal.

A page is described once (`page`); its plain text is the same wherever it is written. `drawing` lays the same words out
with rich, and is imported only when that is wanted, for commands must start quickly. `screen` knows which it is.
"""
