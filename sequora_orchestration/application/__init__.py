"""The seam to the application's tables: the values that we need, and the maps that say where they stand.

Here: reading a map, checking it against a database's catalog, and making from it the five views and the functions
through which every statement of ours sees the application. Not here: those statements.
"""
