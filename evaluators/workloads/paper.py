"""The workloads of the paper: four transformers, six sequence lengths (FuseMax, section 6.1)."""

from __future__ import annotations

from evaluators.workloads.sizes import KI
from evaluators.workloads.transformer import Transformer

TRANSFORMERS = {
    shape.name: shape
    for shape in (
        #            name     B     D    E    F   H     S
        Transformer("BERT", 64, 768, 64, 64, 12, 3072),
        Transformer("TrXL", 64, 1024, 64, 64, 16, 4096),
        Transformer("T5", 64, 512, 64, 64, 8, 2048),
        Transformer("XLM", 64, 2048, 128, 128, 16, 8192),
    )
}
"""The paper's four transformers, in the order of its figures."""

SEQ_LENS = tuple(KI * 4**k for k in range(6))
"""The paper's six sequence lengths in tokens: 1K, 4K, 16K, 64K, 256K, 1M."""
