"""Reports: results as text for people."""
