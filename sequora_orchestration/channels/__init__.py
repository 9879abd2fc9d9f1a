"""The doors by which messages leave, and by which it is learned what became of them."""
