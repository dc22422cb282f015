"""Tasks with one defect each. RIVALS: each with the check that finds it, and words of what that
check says.
"""

from dataclasses import replace

import numpy as np
import torch

from sslcli import registry
from sslcli.api import Config, DataError, Follower, Group, Loss, Prediction, Report, Scorer, setting

Classify = registry.load("tasks", "classify")


class Undeclared(Classify):
    summary = " "


class OfNoKind(Classify):
    records = ""


class TypesNothing(Classify):
    @classmethod
    def positional_fields(cls, options):
        return ()


class TakesAnything(Classify):
    class Options(Classify.Options):
        model_config = {"extra": "allow"}


class TakesFlag(Classify):
    class Options(Classify.Options):
        freeze: bool = setting(False, "a name of the command's")


class NeedsMask(Classify):
    def cut(self, texts):
        return [
            np.append(tokens, np.int64(int(self.tokenizer.mask))) for tokens in super().cut(texts)
        ]


class ChoosesTheOther(Classify):
    @classmethod
    def prompt(cls, options, labels, example, template):
        given = super().prompt(options, labels, example, template)
        return replace(
            given, answer=None if given.answer is None else (given.answer + 1) % len(labels)
        )


class TellsTheAnswer(Classify):
    @classmethod
    def prompt(cls, options, labels, example, template):
        given = super().prompt(options, labels, example, template)
        return replace(given, context=f"{given.context} {example.gold}")


class SettlesAgain(Classify):
    class Options(Classify.Options):
        seen: int = setting(0, "examples so far")

    @classmethod
    def resolve_options(cls, options, examples, tokenizer):
        settled = super().resolve_options(options, examples, tokenizer)
        return settled.model_copy(update={"seen": settled.seen + len(examples)})


class NamesTwice(Classify):
    @classmethod
    def labels(cls, options, examples):
        return [*super().labels(options, examples)] * 2


class NumbersAsLabels(Classify):
    @classmethod
    def labels(cls, options, examples):
        return [0, 1, 2]


class OneIdForAll(Classify):
    @classmethod
    def parse(cls, options, record):
        return replace(super().parse(options, record), id="example")


class NeedsAnswer(Classify):
    @classmethod
    def parse(cls, options, record):
        example = super().parse(options, record)
        if example.gold is None:
            raise DataError("there is no label", "give one")
        return example


class Backwards(Classify):
    def encode(self, examples, training):
        yield from super().encode(examples[::-1], training)


class PassesOver(Classify):
    def encode(self, examples, training):
        yield from list(super().encode(examples, training))[: len(examples) // 2 + 1]


class OwnFields(Classify):
    def encode(self, examples, training):
        for example, encoded in zip(examples, super().encode(examples, training), strict=True):
            (sample,) = encoded.samples
            yield replace(
                encoded, samples=[replace(sample, fields={**sample.fields, str(example.gold): 1})]
            )


class NeverCuts(Classify):
    @property
    def sequence_tokens(self):
        return 64


class ReadsParameter(Classify):
    def collate(self, batch, rng):
        views = super().collate(batch, rng)
        return replace(
            views, weights_B=views.weights_B + 0.0 * self.classifier.classifier.bias.sum()
        )


class DrawsGlobally(Classify):
    def collate(self, batch, rng):
        torch.rand(1)
        return super().collate(batch, rng)


class WritesIntoBatch(Classify):
    def collate(self, batch, rng):
        batch.tokens[0] = 0
        return super().collate(batch, rng)


class Uncounted(Classify):
    def loss(self, hidden, views):
        return Loss({"other": super().loss(hidden, views).sums["answer"]})


class SomeMetrics(Classify):
    def loss(self, hidden, views):
        loss = super().loss(hidden, views)
        return loss if views.counts["answer"] > 1 else Loss(loss.sums)


class Noisy(Classify):
    def loss(self, hidden, views):
        return Loss({"answer": super().loss(hidden, views).sums["answer"] + torch.rand(())})


class Detached(Classify):
    def loss(self, hidden, views):
        return super().loss(replace(hidden, last_TD=hidden.last_TD.detach()), views)


class GroupOfNothing(Classify):
    def groups(self):
        return [Group("learnable.nothing.*")]


class Averages(Classify):
    def loss(self, hidden, views):
        return Loss(
            {"answer": super().loss(hidden, views).sums["answer"] / max(views.counts["answer"], 1)}
        )


class KnowsItsPlace(Classify):
    def loss(self, hidden, views):
        weight_T1 = torch.linspace(1, 2, len(hidden.last_TD))[:, None]
        return super().loss(replace(hidden, last_TD=hidden.last_TD * weight_T1), views)


class HiddenState(Classify):
    steps = 0

    def answers(self, hidden, views):
        parts = super().answers(hidden, views)
        return [self.kind.part(part.values / (1 + self.steps)) for part in parts]

    def after_step(self, backbone, state, rng):
        self.steps += 1


class BeginsByChance(Classify):
    def begin(self, backbone, first_batch):
        torch.nn.init.normal_(self.classifier.classifier.bias)


class AsksForMore(Classify):
    def loss(self, hidden, views):
        return Loss(
            {"answer": super().loss(hidden, views).sums["answer"] / torch.tensor(views.progress)}
        )


class FollowsWhatIsNotThere(Classify):
    def followers(self):
        return [Follower("learnable.classifier.*", leader="backbone.classifier.*")]


class ChangesParameters(Classify):
    def after_step(self, backbone, state, rng):
        self.classifier.classifier.bias.mul_(0.9)


class Guesses(Classify):
    calls = 0

    def answers(self, hidden, views):
        self.calls += 1
        return [
            replace(part, values=part.values + self.calls)
            for part in super().answers(hidden, views)
        ]


class OnePart(Classify):
    def answers(self, hidden, views):
        return super().answers(hidden, views)[:1]


class ExaminesOtherwise(Classify):
    def examine(self, backbone, views):
        loss, parts = super().examine(backbone, views)
        return Loss({"answer": 2 * loss.sums["answer"]}), parts


class ComparesWithBatch(Classify):
    def answers(self, hidden, views):
        parts = super().answers(hidden, views)
        largest_C = np.stack([part.values for part in parts]).max(axis=0)
        return [self.kind.part(part.values / largest_C) for part in parts]


class CountsAll(Classify):
    def collate(self, batch, rng):
        return replace(super().collate(batch, rng), counts={"answer": len(batch)})


class LearnsNothingGiven(Classify):
    def collate(self, batch, rng):
        views = super().collate(batch, rng)
        return replace(views, weights_B=torch.ones_like(views.weights_B))


class SeesGold(Classify):
    def encode(self, examples, training):
        told = [
            replace(each, data=(each.data[0] + " cat" * len(each.gold or ""),)) for each in examples
        ]
        yield from super().encode(told, training)


class TellsGold(Classify):
    def merge(self, example, encoded, parts):
        return (
            super().merge(example, encoded, parts)
            if example.gold is None
            else Prediction(example.gold)
        )


class NumpyAnswers(Classify):
    def merge(self, example, encoded, parts):
        return Prediction(np.float32(1.0))


class SurerThanSure(Classify):
    def merge(self, example, encoded, parts):
        return replace(super().merge(example, encoded, parts), confidence=1.5)


class NoScorer(Classify):
    scorer = Scorer


class OfTheOldDoor(Classify):
    @classmethod
    def score(cls, options, labels, predictions, examples):
        return []


class ScoresOfNobody(Classify):
    class scorer(Classify.scorer):
        def score(self, predictions, examples):
            return [replace(score, count=0) for score in super().score(predictions, examples)]


class NotANumber(Classify):
    class scorer(Classify.scorer):
        def score(self, predictions, examples):
            return [
                replace(score, value=float("nan")) for score in super().score(predictions, examples)
            ]


class PraisesErrors(Classify):
    class scorer(Classify.scorer):
        def score(self, predictions, examples):
            return [
                replace(score, value=1 - score.value, interval=None)
                for score in super().score(predictions, examples)
            ]


class ScoresHalf(Classify):
    class scorer(Classify.scorer):
        def score(self, predictions, examples):
            return [
                replace(score, value=score.value / 2, interval=None)
                for score in super().score(predictions, examples)
            ]


class ShortBaseline(Classify):
    class scorer(Classify.scorer):
        def baselines(self, train, test):
            return {name: given[1:] for name, given in super().baselines(train, test).items()}


class StrangeBaseline(Classify):
    class scorer(Classify.scorer):
        def baselines(self, train, test):
            return {"stranger": [Prediction("no such label")] * len(test)}


class KeyWithGold(Classify):
    @classmethod
    def key(cls, example):
        return f"{example.data} {example.gold}"


class Mute(Classify):
    class scorer(Classify.scorer):
        def format_prediction(self, example, prediction):
            return Report()


class NeverLearns(Classify):
    def groups(self):
        return [Group("*", rate=0.0)]


class AnswersTheLeastLikely(Classify):
    def merge(self, example, encoded, parts):
        (part,) = parts
        return Prediction(self.names[int(part.values.argmin())])


class NoSequenceTokens(Classify):
    class Options(Config):
        kind: str = setting("auto", "as ever")
        label_field: str = setting("", "as ever")
        text_field: str = setting("", "as ever")
        class_weights: str = setting("none", "as ever")
        first_number: float | None = setting(None, "as ever")

    sequence_tokens = 64


RIVALS = {
    Undeclared: ("declarations", "summary"),
    OfNoKind: ("declarations", "kind"),
    TypesNothing: ("declarations", "positional_fields"),
    NoSequenceTokens: ("declarations", "seq-len"),
    NoScorer: ("declarations", "no class that scores"),
    OfTheOldDoor: ("declarations", "score is now Scorer.score(predictions, examples)"),
    TakesAnything: ("options round-trip", "unknown keys"),
    TakesFlag: ("options as flags", "--freeze"),
    NeedsMask: ("special tokens", 'frozenset({"mask"})'),
    SettlesAgain: ("resolved options", "changes them"),
    ChoosesTheOther: ("prompts", "is not"),
    TellsTheAnswer: ("prompts", "depend on the gold answer"),
    NamesTwice: ("labels", "twice"),
    NumbersAsLabels: ("labels", "give texts"),
    OneIdForAll: ("examples", "same id"),
    NeedsAnswer: ("examples", "refused"),
    Backwards: ("encoding", "differently beside others"),
    PassesOver: ("encoding", "gives 17 for 32"),
    OwnFields: ("encoding", "different fields"),
    NeverCuts: ("lengths", "--seq-len"),
    ReadsParameter: ("collate is pure", "no weights"),
    DrawsGlobally: ("collate is pure", "global generator"),
    WritesIntoBatch: ("collate is pure", "writes into its batch"),
    Uncounted: ("counts", "other"),
    SomeMetrics: ("terms", "depend on the data"),
    Noisy: ("forward is deterministic and finite", "differ"),
    Detached: ("gradients", "layer 1"),
    GroupOfNothing: ("groups", "matches no parameter"),
    Averages: ("micro-batches", "micro-batches"),
    KnowsItsPlace: ("order of samples", "order"),
    HiddenState: ("state", "answers otherwise"),
    BeginsByChance: ("begin", "the second time"),
    AsksForMore: ("progress", "at progress 0"),
    FollowsWhatIsNotThere: ("followers", "no such parameter"),
    ChangesParameters: (
        "after a step",
        "changes the parameter learnable.classifier.classifier.bias",
    ),
    Guesses: ("predict is deterministic", "differ"),
    OnePart: ("predict is deterministic", "1 parts for 8"),
    ExaminesOtherwise: ("examine", "not that of forward"),
    ComparesWithBatch: ("batch independence", "depends on its batch"),
    CountsAll: ("examples without an answer", "are counted"),
    LearnsNothingGiven: ("examples without an answer", "have a loss"),
    SeesGold: ("examples without an answer", "seen in its tokens"),
    TellsGold: ("examples without an answer", "depends on the label"),
    NumpyAnswers: ("predictions", "JSON"),
    SurerThanSure: ("predictions", "1.5"),
    ScoresOfNobody: ("scores", "count of 0"),
    NotANumber: ("scores", "nan"),
    PraisesErrors: ("labels score best", "labels score"),
    ScoresHalf: ("labels score best", "and not 1"),
    ShortBaseline: ("baselines", "15 answers for 16"),
    StrangeBaseline: ("baselines", "cannot be scored"),
    KeyWithGold: ("reports", "key depends"),
    Mute: ("reports", "empty report"),
    NeverLearns: ("learns some examples", "loss of 32 examples"),
    AnswersTheLeastLikely: ("learns some examples", "while the loss fell"),
}
