"""Probes and shifts with one defect each, and a probe without."""

import numpy as np
import torch

from sslcli.api import Config, LinearShift, Probe, Report, Score, Shift, setting


class Sound(Probe):
    summary = "how many weights the model has"

    def run(self, subject, rng):
        return Report(
            scores=[
                Score(
                    "weights",
                    float(sum(each.numel() for each in subject.backbone.parameters())),
                    count=1,
                )
            ]
        )


class Silent(Sound):
    def run(self, subject, rng):
        return Report()


class WithoutCount(Sound):
    def run(self, subject, rng):
        return Report(scores=[Score("weights", 1.0)])


class Arrays(Sound):
    def run(self, subject, rng):
        return Report(scores=[Score("weights", np.zeros(2), count=1)])


class Random(Sound):
    def run(self, subject, rng):
        return Report(scores=[Score("weights", float(np.random.default_rng().random()), count=1)])


class Learning(Sound):
    def run(self, subject, rng):
        subject.backbone.embedding.add_(1.0)
        return super().run(subject, rng)


class Strayed(Sound):
    positional_fields = "word"


class TakesFlag(Sound):
    class Options(Config):
        model: str = setting("x", "a name of the command's")


class Nothing(Shift):
    summary = "goes nowhere"

    def fit(self, source, target):
        return LinearShift(torch.zeros(next(source).shape[1]))


class FirstPartOnly(Shift):
    summary = "believes what comes first"

    def fit(self, source, target):
        return LinearShift(next(target).mean(dim=0) - next(source).mean(dim=0))


class Narrow(Shift):
    summary = "leaves a feature out"

    def fit(self, source, target):
        return LinearShift(torch.cat(list(target)).mean(dim=0)[1:])


class Wandering(Shift):
    summary = "goes elsewhere every time"

    def fit(self, source, target):
        return LinearShift(
            torch.from_numpy(np.random.default_rng().normal(size=next(source).shape[1]))
        )


class Bent(Shift):
    summary = "goes further where a row is long"

    def fit(self, source, target):
        way = torch.cat(list(target)).mean(dim=0) - torch.cat(list(source)).mean(dim=0)
        return lambda rows, alpha: rows + alpha * rows.norm(dim=1, keepdim=True) * way
