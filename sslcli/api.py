"""The only door a plugin may import from (beside sslcli.testing, for its tests)."""

from sslcli.config import Config, Count, Seconds, setting
from sslcli.contracts import (
    Artifact,
    Family,
    Frame,
    Generates,
    Group,
    Key,
    Learnable,
    Loss,
    Objective,
    PieceTrainer,
    PredictsTokens,
    Ratio,
    Reader,
    Readout,
    TokenTargets,
    Views,
)
from sslcli.core.foreign import (
    ConfigField,
    ConfigReader,
    has_plain_heads,
    has_shape,
    layer_pattern,
    read_fields,
    rotary_base,
    write_fields,
)
from sslcli.core.generation import generate_tokens
from sslcli.core.heads import LanguageModelHead, PooledClassifier, RowClassifier
from sslcli.core.inputs import Edit, Hidden, Inputs
from sslcli.core.losses import TokenLoss, linear_cross_entropy
from sslcli.core.packing import Packing
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import ARRANGEMENTS, Rows, enclose, join_pair
from sslcli.data.batches import Batch, Sample
from sslcli.data.corpus import Corpus
from sslcli.data.documents import Document, Modality, Where
from sslcli.data.draws import Draws, SampleDraws
from sslcli.data.files import open_bytes, read_lines
from sslcli.data.passages import passages_of, spans_of
from sslcli.data.records import Record, parse_json, read_json, read_records, read_table
from sslcli.data.tokenizer import Tokenizer
from sslcli.errors import ConfigError, DataError, ModelError, PluginError, RunError, SslError, UsageError
from sslcli.labelled import Encoded, Example, GivesRecords, Prediction, ReadoutTask, Split, Suite, SuitePart, Task
from sslcli.reports import Curve, Passage, Report, Score, Span, Table

__all__ = [
    "ARRANGEMENTS",
    "Architecture",
    "Artifact",
    "Batch",
    "Config",
    "ConfigError",
    "ConfigField",
    "ConfigReader",
    "Corpus",
    "Count",
    "Curve",
    "DataError",
    "Document",
    "Draws",
    "Edit",
    "Encoded",
    "Example",
    "Family",
    "Frame",
    "Generates",
    "GivesRecords",
    "Group",
    "Hidden",
    "Inputs",
    "Key",
    "LanguageModelHead",
    "Learnable",
    "Loss",
    "Modality",
    "ModelError",
    "Objective",
    "Packing",
    "Passage",
    "PieceTrainer",
    "PluginError",
    "PooledClassifier",
    "Prediction",
    "PredictsTokens",
    "Ratio",
    "Reader",
    "Readout",
    "ReadoutTask",
    "Record",
    "Report",
    "RowClassifier",
    "Rows",
    "RunError",
    "Sample",
    "SampleDraws",
    "Score",
    "Seconds",
    "Span",
    "Split",
    "SslError",
    "Suite",
    "SuitePart",
    "Table",
    "Task",
    "TokenLoss",
    "TokenTargets",
    "Tokenizer",
    "Transformer",
    "TransformerSettings",
    "UsageError",
    "Views",
    "Where",
    "enclose",
    "generate_tokens",
    "has_plain_heads",
    "has_shape",
    "join_pair",
    "layer_pattern",
    "linear_cross_entropy",
    "open_bytes",
    "parse_json",
    "passages_of",
    "read_fields",
    "read_json",
    "read_lines",
    "read_records",
    "read_table",
    "rotary_base",
    "setting",
    "spans_of",
    "write_fields",
]
