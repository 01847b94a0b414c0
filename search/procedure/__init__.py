"""What a search does, as values in and values out: no file, clock or SQL."""
