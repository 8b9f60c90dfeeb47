"""The application: the `dse` command."""
