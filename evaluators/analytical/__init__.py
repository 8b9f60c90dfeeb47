"""The analytical engine: Timeloop's dense loop-nest analysis on columns of designs."""
