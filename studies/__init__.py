"""Studies: what to search, and the paper's own points."""
