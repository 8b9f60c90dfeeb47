"""Results on disk: parts, sweeps, tables in and out."""
