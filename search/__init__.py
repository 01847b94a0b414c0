"""The search: command line, configuration, procedure and results."""
