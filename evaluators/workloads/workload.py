"""A workload: the queries and keys that a transformer layer attends, under a mask.

Extents of the engine's ranks follow (docs/model/workloads.md#ranks): heads of queries that share
keys and values are rows of one head, so that row r belongs to query r // g.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.errors import InputError, TooLarge
from evaluators.workloads.sizes import LONGEST, seq_len_label
from evaluators.workloads.transformer import SHAPE, Transformer


@dataclass(frozen=True)
class Workload:
    """A transformer layer at work: by default self-attention of as many keys as queries.

    Attributes:
        transformer: its shape.
        queries: tokens that attend, of a sequence: the last of the context.
        keys: tokens of the context, of a sequence; as many as the queries unless given.
        causal: query q attends the keys up to q + keys - queries.
        window: and of those the last so many; 0 for all.
        padded: what a side of an array leaves over is padded, instead of being infeasible.

    """

    transformer: Transformer
    queries: int
    keys: int = 0
    causal: bool = False
    window: int = 0
    padded: bool = False

    def __post_init__(self) -> None:
        if self.keys == 0:
            object.__setattr__(self, "keys", self.queries)
        own = self.queries == self.keys
        for what, tokens in (("queries", self.queries), ("keys", self.keys)):
            called = "sequence length" if own else what
            if tokens < 1:
                raise InputError(f"{called} {tokens}: it must be a positive integer")
            if tokens > LONGEST:
                raise TooLarge(f"{called} {tokens}: give 1 to 2^31 - 1 tokens")
        if self.causal and self.keys < self.queries:
            raise InputError(
                f"keys {self.keys}: a causal mask needs {self.queries} or more, as many as queries"
            )
        if self.window and not self.causal:
            raise InputError(f"window {self.window}: a sliding window needs a causal mask")

    @property
    def attended(self) -> int:
        """Keys that some query sees, M: those that no query sees are dropped first."""
        if not self.window:
            return self.keys
        return min(self.keys, self.queries + self.window - 1)

    @property
    def masked(self) -> bool:
        """Whether some query does not see some of the keys that are left."""
        return self.causal and self.queries > 1

    @property
    def pairs(self) -> int:
        """Pairs of a query and a key that it sees, of one head of queries of one sequence."""
        q, m = self.queries, self.attended
        if not self.masked:
            return q * m
        first = m - q + 1
        full = first * q + q * (q - 1) // 2
        if not self.window:
            return full
        beyond = max(0, m - self.window)
        return full - beyond * (beyond + 1) // 2

    @property
    def extents(self) -> dict[str, int]:
        """The extents that expressions of an accelerator may read (`WORKLOAD_RANKS`)."""
        shape = self.transformer
        return {
            "B": shape.batch,
            "H": shape.key_heads,
            "P": shape.group * self.queries,
            "M": self.attended,
            "E": shape.query_width,
            "F": shape.value_width,
            "D": shape.model_width,
            "S": shape.experts * shape.ffn_width,
            **self._layers,
        }

    @property
    def _layers(self) -> dict[str, int]:
        """Rows and widths of the linear layers (docs/model/workloads.md#linear-layers)."""
        shape, latent = self.transformer, self.transformer.latent
        keys = self.keys if self.queries > 1 else 0
        widths = {
            "QR": 0,
            "QC": shape.model_width,
            "QW": shape.heads * shape.query_width,
            "KW": shape.key_heads * shape.query_width,
            "VC": shape.model_width,
            "VW": shape.key_heads * shape.value_width,
            "ZC": shape.heads * shape.value_width,
        }
        if latent:
            widths |= {
                "QR": latent.query_rank,
                "QC": latent.query_rank or shape.model_width,
                "QW": shape.heads * (latent.nope_width + latent.rope_width),
                "KW": latent.key_rank + latent.rope_width,
                "VC": latent.key_rank,
                "VW": shape.heads * (latent.nope_width + latent.value_width),
                "ZC": shape.heads * latent.value_width,
            }
        return {
            "TQ": shape.batch * self.queries,
            "TK": shape.batch * (keys if shape.cross else self.queries),
            **widths,
            "GW": shape.gated * shape.experts * shape.ffn_width,
        }

    @property
    def mask(self) -> str:
        """'none' or 'causal'."""
        return "causal" if self.causal else "none"

    @property
    def called(self) -> str:
        """What it is called: 'BERT at 256K tokens'."""
        return f"{self.transformer.name} {self.told}"

    @property
    def told(self) -> str:
        """Say of how many tokens: 'at 8K tokens, causal', 'with 1 query on 8K keys'."""
        if self.queries == self.keys:
            text = f"at {seq_len_label(self.queries)} tokens"
        else:
            one = "query" if self.queries == 1 else "queries"
            text = f"with {seq_len_label(self.queries)} {one} on {seq_len_label(self.keys)} keys"
        if self.causal:
            text += ", causal"
        if self.window:
            text += f" in a window of {seq_len_label(self.window)}"
        if self.padded:
            text += ", padded"
        return text

    @property
    def identity(self) -> str:
        """All that results depend on, as a text that stays what it is."""
        shape = self.transformer
        sizes = {name: getattr(shape, name) for name in ("name", *SHAPE)}
        further = {
            name: value if isinstance(value, (bool, int)) else vars(value)
            for name, value in shape.further.items()
        }
        plain = vars(Workload(shape, self.queries))
        further |= {name: value for name, value in vars(self).items() if value != plain[name]}
        return f"{seq_len_label(self.queries)} {sizes | further}"
