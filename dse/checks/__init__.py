"""Checks: what is installed, and whether it works."""
