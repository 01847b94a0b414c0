"""The command line: arguments and terminals live here only."""
