"""Search spaces: the parameters of each configuration, their domains, and the designs they span."""
