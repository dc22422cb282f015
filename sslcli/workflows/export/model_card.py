"""README.md of an exported model: what it is, what it was trained on, how well it does; facts of
the run, nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sslcli.core.arithmetic import parameters
from sslcli.core.settings import AdapterSettings, TransformerSettings
from sslcli.engine.checkpoints.checkpoint_files import step_name
from sslcli.models.weights import Pretrained
from sslcli.runs.catalogue import by_language, read_facts, read_metrics, read_run
from sslcli.runs.held_out import loss_unit_of, shown_metrics, with_unit
from sslcli.workflows.export.parity import loader_of

PIPELINES = {
    "AutoModel": "feature-extraction",
    "AutoModelForMaskedLM": "fill-mask",
    "AutoModelForCausalLM": "text-generation",
    "AutoModelForSeq2SeqLM": "text2text-generation",
    "AutoModelForSequenceClassification": "text-classification",
    "AutoModelForTokenClassification": "token-classification",
    "AutoModelForQuestionAnswering": "question-answering",
    "AutoModelForImageClassification": "image-classification",
}
MOST_LABELS = 40  # that are written out


def model_card(pretrained: Pretrained, name: str, notes: Sequence[str]) -> str:
    """Return the model card: front matter for the hub, shape, training and last held-out
    metrics.
    """
    settings, loader = pretrained.settings, loader_of(pretrained)
    front = {
        "library_name": "transformers",
        "pipeline_tag": PIPELINES[loader],
        "tags": ["self-supervised-learning", "sslcli"],
    }
    if pretrained.heads >= {"head", "classifier"}:
        loader = "AutoModelForPreTraining"  # which alone reads both heads of one file
    is_text = bool(settings.vocabulary)
    reader = "AutoTokenizer" if is_text else "AutoImageProcessor"
    called = "tokenizer" if is_text else "processor"
    rows: list[tuple[str, Any]] = [
        ("architecture", settings.architecture),
        ("parameters", f"{parameters(settings):,}"),
        ("layers", settings.described_depth),
        ("width", settings.width),
        ("heads", settings.heads),
        *_what_is_read(settings),
        *([("labels", _labels_in_words(pretrained.labels))] if pretrained.labels else []),
        *_training(pretrained),
    ]
    lines = [
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
        f"# {name}",
        "",
        *_table(("", ""), rows),
        "",
        *_figures(pretrained),
        "```python",
        f"from transformers import {loader}, {reader}",
        "",
        (
            f'model, {called} = {loader}.from_pretrained("{name}"), '
            f'{reader}.from_pretrained("{name}")'
        ),
        "```",
        *(f"\n{note[:1].upper()}{note[1:]}." for note in notes),
    ]
    return "\n".join(lines) + "\n"


def _what_is_read(settings: TransformerSettings) -> list[tuple[str, Any]]:
    if settings.grid is not None:
        return [("images", settings.grid.described)]
    return [
        ("vocabulary", f"{settings.vocabulary:,}"),
        ("longest sequence", f"{settings.longest_tokens:,} tokens"),
    ]


def adapter_card(pretrained: Pretrained, adapters: AdapterSettings, base: str, name: str) -> str:
    """Return the card of adapters alone, which need their base model."""
    loader = loader_of(pretrained)
    front = {
        "library_name": "peft",
        "base_model": base,
        "pipeline_tag": PIPELINES[loader],
        "tags": ["lora", "sslcli"],
    }
    rows: list[tuple[str, Any]] = [
        ("base model", base),
        (
            "adapters",
            (
                f"LoRA of rank {adapters.rank}, alpha "
                f"{adapters.alpha:g}, on {', '.join(adapters.targets)}"
            ),
        ),
        *([("labels", _labels_in_words(pretrained.labels))] if pretrained.labels else []),
        *_training(pretrained),
    ]
    sized = f", num_labels={pretrained.answers.classes}" if pretrained.answers is not None else ""
    lines = [
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
        f"# {name}",
        "",
        *_table(("", ""), rows),
        "",
        *_figures(pretrained),
        "```python",
        "from peft import PeftModel",
        f"from transformers import {loader}",
        "",
        f'model = PeftModel.from_pretrained({loader}.from_pretrained("{base}"{sized}), "{name}")',
        "```",
    ]
    return "\n".join(lines) + "\n"


def _labels_in_words(labels: Sequence[str]) -> str:
    """Numbered as the logits are, cut where there are many."""
    shown = [f"{number} {label}" for number, label in enumerate(labels[:MOST_LABELS])]
    return ", ".join([*shown, *(["..."] if len(labels) > MOST_LABELS else [])])


def _training(pretrained: Pretrained) -> list[tuple[str, Any]]:
    if pretrained.trained is None:
        return []
    run = read_run(pretrained.trained.folder)
    saved = pretrained.trained.settings
    return [
        ("task" if run.kind == "finetune" else "objective", run.objective),
        ("checkpoint", pretrained.folder.name),
        ("data", " ".join(saved.data.train)),
        ("data fingerprint", run.facts.get("data", "unknown")),
        ("started", run.started or "unknown"),
        ("written by", f"sslcli {(run.facts.get('packages') or {}).get('sslcli', '')}".strip()),
    ]


def _figures(pretrained: Pretrained) -> list[str]:
    """Yield the held-out metrics of the exported checkpoint; none if it was not evaluated."""
    lines = read_metrics(pretrained.trained.folder) if pretrained.trained is not None else []
    own = [
        line
        for line in lines
        if line["split"] == "eval" and step_name(line["step"]) == pretrained.folder.name
    ]
    evaluation: Mapping[str, Any] = own[-1] if own else {}
    facts = {} if pretrained.trained is None else read_facts(pretrained.trained.folder)
    rows = []
    for language, part in {"": evaluation, **by_language(evaluation)}.items():
        suffix = f" {language}" if language else ""
        figures = {
            with_unit(f"loss{suffix}", loss_unit_of(facts)): part.get("loss"),
            **shown_metrics(part, facts, suffix),
        }
        rows += [
            (figure, f"{value:.4g}")
            for figure, value in figures.items()
            if isinstance(value, int | float)
        ]
    return (
        [
            f"Held-out data at step {evaluation.get('step')}:",
            "",
            *_table(("figure", "value"), rows),
            "",
        ]
        if rows
        else []
    )


def _table(head: tuple[str, str], rows: Sequence[tuple[str, Any]]) -> list[str]:
    return [
        f"| {head[0]} | {head[1]} |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in rows),
    ]
