"""The figures of several runs of run.sh beside what they must reach: summary.py RUN [RUN ...]; writes summary.csv too."""

FIGURES = {  # what -> (its report, the beginning of the score's name, a control of it or nothing, the least it must be)
    "shift, accuracy at 1": ("probes/translate-shift-en-zh-evaluate", "translation accuracy at 1", None, 0.35),
    "shift, alpha 0": ("probes/translate-shift-en-zh-evaluate", "translation accuracy at 1", "alpha 0", None),
    "shift, random vector": ("probes/translate-shift-en-zh-evaluate", "translation accuracy at 1", "random vector", None),
    "shift, alpha 0, target tokens only": (
        "probes/translate-shift-en-zh-evaluate",
        "translation accuracy at 1",
        "alpha 0, target tokens only",
        None,
    ),
    "words found, centred": ("probes/alignment", "words at layer", None, 0.25),
    "sentences found, centred": ("probes/alignment", "sentences at layer", None, 0.5),
    "sense gap, last layer": ("probes/similarity", "sense gap", None, None),
    "sense gap, rise": ("probes/similarity", "rise", None, 0.15),
    "zero-shot qa, f1 in zh": ("../{run}-qa", "f1 in zh", None, None),
    "qa from random weights, f1 in zh": ("../{run}-qa", "f1 in zh", "random", None),
    "qa trained in zh, f1": ("../{run}-qa", "f1 in zh", "in-language", None),
}
