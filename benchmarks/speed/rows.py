"""The rows of the table: what was promised, and which command measures it. Each has a module of its name here."""

ROWS = {
    "dense": "2 times `mine_hard_negatives(use_faiss=True)`, 6 times its default; search within 1.5 times the bare "
    "bf16 product; peak memory under vectors + 1.5 GB, flat in queries",
    "encoding": "3 times sentence-transformers' `encode`, and ahead of it with its model in bf16; nDCG@10 within 0.001 "
    "of float32",
    "end_to_end": "2.5 times `mine_hard_negatives`",
    "bm25": "as fast as the fastest of bm25s (numba) and tantivy, exact; indexing 3 times bm25s",
    "cross_encoder": "2 times `mine_hard_negatives(cross_encoder=…)`",
    "gradient_cache": "1.3 times `CachedMultipleNegativesRankingLoss`, no more memory, same gradients",
    "training_step": "1.5 times sentence-transformers' Trainer with its defaults, and ahead of it with its bf16",
    "refresh": "under 25 % of training time with `rescore`; a full one under the time of an epoch",
    "start": "`hardneg --help` under 0.3 s, no torch import",
    "growth": "time within 1.1 times linear, memory flat in queries",
    "plan": "`hardneg estimate` within a factor of 1.5 of what was measured",
}
