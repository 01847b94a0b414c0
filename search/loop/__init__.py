"""A search in progress: the only place with time, store and pool at once."""
