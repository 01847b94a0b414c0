"""All there is to see of a run, as one page that opens offline."""
