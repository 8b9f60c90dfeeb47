"""Commands: one module each; the parsers."""
