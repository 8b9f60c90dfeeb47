"""The accelerators that ship with a binding of their own, as the engine evaluates them."""

from evaluators.describe.catalogue import described
from evaluators.describe.layers import shipped

BOUND = tuple(name for name in shipped() if described(name).open is None)
