"""Settings of whole workflows: the trees that run files hold. Imports no torch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, field_serializer

from sslcli.config import Config, Count, CountOrAll, setting, with_defaults
from sslcli.core.presets import NAMES
from sslcli.core.settings import AdapterSettings, TransformerSettings
from sslcli.data.records.read_context import columns_named
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.engine.settings import (
    HardwareSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainingSettings,
)
from sslcli.grid import Grid
from sslcli.modalities import Frames, Modality
from sslcli.rows.schema import Schema


class ModelSettings(Config):
    """Shape of the Transformer and the weights to start from."""

    preset: str | None = setting(
        None,
        f"{', '.join(NAMES[:-1])} or {NAMES[-1]}; mini when not given",
        "--arch",
        panel="Model",
    )
    source: str | None = setting(
        None,
        "start from the weights of this run or model directory",
        "--model",
        "-m",
        panel="Model",
    )
    train: Literal["all", "head"] = setting(
        "all", "head: freeze the backbone and train only the head", "--train", panel="Model"
    )
    shape: dict[str, Any] = setting(
        {},
        "fields of the Transformer that differ from the preset (--set model.shape.depth=3)",
        part_of=TransformerSettings,
    )


class RunSettings(Config):
    """Where a run is written."""

    folder: str | None = setting(
        None, "run folder; runs/OBJECTIVE-DATE-TIME when not given", "--out", "-o", panel="Output"
    )
    name: str | None = setting(None, "name of the run folder under runs/", "--name", panel="Output")
    plot: bool = setting(True, "draw the loss curve as PNG", "--plot/--no-plot", panel="Output")
    track: tuple[str, ...] = setting(
        (),
        "tracker that figures go to beside the run folder (tensorboard, trackio, wandb, mlflow); "
        "may be repeated",
        "--track",
        panel="Output",
    )
    track_options: dict[str, dict[str, Any]] = setting(
        {}, "options by tracker (--set run.track_options.wandb.project=NAME)"
    )
    study: tuple[str, ...] = setting(
        (), "names of all the runs that this one is compared with, itself among them"
    )


class PretrainSettings(Config):
    """Everything that decides a pretraining run; saved resolved as config.yaml, it replays the run
    to the bit.
    """

    objective: str = setting(
        "mlm",
        "objective plugin: mlm, clm, bart, mass, denoise, nsp, sop, text-autoencoder; of images "
        "and tables autoencoder, mae, vq, vae, contrastive, distil-self; of recordings "
        "mask-frames, hubert, disentangle; two are joined as mlm+nsp",
        "--objective",
        panel="Model",
    )
    options: dict[str, dict[str, Any]] = setting(
        {}, "options by plugin name (--set options.mlm.mask_rate=0.3)"
    )
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    training: TrainingSettings = TrainingSettings()
    hardware: HardwareSettings = HardwareSettings()
    run: RunSettings = RunSettings()


class TokenizeSettings(Config):
    """What `ssl tokenize` needs: the same groups as in a run file of `ssl pretrain`."""

    data: DataSettings = DataSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()


class RowsOfModel(Config):
    """What a model reads that reads no text: rows of numbers, which readers give."""

    modality: Modality = setting("images", "what the rows are of: images, sound, table")
    features: int = setting(0, "numbers of a row", ge=0)
    grid: Grid | None = setting(None, "how images lie in the rows")
    frames: Frames | None = setting(None, "how recordings lie in the rows")
    table: dict[str, Any] | None = setting(None, "the columns of a table, one a row")
    options: dict[str, Any] = setting({}, "options of the readers, where they have such")

    @field_serializer("grid", "frames")
    def _plain(self, layout: Grid | Frames | None) -> list[float] | None:
        return None if layout is None else list(layout)

    @property
    def known_table(self) -> Schema | None:
        """The columns of a table."""
        return None if self.table is None else Schema.of(self.table)

    @property
    def described(self) -> str:
        """What is read, in words."""
        layout = self.grid or self.frames
        return f"rows of {self.features} numbers" if layout is None else layout.described


class LabelledSettings(Config):
    """Where labelled data comes from."""

    train: tuple[str, ...] = setting(
        ("demo:world",),
        "file, '-', demo:NAME, or SUITE:PART/SPLIT:FOLDER; 'en=FILE' says the language",
        "--data",
        "-d",
        panel="Data",
    )
    evaluation: tuple[str, ...] = setting(
        (),
        (
            "chooses the best checkpoint; a share of --data when "
            "not given; other languages are scored at the end"
        ),
        "--eval-data",
        panel="Data",
    )
    test: tuple[str, ...] = setting(
        (),
        "scored once, at the end; the data of --eval-data when not given",
        "--test-data",
        panel="Data",
    )
    held_out: float = setting(
        0.1,
        "share of the training data that is held out where there is no --eval-data",
        "--held-out",
        panel="Data",
        gt=0,
        lt=1,
    )
    limit: Count | None = setting(
        None, "read only this many examples of each (for testing)", "--limit", panel="Data", gt=0
    )
    skip_bad_records: CountOrAll = setting(
        0,
        "leave out up to this many unusable records, or all, and list them; 0: refuse",
        "--skip-bad-records",
        panel="Data",
    )
    columns: Annotated[tuple[str, ...], BeforeValidator(columns_named)] = setting(
        (),
        "names of the columns of a .csv or .tsv without a header, as text,label; - is not read",
        "--columns",
        panel="Data",
    )
    separator: str = setting(
        "",
        "what parts the columns of a table: comma, tab, semicolon, bar; found when not given",
        "--separator",
        panel="Data",
    )
    quoted: Literal["auto", "yes", "no"] = setting(
        "auto",
        "whether quotation marks enclose values of a .tsv or are text",
        "--quoted",
        panel="Data",
    )
    reader_options: dict[str, Any] = setting(
        {}, "options of the reader of demo:NAME, or of images and other rows"
    )
    rows: RowsOfModel | None = setting(
        None, "what is read in the place of text; found out from the model"
    )
    suite_options: dict[str, Any] = setting({}, "options of the suite of SUITE:PART/SPLIT:FOLDER")


Start = Literal["pretrained", "random", "shuffled-weights"]


class StartSettings(Config):
    """Which model is fine-tuned, and how much of it."""

    source: str | None = setting(
        None,
        "run or model directory; the newest pretraining run that fits when not given",
        "--model",
        "-m",
        panel="Model",
    )
    start: Start = setting(
        "pretrained", "random and shuffled-weights: the same shape without the trained weights"
    )
    freeze: bool = setting(False, "train the head only", "--freeze/--no-freeze", panel="Model")
    dropout: float | None = setting(
        None, "dropout; the model's own when not given", "--dropout", panel="Model", ge=0, lt=1
    )
    layer_decay: float = setting(
        1.0,
        "learning rate of each layer as a share of that of the layer above it",
        "--layer-decay",
        panel="Training",
        gt=0,
        le=1,
    )
    head_rate: float = setting(
        1.0, "learning rate of the head as a multiple of --lr", "--head-lr", panel="Training", gt=0
    )
    shape: dict[str, Any] = setting(
        {}, "the shape of the Transformer, as it was found", part_of=TransformerSettings
    )


class FinetuneOptimizer(with_defaults(OptimizerSettings, beta2=0.999)):
    """Optimizer settings with the defaults of fine-tuning."""

    rate: float = setting(
        5e-5,
        (
            "peak learning rate; when not given 5e-5 for a "
            "model of width 768, and more the narrower it is"
        ),
        "--lr",
        panel="Training",
        gt=0,
    )


FinetuneSchedule = with_defaults(ScheduleSettings, warmup=0.1)
FinetuneTraining = with_defaults(
    TrainingSettings, batch_size=32, milestones=False, keep=1, patience=5
)


class FinetuneSettings(Config):
    """Everything that decides a fine-tuning run; saved resolved as config.yaml, it replays the run
    to the bit.
    """

    task: str = setting("classify", "task plugin")
    options: dict[str, Any] = setting({}, "options of the task (--set options.NAME=VALUE)")
    labels: tuple[str, ...] = setting(
        (), "the possible answers, in the order of the head's outputs"
    )
    best_by: str | None = setting(
        None,
        (
            "score that decides which checkpoint is best, or several "
            "(f1+accuracy: their mean); the task's first when not given"
        ),
        "--best-by",
        panel="Training",
    )
    model: StartSettings = StartSettings()
    adapters: AdapterSettings = AdapterSettings()
    data: LabelledSettings = LabelledSettings()
    optimizer: FinetuneOptimizer = FinetuneOptimizer()
    schedule: FinetuneSchedule = FinetuneSchedule()
    training: FinetuneTraining = FinetuneTraining()
    hardware: HardwareSettings = HardwareSettings()
    run: RunSettings = RunSettings()


class AnswerSettings(Config):
    """What `ssl evaluate` and `ssl predict` need beside a model."""

    data: LabelledSettings = LabelledSettings(train=())
    options: dict[str, Any] = setting(
        {}, "options of the task that differ from those it was fine-tuned with"
    )
    batch_size: Count = setting(32, "sequences per batch", "--batch-size", panel="Hardware", gt=0)
    hardware: HardwareSettings = HardwareSettings()
