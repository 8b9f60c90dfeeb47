"""A study as it runs: what it draws, its database, its home, its one driver."""
