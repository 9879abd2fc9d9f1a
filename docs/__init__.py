"""The project's pages, and what makes those that are made from the code. Nothing imports this but its tests."""
