"""Texts behind worked examples, by hand: the prompts of an evaluation in context, and what a model
writes behind them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sslcli.contracts.abilities import Artifact, ContinuesTokens
from sslcli.contracts.prompts import OpenPrompts
from sslcli.data.records.written_answers import answer_in
from sslcli.data.rng import Rng
from sslcli.datasets.cache import Say, quiet
from sslcli.errors import UsageError
from sslcli.resolving import checked
from sslcli.workflows.evaluate.language_model import cut_prompts, text_tokens
from sslcli.workflows.evaluate.shot_settings import STEP_TOKENS, ShotSettings
from sslcli.workflows.evaluate.worked_examples import InContextData, Unanswered, shown_data
from sslcli.workflows.generate.ready import ready_to_generate, say_remarks

USUAL_SHOTS = 4
ANSWER_TOKENS = 32  # behind steps


@dataclass(frozen=True)
class ShownTexts:
    """`typed` texts, and the `prompts` that a model reads in their place."""

    typed: Sequence[str]
    prompts: Sequence[str]
    data: InContextData

    @classmethod
    def of(cls, asked: ShotSettings, asks: Unanswered, seed: int) -> "ShownTexts":
        """Put what is asked behind worked examples.

        The examples are those of the first draw of an evaluation with this seed that draws from
        the same ones. Raises DataError, UsageError.
        """
        data = shown_data(asked, asks)
        count = min(USUAL_SHOTS, len(data.pool)) if asked.k is None else asked.k
        prompts = [
            data.prompt_to_write(example, data.drawn(seed, 0, example, count))
            for example in data.scored
        ]
        return cls(asks.typed, prompts, data)

    def completed(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request as an evaluation asks, where it says nothing else: the likeliest token, up to
        the end of the line, or behind steps to the next example.
        """
        usual: dict[str, Any] = {"stop": [self.data.template.next_begins if self.thinks else "\n"]}
        if self.thinks:
            usual["new_tokens"] = STEP_TOKENS + ANSWER_TOKENS
        elif isinstance(task := self._task, OpenPrompts):
            usual["new_tokens"] = task.answer_tokens(self.data.options)
        if not request.keys() & {"beams", "top_k", "top_p", "min_p", "typical_p"}:
            usual["temperature"] = 0.0
        return {**usual, **request}

    def answered(self, artifacts: Collection[Artifact]) -> list[Artifact]:
        """The artifacts as what is written behind the prompts; behind steps with the answer too."""
        asked = dict(zip(self.prompts, self.typed, strict=True))
        found = []
        for each in artifacts:
            prompt = each.details["prompt"]
            written = each.text.strip()
            details = {**each.details, "prompt": asked[prompt]}
            if self.thinks:
                details["answer"] = answer_in(self.data.template, written)
            found.append(replace(each, text=written, details=details))
        return found

    @property
    def thinks(self) -> bool:
        """Whether answers come behind steps."""
        return self.data.template.thinks

    @property
    def _task(self) -> object:
        return self.data.task


def written_behind_prompts(
    reference: str, request: Mapping[str, Any], prompts: Sequence[str], seed: int, say: Say = quiet
) -> Iterator[str | Artifact]:
    """Yield what a model that continues texts writes behind prompts, pieces before a single one.

    A prompt that is longer than the model's sequences loses its beginning, as in an evaluation,
    aloud. Raises ConfigError, ModelError, UsageError.
    """
    pretrained, learner, generator = ready_to_generate(reference)
    if not isinstance(generator, ContinuesTokens):
        problem = f"{reference} continues no text, and worked examples are for a model that does"
        raise UsageError(problem, "name a decoder with --model")
    asked = checked(generator.Request, request, hint="ssl generate --help lists the flags")
    complete, notes = generator.completed(asked)
    for note in notes:
        say(note)
    tokenizer, longest = pretrained.tokenizer(), pretrained.settings.longest_tokens
    read = [text_tokens(tokenizer, prompt) for prompt in prompts]
    kept = cut_prompts(read, longest, complete.new_tokens, say)
    given = list(zip(prompts, kept, strict=True))
    yield from generator.go_on(learner.backbone, given, complete, Rng(seed, 0), tokenizer)
    say_remarks(tokenizer, generator, prompts, say)
