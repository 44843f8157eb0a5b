"""`hardneg encode`: a dataset's texts as vectors in files."""

from typing import Annotated

import typer

from hardneg.cli.consent import consent
from hardneg.cli.display import progress
from hardneg.cli.engine_options import scales
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import DocumentPrompt, Numbers, QueryPrompt, Runtime, TruncateDim, TrustRemoteCode
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, SkipInvalid, Yes, print_json, shown_place


@scales()
@reads_dataset
def encode(
    dataset: DatasetPath,
    model: Annotated[str, typer.Option(help="A model: Hub id, folder, package:NAME/FOLDER or https://HOST/v1#NAME.")],
    out: Out,
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Cut texts there; the model's own limit if not given.")
    ] = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    precision: Numbers = "auto",
    backend: Runtime = "torch",
    truncate_dim: TruncateDim = None,
    trust_remote_code: TrustRemoteCode = False,
    yes: Yes = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Encode documents and queries, for mining with `--source vectors(…)`, and for other tools."""
    from hardneg.data.reading import read_dataset
    from hardneg.sources import Dense
    from hardneg.verbs.encode import encode as encode_dataset

    source = Dense(
        model=model,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        max_tokens=max_tokens,
        precision=precision,
        backend=backend,
        truncate_dim=truncate_dim,
        trust_remote_code=trust_remote_code,
    )
    with progress(quiet=quiet or json) as pause:
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        made = encode_dataset(data, source, out=out, agree=lambda bills: consent(bills, yes=yes, pause=pause))
    place = shown_place(out)
    if json:
        print_json(_shape(place, made.n_documents, made.n_queries, made.dimension))
    else:
        typer.echo(
            f"{made.n_documents:,} documents and {made.n_queries:,} queries, {made.dimension} dimensions, in {place}. "
            f"Mine from them: --source \"vectors(document_vectors='{place}/documents.npy', "
            f"query_vectors='{place}/queries.npy')\""
        )


def _shape(place: str, documents: int, queries: int, dimension: int) -> dict[str, object]:
    return {"folder": place, "documents": documents, "queries": queries, "dimension": dimension}
