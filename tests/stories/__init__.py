"""Stories of the whole running system: slow and few."""
