"""The command `sequora`: `commands.py` lists its commands, and each imports its modules when it runs."""
