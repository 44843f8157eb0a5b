"""A large language model as a scorer, over an OpenAI-compatible endpoint."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import polars as pl

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.endpoints.key import check_address, read_key
from hardneg.engines import current_engine, is_here, share_of, shared
from hardneg.errors import MissingExtraError, RecipeError
from hardneg.progress import Advance, task
from hardneg.scoring.llm.cache import VerdictFile, verdict_file, verdicts_path
from hardneg.scoring.llm.cost import CostEstimate, estimate_requests
from hardneg.scoring.llm.prompt import Messages, PromptPairs, load_prompt, read_pairs
from hardneg.scoring.llm.verdict import Answer, Verdict, failure_report, score_of

_BLOCK = 256  # pairs that a worker of an engine asks about before the next


@dataclass(frozen=True)
class LLMJudge:
    """Score a pair by asking a model whether the document answers the query.

    Each verdict is kept on disk by content (model, prompt, form of answer, both texts), so no pair is paid for twice,
    whatever the endpoint, the dataset or the run. The key is read from the environment and written nowhere.

    Args:
        base_url: Of the API, such as `https://api.openai.com/v1` or `http://localhost:8000/v1`.
        model: Name of the model, as the server knows it.
        prompt: A text file with `{query}` and `{document}`; None takes the shipped one.
        answer: "yes_no" scores 1 and 0; "graded" asks for a grade from 0 to 3 and scores a third of it.
        api_key_env: Name of the environment variable with the key; "" sends none.
        concurrency: Requests at one time.
        timeout_s: A request that takes longer in all has failed.
        max_retries: How often to ask again after a failure that may pass; after malformed answers at most twice.
        backoff_s: Mean wait before the first retry; it doubles with each, up to a minute. A server that asks for
            a longer wait gets it.
        max_document_characters: Longer documents are cut there; None cuts none.
        temperature: Of the model; None leaves it to the server, and so does a server that refuses it.
        max_answer_tokens: Limit of an answer; None leaves it to the server.
        price_in: Of a million tokens sent, for the estimate.
        price_out: Of a million tokens answered, for the estimate.
        name: Whose score it is, in columns and reports.

    Raises:
        RecipeError: A value is out of range, the prompt cannot be used, or an option holds what may be a secret.

    References:
        Grades as in the TREC Deep Learning tracks, Craswell et al. (2020), arXiv:2003.07820, section 3.
    """

    base_url: str
    model: str
    prompt: str | Path | None = None
    answer: Answer = "yes_no"
    api_key_env: str = "OPENAI_API_KEY"
    concurrency: int = 8
    timeout_s: float = 60.0
    max_retries: int = 5
    backoff_s: float = 1.0
    max_document_characters: int | None = 8_000
    temperature: float | None = 0.0
    max_answer_tokens: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    name: str = "llm"

    self_storing: ClassVar[bool] = True
    squashed: ClassVar[bool] = True  # a verdict is no margin, whatever the form of answer

    def __post_init__(self) -> None:
        check_address(self.base_url, self.api_key_env, kind="llm_judge")
        if self.answer not in get_args(Answer):
            raise RecipeError(f"llm_judge: answer is {self.answer!r}; set it to {' or '.join(get_args(Answer))}")
        least: dict[str, float] = {"concurrency": 1, "max_document_characters": 1, "max_answer_tokens": 1}
        least |= {"timeout_s": 0.001, "max_retries": 0, "backoff_s": 0, "temperature": 0, "price_in": 0, "price_out": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and not value >= smallest:
                raise RecipeError(f"llm_judge: {name} is {value}; set it to {smallest:g} or more")
        load_prompt(self.prompt, self.answer)  # a missing file shows now, not after hours of mining

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs by their verdicts: 1 for yes and 0 for no, or a third of the grade; raises as `judge` does."""
        verdicts = self._verdicts(dataset, query, document)
        return np.array([score_of(each.verdict, self.answer) for each in verdicts], dtype=np.float32)

    def judge(self, dataset: Dataset, query: Rows, document: Rows) -> pl.DataFrame:
        """Judge pairs and keep the words.

        Args:
            dataset: Where the texts are.
            query: Positions of queries.
            document: Positions of documents, one for each query.

        Returns:
            A row for each pair, in the order given, with columns query, document, verdict ("yes", "no", or "0" to
            "3"), score and reason.

        Raises:
            RunError: Some pairs have no verdict; those that have one were kept.
            ModelError: The server refuses the key or the model.
            MissingExtraError: The packages for requests are not installed.
        """
        verdicts = self._verdicts(dataset, query, document)
        return pl.DataFrame(
            [
                pl.Series("query", query, dtype=pl.Int32),
                pl.Series("document", document, dtype=pl.Int32),
                pl.Series("verdict", [each.verdict for each in verdicts], dtype=pl.String),
                pl.Series("score", [score_of(each.verdict, self.answer) for each in verdicts], dtype=pl.Float32),
                pl.Series("reason", [each.reason for each in verdicts], dtype=pl.String),
            ]
        )

    def estimate(self, dataset: Dataset, query: Rows, document: Rows) -> CostEstimate:
        """Say what judging these pairs will take, in tokens and, if prices are known, in money; nothing is sent."""
        pairs = self._pairs(dataset, query, document)
        with shared(verdict_file, verdicts_path()) as file:
            verdicts = file.read(pairs.distinct)
        lengths = [sum(len(part["content"]) for part in messages) for _, messages in pairs.without(verdicts)]
        return estimate_requests(
            len(pairs.distinct),
            lengths,
            answer_tokens=self.max_answer_tokens,
            price_in=self.price_in,
            price_out=self.price_out,
        )

    def fingerprint(self) -> str:
        """Hash of the model, the prompt's text, the form of answer, the cut and the settings of generation."""
        return self._digest(self.max_document_characters).hex()

    def _digest(self, *more: object) -> bytes:
        prompt = load_prompt(self.prompt, self.answer)
        temperature = None if self.temperature is None else float(self.temperature)
        decisive = [self.model, self.answer, temperature, self.max_answer_tokens, prompt.rules, prompt.task, *more]
        return hashlib.blake2b(json.dumps(decisive).encode(), digest_size=16).digest()

    def _pairs(self, dataset: Dataset, query: Rows, document: Rows) -> PromptPairs:
        prompt = load_prompt(self.prompt, self.answer)
        cut = self.max_document_characters
        return read_pairs(dataset, query, document, prompt=prompt, cut=cut, judge=self._digest())

    def _verdicts(self, dataset: Dataset, query: Rows, document: Rows) -> list[Verdict]:
        pairs = self._pairs(dataset, query, document)
        with shared(verdict_file, verdicts_path()) as file:
            verdicts = file.read(pairs.distinct)
            if len(verdicts) < len(pairs.distinct):
                self._judge_missing(pairs, verdicts, file)
                verdicts = file.read(pairs.distinct)
        return [verdicts[pair] for pair in pairs.rows]

    def _judge_missing(self, pairs: PromptPairs, verdicts: dict[bytes, Verdict], file: VerdictFile) -> None:
        missing = pairs.without(verdicts)
        with task("judging pairs", total=len(pairs.distinct), unit="pairs") as advance:
            advance(len(verdicts))
            if is_here():
                self.ask(missing, file, advance, n_pairs=len(pairs.distinct), n_known=len(verdicts))
                return
            work = Judgements(self, list(missing))
            for number in current_engine().each(work, range(-(-len(work.pairs) // _BLOCK))):
                advance(len(work.block(number)))

    def ask(
        self,
        pairs: Iterator[tuple[bytes, Messages]],
        file: VerdictFile,
        advance: Advance,
        *,
        n_pairs: int,
        n_known: int,
    ) -> None:
        """Ask about pairs, as many at a time as this process may; a RunError says of which there is no verdict."""
        if find_spec("httpx2") is None:
            raise MissingExtraError("httpx2", extra="llm", purpose=f"the judge {self.name!r}")
        from hardneg.scoring.llm.run import Judging, judge_pairs

        judge = replace(self, concurrency=share_of(self.concurrency))
        tally = judge_pairs(Judging(judge, read_key(self.api_key_env), pairs, file.write, advance))
        if tally.failures:
            raise failure_report(
                tally.failures,
                name=self.name,
                n_pairs=n_pairs,
                n_asked=n_known + tally.n_judged + len(tally.failures),
                path=verdicts_path(),
            )


@dataclass(frozen=True, eq=False)
class Judgements:
    """Pairs that a judge is asked about, block by block; each verdict is kept at once."""

    judge: LLMJudge
    pairs: list[tuple[bytes, Messages]]

    @property
    def scorers(self) -> tuple[LLMJudge]:
        """Who judges."""
        return (self.judge,)

    def block(self, number: int) -> list[tuple[bytes, Messages]]:
        """Give the pairs of a block."""
        return self.pairs[number * _BLOCK : (number + 1) * _BLOCK]

    def do(self, number: int) -> None:
        """Ask about a block, but for the pairs that a worker who was lost had asked about."""
        block = self.block(number)
        with shared(verdict_file, verdicts_path()) as file:
            verdicts = file.read([pair for pair, _ in block])
            missing = (each for each in block if each[0] not in verdicts)
            self.judge.ask(missing, file, lambda _: None, n_pairs=len(block), n_known=len(verdicts))
