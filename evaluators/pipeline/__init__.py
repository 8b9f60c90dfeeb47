"""Schedules that can run: which Einsum of which step is where when arrays and memory overlap."""
