"""The checks of `sequora doctor`, a module for each area. No check changes anything, or prints a name or a number."""
