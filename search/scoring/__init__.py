"""What a person asks of cells beside a search, from a run or from cells to a table."""
