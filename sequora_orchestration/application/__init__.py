"""The seam to the application's tables: what we need of them, and the maps that say where it stands there.

Here: reading a map, holding it against a database's catalog, and making of it the five views and the functions through
which every statement of ours sees the application. Not here: those statements.
"""
