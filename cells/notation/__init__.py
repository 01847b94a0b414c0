"""How a cell is written: its text, read and printed, and equations for people."""
