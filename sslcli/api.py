"""The only module that a plugin may import from (beside sslcli.testing, for its tests)."""

from sslcli.config import Config, Count, Seconds, parse_shares, setting
from sslcli.contracts.abilities import (
    Artifact,
    Converts,
    Encodes,
    Generates,
    HasIdleOptions,
    HasRowBaselines,
    Illustrates,
    Quantizes,
    Restoration,
    Restores,
)
from sslcli.contracts.examples import Annotated, Encoded, Example, Prediction, Split
from sslcli.contracts.family import Family, Key
from sslcli.contracts.learnable import Context, Learnable
from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.loss import Histogram, Loss, ModelBatch, Moments, Ratio, SampledRows
from sslcli.contracts.objective import Objective, PredictsTokens, Readout, TokenTargets
from sslcli.contracts.parameters import Follower, Group
from sslcli.contracts.probe import FrozenModel, HiddenBatch, Part, Probe, ProbeData, mean_row
from sslcli.contracts.prompts import OpenPrompts, Prompt, Prompts
from sslcli.contracts.reader import Computed, GivesRecords, HasLanguages, Reader
from sslcli.contracts.scorer import Scorer
from sslcli.contracts.shift import Shift
from sslcli.contracts.suite import Suite, SuitePart
from sslcli.contracts.task import Annotates, Describes, ReadoutTask, Task
from sslcli.contracts.tokenizer import PieceTrainer
from sslcli.contracts.tracker import TrackedRun, Tracker
from sslcli.core.attention_maps import attention_maps
from sslcli.core.beams import LARGEST_POWER, Beam, BeamRules, EarlyStopping, beam_search
from sslcli.core.cache import Cache
from sslcli.core.generation import (
    Continuation,
    Writer,
    evaluating,
    generate_tokens,
    refuse_too_long,
)
from sslcli.core.heads import LanguageModelHead, PooledClassifier, RowClassifier
from sslcli.core.inputs import Edit, Hidden, Inputs, in_double
from sslcli.core.losses import TokenLoss, linear_cross_entropy
from sslcli.core.packing import Packing
from sslcli.core.rules import TokenRules
from sslcli.core.sampling import Sampling
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import ARRANGEMENTS, Rows, enclose, join_pair
from sslcli.data.arrow_files import ArrowFile
from sslcli.data.batches import Batch, Sample
from sslcli.data.corpus import Corpus
from sslcli.data.documents import Document, Where
from sslcli.data.files import open_bytes, read_lines
from sslcli.data.items import Items
from sslcli.data.records.continuing import Parsed, Unreadable
from sslcli.data.records.json_records import parse_json, read_json
from sslcli.data.records.label_columns import in_usual_case
from sslcli.data.records.label_marks import means_no_label
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.data.records.read_context import Names, current_reading, remark
from sslcli.data.records.record import Record
from sslcli.data.records.records import read_records, read_table
from sslcli.data.records.tables import read_rows
from sslcli.data.records.translations import Pair, distinct_pairs, languages_in, read_pairs
from sslcli.data.records.turns import turns_of
from sslcli.data.rng import Rng, SampleRng
from sslcli.data.special_tokens import SpecialToken
from sslcli.data.table_rows import in_two_parts, refuse_missing_columns
from sslcli.data.text.chat_template import ASSISTANT, SYSTEM, USER
from sslcli.data.text.chats import Chat, EncodedChat
from sslcli.data.text.sentences import split_sentences
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.item_records import read_recordings
from sslcli.datasets.locate import split_language
from sslcli.deferred import Deferred
from sslcli.engine.processes.gather import gather
from sslcli.errors import (
    ConfigError,
    DataError,
    ModelError,
    PassedOver,
    PluginError,
    RunError,
    SslError,
    UsageError,
    choices,
    naming_text,
)
from sslcli.grid import Grid
from sslcli.kits.cloze import words_told
from sslcli.kits.collapse import at_least_float32, collapse_signals
from sslcli.kits.conversion import (
    converted_items,
    converter_of,
    item_codes_along,
    item_styles,
)
from sslcli.kits.image_views import ViewOptions, image_views, unread_views
from sslcli.kits.images import gallery, image_tables
from sslcli.kits.items import (
    decoded_codes,
    decoded_ids,
    item_code_ids,
    item_codes,
    item_images,
    item_layers,
    item_row_layers,
    part_with,
    quantizer_of,
    reconstructed_items,
    restored_items,
    untrained,
)
from sslcli.kits.layouts import NUMBERS_OF_RECORD, Counting, item_tables, usual_rows
from sslcli.kits.record_views import record_views, seen_columns, spread_views
from sslcli.kits.row_decoder import RowDecoder
from sslcli.kits.sequence_task import SequenceTask
from sslcli.kits.sound import as_sound, frame_tables, griffin_lim, heard, log_mel, mel_filters
from sslcli.kits.word_vectors import (
    Located,
    Pool,
    WordOccurrence,
    balanced,
    labelled_uses,
    locate_words,
    sense_uses,
    sentence_vectors,
    static_vectors,
    usable,
    usable_texts,
    word_vectors,
)
from sslcli.metrics.bleu import bleu, bleu_rows, bleu_signature, bleu_tokenizer
from sslcli.metrics.chrf import CHRF_SIGNATURE, chrf, chrf_rows, sentence_chrf
from sslcli.metrics.classes import binary_scores, class_scores, class_tables
from sslcli.metrics.clusters import (
    contingency,
    kmeans,
    nearest_centre,
    normalized_mutual_information,
    principal_components,
    purity,
)
from sslcli.metrics.correlations import correlation_notes, correlation_scores, pearson, spearman
from sslcli.metrics.detection.ranking import (
    auroc,
    auroc_score,
    average_precision,
    average_precision_score,
    precision_curve,
    receiver_curve,
    threshold_for,
)
from sslcli.metrics.likeness import psnr, ssim, ssim_window
from sslcli.metrics.mlqa import mlqa_exact, mlqa_f1, mlqa_rule, mlqa_scores
from sslcli.metrics.multilabel import multilabel_scores
from sslcli.metrics.ngrams import script_words
from sslcli.metrics.probes.linear import LinearProbe, control_labels, linear_probe, majority
from sslcli.metrics.probes.neighbors import neighbor_probe
from sslcli.metrics.probes.perceptron import perceptron_probe
from sslcli.metrics.retrieval import Ranks, Retrieval, centred, retrieve
from sslcli.metrics.rouge import ROUGE_SIGNATURE, rouge_f1
from sslcli.metrics.scores import mean_score, statistic_score, sums_score
from sslcli.metrics.separation import Separation, cosines, sense_gap, sense_gaps, separation
from sslcli.metrics.span_scores import span_scores, span_table
from sslcli.metrics.spans import TaggedSpan, detect_scheme, has_spans, spans_of_tags
from sslcli.metrics.squad import (
    SQUAD_V1,
    SQUAD_V2,
    AnswerRule,
    AnswerValues,
    answer_scores,
    squad_exact,
    squad_f1,
    squad_v1_scores,
    string_exact,
)
from sslcli.metrics.squad2 import best_threshold, squad_v2_scores
from sslcli.metrics.tag_schemes import TagReading, tag_reading, unread_tags
from sslcli.metrics.warping import warped_errors
from sslcli.modalities import Frames, Modality
from sslcli.models.hf_config import (
    ACTIVATIONS_OF_CONFIGS,
    ConfigField,
    ConfigReader,
    class_name,
    has_plain_heads,
    has_shape,
    layer_pattern,
    read_fields,
    rotary_base,
    write_fields,
)
from sslcli.plainfiles import ARROW_SUFFIXES, suffix_of
from sslcli.reporting.passages import passages_of, spans_of
from sslcli.reports import (
    Curve,
    Gallery,
    Matrix,
    Passage,
    Plot,
    Report,
    Scatter,
    Score,
    Sound,
    Span,
    Table,
    amount,
)
from sslcli.rows.schema import Schema, TableColumn

__all__ = [
    "ACTIVATIONS_OF_CONFIGS", "ARRANGEMENTS", "ARROW_SUFFIXES", "ASSISTANT", "CHRF_SIGNATURE",
    "LARGEST_POWER", "NUMBERS_OF_RECORD", "ROUGE_SIGNATURE", "SQUAD_V1", "SQUAD_V2", "SYSTEM",
    "USER", "Annotated", "Annotates", "AnswerRule", "AnswerValues", "Architecture", "ArrowFile",
    "Artifact", "Batch", "Beam", "BeamRules", "Cache", "Chat", "Computed", "Config", "ConfigError",
    "ConfigField", "ConfigReader", "Context", "Continuation", "Converts", "Corpus", "Count",
    "Counting", "Curve", "DataError", "Deferred", "Describes", "Document", "EarlyStopping", "Edit",
    "Encoded", "EncodedChat", "Encodes", "Example", "Family", "Follower", "Frames", "FrozenModel",
    "Gallery", "Generates", "GivesRecords", "Grid", "Group", "HasIdleOptions", "HasLanguages",
    "HasRowBaselines", "Hidden", "HiddenBatch", "Histogram", "Illustrates", "Inputs", "Items",
    "Key", "LanguageModelHead", "Learnable", "LinearProbe", "LinearShift", "Located", "Loss",
    "Matrix", "Modality", "ModelBatch", "ModelError", "Moments", "Names", "Objective",
    "OpenPrompts", "Packing", "Pair", "Parsed", "Part", "Passage", "PassedOver", "PieceTrainer",
    "Plot", "PluginError", "Pool", "PooledClassifier", "Prediction", "PredictsTokens", "Probe",
    "ProbeData", "Prompt", "PromptTemplate", "Prompts", "Quantizes", "Ranks", "Ratio", "Reader",
    "Readout", "ReadoutTask", "Record", "Report", "Restoration", "Restores", "Retrieval", "Rng",
    "RowClassifier", "RowDecoder", "Rows", "RunError", "Sample", "SampleRng", "SampledRows",
    "Sampling", "Scatter", "Schema", "Score", "Scorer", "Seconds", "Separation", "SequenceTask",
    "Shift", "Sound", "Span", "SpecialToken", "Split", "SslError", "Suite", "SuitePart", "Table",
    "TableColumn", "TagReading", "TaggedSpan", "Task", "TokenLoss", "TokenRules", "TokenTargets",
    "Tokenizer", "TrackedRun", "Tracker", "Transformer", "TransformerSettings", "Unreadable",
    "UsageError", "ViewOptions", "Where", "WordOccurrence", "Writer", "amount", "answer_scores",
    "as_sound", "at_least_float32", "attention_maps", "auroc", "auroc_score", "average_precision",
    "average_precision_score", "balanced", "beam_search", "best_threshold", "binary_scores", "bleu",
    "bleu_rows", "bleu_signature", "bleu_tokenizer", "centred", "choices", "chrf", "chrf_rows",
    "class_name", "class_scores", "class_tables", "collapse_signals", "contingency",
    "control_labels", "converted_items", "converter_of", "correlation_notes", "correlation_scores",
    "cosines", "current_reading", "decoded_codes", "decoded_ids", "detect_scheme", "distinct_pairs",
    "enclose", "evaluating", "frame_tables", "gallery", "gather", "generate_tokens", "griffin_lim",
    "has_plain_heads", "has_shape", "has_spans", "heard", "image_tables", "image_views",
    "in_double", "in_two_parts", "in_usual_case", "item_code_ids", "item_codes", "item_codes_along",
    "item_images", "item_layers", "item_row_layers", "item_styles", "item_tables", "join_pair",
    "kmeans", "labelled_uses", "languages_in", "layer_pattern", "linear_cross_entropy",
    "linear_probe", "locate_words", "log_mel", "majority", "mean_row", "mean_score",
    "means_no_label", "mel_filters", "mlqa_exact", "mlqa_f1", "mlqa_rule", "mlqa_scores",
    "multilabel_scores", "naming_text", "nearest_centre", "neighbor_probe",
    "normalized_mutual_information", "open_bytes", "parse_json", "parse_shares", "part_with",
    "passages_of", "pearson", "perceptron_probe", "precision_curve", "principal_components", "psnr",
    "purity", "quantizer_of", "read_fields", "read_json", "read_lines", "read_pairs",
    "read_recordings", "read_records", "read_rows", "read_table", "receiver_curve",
    "reconstructed_items", "record_views", "refuse_missing_columns", "refuse_too_long", "remark",
    "restored_items", "retrieve", "rotary_base", "rouge_f1", "script_words", "seen_columns",
    "sense_gap", "sense_gaps", "sense_uses", "sentence_chrf", "sentence_vectors", "separation",
    "setting", "span_scores", "span_table", "spans_of", "spans_of_tags", "spearman",
    "split_language", "split_sentences", "spread_views", "squad_exact", "squad_f1",
    "squad_v1_scores", "squad_v2_scores", "ssim", "ssim_window", "static_vectors",
    "statistic_score", "string_exact", "suffix_of", "sums_score", "tag_reading", "threshold_for",
    "turns_of", "unread_tags", "unread_views", "untrained", "usable", "usable_texts", "usual_rows",
    "warped_errors", "word_vectors", "words_told", "write_fields",
]  # fmt: skip
