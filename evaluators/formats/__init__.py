"""Formats: Timeloop's input and loop-nest cases read in."""
