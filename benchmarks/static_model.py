"""A model whose training takes seconds: MiniLM's own vectors of single tokens, averaged over a text.

Studies with many cells take it where MiniLM is too dear. As in model2vec, every token of the vocabulary is encoded
alone, the vectors are turned to their 256 principal components, and frequent tokens, which come first in the
vocabulary, weigh less (log of the rank, after Zipf); the components are of equal variance, and the vectors before
weighing of equal length, which was best on the development queries of NL2Bash (.253) and NFCorpus (.190).
"""

from pathlib import Path

import numpy as np

DIMENSIONS = 256


def static_model(folder: Path, *, teacher: str) -> str:
    """Make the model of a folder, unless it is there, and name the folder."""
    if (folder / "modules.json").exists():
        return str(folder)
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    from hardneg.models.given import resolve_model

    model = SentenceTransformer(str(resolve_model(teacher)))
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    names = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    vectors = model.encode([name.removeprefix("##") for name in names], batch_size=512, normalize_embeddings=True)
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred.T @ centred)
    white = centred @ axes[:DIMENSIONS].T
    white /= white.std(axis=0)
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    weighed = white * np.log(1 + np.arange(len(names)))[:, None]
    static = StaticEmbedding(tokenizer, embedding_weights=weighed.astype(np.float32))
    SentenceTransformer(modules=[static], similarity_fn_name="cosine").save(str(folder))
    return str(folder)
