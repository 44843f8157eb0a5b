"""Sources: where candidates come from."""

from hardneg.sources.approximate import Approximate
from hardneg.sources.bm25 import BM25
from hardneg.sources.dense import Dense
from hardneg.sources.fused import Fused
from hardneg.sources.given import Given
from hardneg.sources.indexes.elasticsearch import Elasticsearch, ElasticsearchText
from hardneg.sources.indexes.lance import LanceDB
from hardneg.sources.indexes.pgvector import PgVector, PostgresText
from hardneg.sources.indexes.qdrant import Qdrant
from hardneg.sources.judged import Judged
from hardneg.sources.merge import gather
from hardneg.sources.protocol import Source, identity
from hardneg.sources.random import Random
from hardneg.sources.related import Related
from hardneg.sources.run_file import RunFile
from hardneg.sources.vectors import Vectors

SOURCES = {
    "random": Random,
    "bm25": BM25,
    "dense": Dense,
    "vectors": Vectors,
    "judged": Judged,
    "related": Related,
    "run": RunFile,
    "given": Given,
    "fused": Fused,
    "approximate": Approximate,
    "qdrant": Qdrant,
    "lancedb": LanceDB,
    "pgvector": PgVector,
    "postgres_text": PostgresText,
    "elasticsearch": Elasticsearch,
    "elasticsearch_text": ElasticsearchText,
}

__all__ = [
    "BM25",
    "SOURCES",
    "Approximate",
    "Dense",
    "Fused",
    "Elasticsearch",
    "ElasticsearchText",
    "Given",
    "Judged",
    "LanceDB",
    "PgVector",
    "PostgresText",
    "Qdrant",
    "Random",
    "Related",
    "RunFile",
    "Source",
    "Vectors",
    "gather",
    "identity",
]
