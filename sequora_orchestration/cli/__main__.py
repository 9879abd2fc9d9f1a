"""`python -m sequora_orchestration.cli` is `sequora`."""

from sequora_orchestration.cli.commands import main

main()
