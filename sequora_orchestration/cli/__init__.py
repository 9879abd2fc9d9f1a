"""The command `sequora`: `commands.py` says what there is, and each command imports what it needs when it runs."""
