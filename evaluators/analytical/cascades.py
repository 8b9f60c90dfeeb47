"""The cascades of the paper, Einsum by Einsum (sections 2 and 4; docs/model/cascades.md).

M1 is the chunk of keys and M0 the position in the chunk; RM0, RD0 and RNV0 are the running values
of the previous chunk.
"""

from __future__ import annotations

from evaluators.describe.cascade import parse_einsums

FUSEMAX = parse_einsums("""
    QK[B,H,M1,M0,P]  = Q[B,E,H,P] * BK[B,E,H,M1,M0]          :: sum(E)
    LM[B,H,M1,P]     = QK[B,H,M1,M0,P]                       :: max(M0)
    RM[B,H,M1,P]     = max(LM[B,H,M1,P], RM0[B,H,M1,P])
    PRM[B,H,M1,P]    = exp(RM0[B,H,M1,P] - RM[B,H,M1,P])
    SPD[B,H,M1,P]    = PRM[B,H,M1,P] * RD0[B,H,M1,P]
    SPNV[B,F,H,M1,P] = PRM[B,H,M1,P] * RNV0[B,F,H,M1,P]
    SLN[B,H,M1,M0,P] = exp(QK[B,H,M1,M0,P] - RM[B,H,M1,P])
    SLD[B,H,M1,P]    = SLN[B,H,M1,P]                         :: sum(M0)
    SLNV[B,F,H,P]    = SLN[B,H,M1,M0,P] * BV[B,F,H,M1,M0]    :: sum(M1,M0)
    RD[B,H,M1,P]     = SPD[B,H,M1,P] + SLD[B,H,M1,P]
    RNV[B,F,H,M1,P]  = SPNV[B,F,H,M1,P] + SLNV[B,F,H,M1,P]
    AV[B,F,H,P]      = RNV[B,F,H,P] / RD[B,H,P]
""")
"""The 1-pass cascade of FuseMax, as the artifact models it: SLNV accumulates over chunks and SLD
reads an SLN without M0 (quirk Q6)."""

FUSEMAX_PER_CHUNK = FUSEMAX | parse_einsums("""
    SLNV[B,F,H,M1,P] = SLN[B,H,M1,M0,P] * BV[B,F,H,M1,M0]    :: sum(M0)
""")
"""The same with one SLNV a chunk, as its consumer RNV reads it (correction Q6)."""

THREE_PASS = parse_einsums("""
    QK[B,H,M,P] = Q[B,E,H,P] * K[B,E,H,M]           :: sum(E)
    M[B,H,P]    = QK[B,H,M,P]                       :: max(M)
    SN[B,H,M,P] = exp(QK[B,H,M,P] - M[B,H,P])
    SD[B,H,P]   = SN[B,H,M,P]                       :: sum(M)
    A[B,H,M,P]  = SN[B,H,M,P] / SD[B,H,P]
    AV[B,F,H,P] = A[B,H,M,P] * V[B,F,H,M]           :: sum(M)
""")
"""Attention with the numerically stable 3-pass softmax, of FLAT and the unfused baseline."""

LINEAR = parse_einsums("""
    Z[M,N] = A[M,K] * B[K,N] :: sum(K)
""")
"""A linear layer: activations A, weights B."""
