"""What `sequora doctor` looks at, an area a module. Nothing here changes anything, or prints a name or a number."""
