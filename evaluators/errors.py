"""The one error that bad input raises."""


class InputError(ValueError):
    """Bad input: one sentence that says what is wrong, where, and what would be right.

    The command line prints it on standard error and exits with code 2.
    """
