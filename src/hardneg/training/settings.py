"""Everything that steers training; the defaults and their sources are in docs/training.md."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from hardneg.components import Room, settle
from hardneg.errors import RecipeError
from hardneg.losses import LOSSES, WeightedSum, takes_log_q
from hardneg.losses.info_nce import InfoNCE
from hardneg.losses.protocol import Loss
from hardneg.models.options import Precision
from hardneg.negatives.plan import SOURCE
from hardneg.place import Place
from hardneg.training.lora import LoRA
from hardneg.training.masks import MASKS, Mask
from hardneg.training.pool.settings import LogQ, Queue
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.clusters import CLUSTERS, Clusters
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.sampling.replacement import Replacement
from hardneg.training.watch.settings import Watch

Schedule = Literal["linear", "cosine", "constant"]
Tracker = Literal["tensorboard", "wandb"]

ROOMS = {
    "loss": Room("loss", LOSSES, Loss, total=WeightedSum),
    "mask": Room("mask", MASKS, Mask),
    "clusters": Room("way to cluster batches", CLUSTERS, Clusters, inner={"source": SOURCE}),
}

# Settings that say how a run is watched and kept, not what comes out of it: they may change on resume.
OBSERVATION_SETTINGS = ("checkpoint_every", "trackers", "log_every")

# Settings that older folders of runs know nothing of: at their default they do not count when runs are told apart.
LATER_SETTINGS = (
    *("lora", "own_negatives", "in_batch", "curriculum", "refresh", "replacement", "queue", "matryoshka"),
    *("cache_tokens", "max_steps", "repeat_documents", "log_q", "trust_remote_code", "clusters", "watch"),
    *("mixing_power", "merge_adapters", "gradient_checkpointing"),
)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a model is trained.

    Args:
        loss: Function of the score matrix, or its name ("kl(teacher_temperature=0.05)"). An array of tables, each with
            a `weight`, is their weighted sum.
        mask: Decides in each step which negatives are left out as likely answers, or its name; None leaves none out.
        epochs: Times every pair is seen.
        max_steps: Steps of the whole run, over as many epochs as they take; None takes `epochs` whole epochs. The
            schedules of the learning rate and of a curriculum span these steps.
        batch_size: Pairs that share a pool, over all processes, at least 2.
        accumulate: Batches whose gradients are averaged before the model moves. It adds no negatives: see
            `cache_tokens`.
        learning_rate: Peak of the schedule; None takes one by the model: 9e-5 for transformers up to a width of 384,
            less in proportion for wider ones (4.5e-5 for 768), 0.03 for static embeddings.
        warmup_share: Share of all steps over which the rate climbs from 0, in [0, 1).
        schedule: How the rate falls after that: to 0 on a line, to 0 on a half cosine, or not at all.
        weight_decay: Decay of the weight matrices; biases and normalisation layers are left alone.
        max_grad_norm: The gradient is scaled down to this length if it is longer; None never scales it.
        precision: "bf16" multiplies in bfloat16 and keeps weights in float32; "auto" does so where the
            device has instructions for it.
        dropout: Whether the model's own dropout is on.
        lora: Adapters to train in place of the model's own weights; None trains all that the model has.
        merge_adapters: Whether the adapters are added to the model's own weights when training has ended, so that the
            trained model is whole and needs no PEFT.
        max_tokens: Texts are cut there in training; None takes the model's own limit, with which the trained model
            is saved either way.
        query_prompt: Text before each query; None takes what the model's own `encode_query` puts there, "" none.
            Either way it is saved with the model, under the name `query`.
        document_prompt: The same for documents, by `encode_document` and under the name `document`.
        trust_remote_code: Whether to run code that the model brings with it.
        negatives_per_row: Mined negatives of each pair in a batch; None takes all.
        repeat_documents: Whether a document may be the positive of several rows of a batch. It is one column of the
            pool either way. Where few documents answer many queries, as in recommenders, only then are batches drawn
            as the pairs are; without it the popular ones wait for batches of their own.
        clusters: How pairs that are near each other are brought into one batch, or its name ("greedy(size=16)"); None
            draws batches by chance.
        own_negatives: Whether a dataset's own negatives, documents that its labels call not relevant to a query, are
            trained on where no mined ones are given; a row gets at most 8, in turn, unless `negatives_per_row` is set.
        in_batch: Whether the positives of other rows are negatives too. Without them and without `shared_negatives` a
            query meets its own mined negatives alone.
        shared_negatives: Whether a mined negative serves all rows of its batch, or only its own.
        log_q: Correction for how documents are sampled into the pool; None corrects nothing.
        curriculum: Which mined negatives are drawn when; None gives each of them its turn.
        refresh: When negatives are mined again with the current weights; None keeps those that training began with.
        replacement: When a negative that has become too easy makes room for the query's next; None keeps all.
        watch: How often the model is measured on a development split while it is trained, and whether the best one is
            kept; None measures nothing.
        max_pairs: Cap on the pairs trained on, by a seeded choice of queries; None takes all.
        mixing_power: Of several datasets each gives batches by its number of them to this power, in [0, 1]: with 1 all
            its pairs once an epoch, with 0 as many as any other; an epoch is as long either way.
        queue: Documents of earlier steps that serve as negatives; None keeps none.
        matryoshka: The loss is the mean over vectors cut to each of these numbers of dimensions, so that the trained
            model can be used at any of them; empty trains whole vectors only.
        cache_tokens: Padded tokens whose way back through the model is kept at a time, so that a batch of any size
            fits into memory, for one more forward pass (gradient cache); None keeps those of the whole batch.
        gradient_checkpointing: Whether a transformer's layers keep only what goes into them, and compute the rest again
            on the way back: less memory for long texts and large models, for about one more forward pass.
        seed: Decides order, choices and dropout.
        checkpoint_every: Steps between checkpoints.
        trackers: Where else losses are sent: "tensorboard", "wandb".
        log_every: Steps between two points for the trackers; `loss.jsonl` gets every step.

    Raises:
        RecipeError: A value is outside its range.
    """

    loss: Loss = field(default_factory=InfoNCE)
    mask: Mask | None = None
    epochs: int = 1
    max_steps: int | None = None
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float | None = None
    warmup_share: float = 0.1
    schedule: Schedule = "linear"
    weight_decay: float = 0.01
    max_grad_norm: float | None = 1.0
    precision: Precision = "auto"
    dropout: bool = False
    lora: LoRA | None = None
    merge_adapters: bool = False
    max_tokens: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    trust_remote_code: bool = False
    negatives_per_row: int | None = None
    repeat_documents: bool = False
    clusters: Clusters | None = None
    own_negatives: bool = True
    in_batch: bool = True
    shared_negatives: bool = True
    log_q: LogQ | None = None
    curriculum: Curriculum | None = None
    refresh: Refresh | None = None
    replacement: Replacement | None = None
    watch: Watch | None = None
    max_pairs: int | None = None
    mixing_power: float = 1.0
    queue: Queue | None = None
    matryoshka: tuple[int, ...] = ()
    cache_tokens: int | None = None
    gradient_checkpointing: bool = False
    seed: int = 0
    checkpoint_every: int = 500
    trackers: tuple[Tracker, ...] = ()
    log_every: int = 10

    @property
    def peak(self) -> float:
        """The learning rate, which the model has chosen by now if the settings did not name it."""
        if self.learning_rate is None:
            raise RecipeError("training: learning_rate is chosen by the model, and none is loaded yet; name one")
        return self.learning_rate

    @property
    def without_mined(self) -> "TrainSettings":
        """The same settings without what needs mined negatives."""
        return replace(self, curriculum=None, refresh=None, replacement=None)

    def __post_init__(self) -> None:
        settle(self, Place(Path("training")), rooms=ROOMS)
        least = {"epochs": 1, "batch_size": 2, "accumulate": 1, "seed": 0, "checkpoint_every": 1, "log_every": 1}
        least |= {"max_tokens": 4, "negatives_per_row": 0, "max_pairs": 2, "cache_tokens": 1, "weight_decay": 0}
        least |= {"max_steps": 1}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise RecipeError(f"training: {name} must be at least {smallest}, not {value}")
        for name in ("learning_rate", "max_grad_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise RecipeError(f"training: {name} must be above 0, not {value}")
        if not 0 <= self.warmup_share < 1:
            raise RecipeError(f"training: warmup_share must be in [0, 1), not {self.warmup_share}")
        if not 0 <= self.mixing_power <= 1:
            raise RecipeError(f"training: mixing_power must be in [0, 1], not {self.mixing_power}")
        if min(self.matryoshka, default=1) < 1 or len(set(self.matryoshka)) < len(self.matryoshka):
            raise RecipeError(f"training: matryoshka must be numbers of dimensions, each once, not {self.matryoshka}")
        self._check_choosers()
        self._check_clusters()
        self._check_log_q()
        choices = [("schedule", self.schedule, Schedule), ("precision", self.precision, Precision)]
        for name, given, literal in [*choices, *(("trackers", tracker, Tracker) for tracker in self.trackers)]:
            if given not in get_args(literal):
                raise RecipeError(f"training: {name} must be one of {', '.join(get_args(literal))}, not {given!r}")

    def _check_choosers(self) -> None:
        """Make sure that at most one thing chooses a row's negatives, and knows how many."""
        for name in ("curriculum", "replacement"):
            if getattr(self, name) is not None and not self.negatives_per_row:
                raise RecipeError(f"training: a {name} needs negatives_per_row, how many each row gets, at least 1")
        if self.curriculum is not None and self.replacement is not None:
            raise RecipeError("training: curriculum and replacement both choose a row's negatives; leave one out")

    def _check_clusters(self) -> None:
        """Make sure that it matters which pairs share a batch, and that nothing counts on chance."""
        if self.clusters is None:
            return
        if not self.in_batch:
            raise RecipeError("training: clusters bring near positives into one batch; they need in_batch = true")
        if self.log_q is not None:
            raise RecipeError("training: log_q corrects for batches drawn by chance; leave it or clusters out")

    def _check_log_q(self) -> None:
        """Make sure that the chance of a document in the pool is known, and means something to the loss."""
        if self.log_q is None:
            return
        if not takes_log_q(self.loss):
            raise RecipeError(f"training: {self.loss} cannot be corrected by log_q; take info_nce or leave log_q out")
        if not (self.in_batch and self.repeat_documents):
            raise RecipeError(
                "training: log_q needs in_batch = true and repeat_documents = true: batches drawn as pairs are"
            )
        if self.queue is not None:
            raise RecipeError("training: log_q knows nothing of how a document stays in a queue; leave one of them out")
        if self.log_q.estimate == "counts" and (self.curriculum or self.replacement):
            raise RecipeError(
                "training: a curriculum or a replacement changes what is drawn, which no count beforehand knows; set "
                'log_q.estimate = "streaming"'
            )


def uncounted(settings: TrainSettings) -> frozenset[str]:
    """Name the later settings that are at their default, so that runs from before they existed go on."""
    default = TrainSettings()
    return frozenset(name for name in LATER_SETTINGS if getattr(settings, name) == getattr(default, name))
