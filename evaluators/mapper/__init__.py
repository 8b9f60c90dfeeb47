"""The open binding space: every legal way to run a cascade on a machine, searched exactly."""
