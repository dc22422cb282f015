"""Labels of others: what is one, what says that there is none, vectors of zeros and ones, numbers
that are classes.
"""

import json

from reader_oddities import Oddity


def lines(labels, **more):
    """JSON lines with these labels; None for no key at all."""
    own = [{} if label is None else {"label": label} for label in labels]
    return "".join(
        f"{json.dumps({'text': f'film {n}', **label, **more})}\n" for n, label in enumerate(own)
    )


def table(labels, header="label"):
    return f"text,{header}\n" + "".join(f"film {n},{label}\n" for n, label in enumerate(labels))


def row(oddity, content, outcome, words=(), labels=None, **more):
    file, task = (
        more.pop("file", "a.jsonl" if content.startswith("{") else "a.csv"),
        more.pop("task", "classify"),
    )
    examples = () if labels is None else [((f"film {n}",), label) for n, label in labels]
    return Oddity(task, file, oddity, content, outcome, words, examples, **more)


def known(labels):
    return list(enumerate(labels))


LEFT_OUT = ("left out", "--no-label")
NO_LABEL = [
    row(
        "-1 beside three classes",
        lines([0, 1, 2, -1, 0]),
        "read 4",
        ("1 of the 5", "'-1'", *LEFT_OUT),
        known("012"),
    ),
    row(
        "-100 beside two classes",
        lines([0, 1, -100, 1]),
        "read 3",
        ("1 of the 4", "'-100'", *LEFT_OUT),
        known("01"),
    ),
    row(
        "-1 beside words",
        lines(["pos", "neg", -1]),
        "read 2",
        ("1 of the 3", *LEFT_OUT),
        known(["pos", "neg"]),
    ),
    row(
        "-1, 0 and 1",
        lines([0, 1, -1, 0]),
        "asked",
        ("the label -1 may mean that there is none", "--no-label=-1"),
    ),
    row(
        "-1, 0 and 1: none of them",
        lines([0, 1, -1, 0]),
        "read 4",
        (),
        known(["0", "1", "-1"]),
        options={"no_label": "none"},
        said=False,
    ),
    row(
        "-1, 0 and 1: -1 is none",
        lines([0, 1, -1, 0]),
        "read 3",
        LEFT_OUT,
        known("01"),
        options={"no_label": "-1"},
    ),
    row("-1 and 1", lines([1, -1, 1]), "read 3", (), known(["1", "-1", "1"]), said=False),
    row(
        "-2 to 2",
        lines([-2, -1, 0, 1, 2]),
        "read 5",
        (),
        known(["-2", "-1", "0", "1", "2"]),
        said=False,
    ),
    row(
        "-1 alone",
        lines([-1, -1]),
        "asked",
        ("no answer", "'-1' is taken for no label", "--no-label none"),
    ),
    row("-1 beside fractions", lines([0.5, 3.5, -1.0]), "asked", ("-1.0", "--no-label")),
    row(
        "fractions on both sides of 0",
        lines([0.5, -0.5, -1.0]),
        "read 3",
        ("labels are numbers",),
        known([0.5, -0.5, -1.0]),
    ),
    row("a dash", lines(["a", "-", "b"]), "read 2", ("'-'", *LEFT_OUT), [(0, "a"), (2, "b")]),
    row("a dash and a plus", lines(["+", "-", "+"]), "read 3", (), known("+-+"), said=False),
    row(
        "null, empty and missing",
        lines(["a", "", None, "b"]),
        "read 2",
        ("2 of the 4", "nothing"),
        [(0, "a"), (3, "b")],
    ),
    row(
        "words of pandas",
        table(["pos", "nan", "neg", "NaN", "<NA>", ""]),
        "read 2",
        ("4 of the 6", "'nan'", "'<NA>'"),
        [(0, "pos")],
    ),
    row(
        "a few None",
        table(["a", "b", "a", "b", "None"]),
        "read 4",
        ("1 of the 5", "'None'", *LEFT_OUT),
    ),
    row(
        "as many None as others",
        table(["favor", "against", "None"]),
        "asked",
        ("the label None", "--no-label none"),
    ),
    row(
        "none in small letters",
        table(["favor", "against", "none"]),
        "read 3",
        (),
        known(["favor", "against", "none"]),
        said=False,
    ),
    row(
        "-1.0 as pandas writes it",
        table(["0.0", "1.0", "2.0", "-1.0"]),
        "read 3",
        LEFT_OUT,
        known("012"),
    ),
]
LISTS = [
    row("a list of -1", lines([["a"], [-1], ["a", "b"]]), "read 2", ("1 of the 3", "'-1'",
        *LEFT_OUT), [(0, ("a",)), (2, ("a", "b"))]),
    row("-1 beside lists", lines([["a"], -1, ["a", "b"]]), "read 2", LEFT_OUT, [(0, ("a",)), (2,
        ("a", "b"))]),
    row("lists filled up with -1", lines([[2, -1], [0, 1]]), "read 2", (), known([("2",), ("0",
        "1")])),
    row("lists filled up with -1, of other numbers", lines([[3, -1], [4, 5]]), "asked",
        ("the label -1 may mean", "--no-label=-1")),
    row("lists filled up with -1, said", lines([[3, -1], [4, 5]]), "read 2", (), known([("3",),
        ("4", "5")]),
        options={"no_label": "-1"}),
    row("lists of labels on both sides of 0", lines([[-1, 2], [-2]]), "read 2", (), known([("-1",
        "2"), ("-2",)]), said=False),
    row("lists with -1, none of them a mark", lines([["a", -1], ["b"]]), "read 2", (),
        known([("-1", "a"), ("b",)]),
        options={"no_label": "none"}),
]  # fmt: skip
PAIR = {"premise": "a", "hypothesis": "b"}
PAIRS = [
    row("SNLI of the hub", lines([0, 1, 2, -1], **PAIR), "read 3", LEFT_OUT, task="pairs"),
    row(
        "SNLI's dash",
        lines(["neutral", "-", "entailment"], **PAIR),
        "read 2",
        LEFT_OUT,
        task="pairs",
    ),
    row(
        "a split of the hub without labels",
        lines([-1, -1], **PAIR),
        "asked",
        ("no answer",),
        task="pairs",
    ),
    row("the same to predict", lines([-1, -1], **PAIR), "read 2", (), task="pairs", predicts=True),
]
A_B = known([("0",), ("1",), ("0", "1")])
PLACES = ("vectors of zeros and ones", "--label-names")
ONE_HOT = "text,a,b\nfilm 0,1,0\nfilm 1,0,1\n"
VECTORS = [
    row("zeros and ones", lines([[1, 0], [0, 1], [1, 1]]), "read 3", PLACES, A_B),
    row("floats", lines([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), "read 3", PLACES, A_B),
    row("truths", lines([[True, False], [False, True], [True, True]]), "read 3", PLACES, A_B),
    row(
        "named places",
        lines([[1, 0], [0, 1]]),
        "read 2",
        (),
        known([("a",), ("b",)]),
        options={"label_names": "a,b"},
    ),
    row(
        "too few names",
        lines([[1, 0, 0], [0, 1, 0]]),
        "asked",
        ("2 names for vectors of 3",),
        options={"label_names": "a,b"},
    ),
    row("0 and 1 once each", lines([[1, 0], [0, 1]]), "asked", ("may be vectors", "--label-names")),
    row(
        "numbers of labels",
        lines([[0, 3], [1], []]),
        "read 3",
        (),
        known([("0", "3"), ("1",), ()]),
        said=False,
    ),
    row("vectors of two lengths", lines([[1.0, 0.0], [1.0]]), "asked", ("places", "--kind")),
    row(
        "a class as a vector",
        lines([[1, 0, 0], [0, 1, 0]]),
        "read 2",
        ("exactly one", "--kind classes"),
        known([("0",), ("1",)]),
    ),
    row(
        "a class as a vector, asked for",
        lines([[1, 0, 0], [0, 1, 0]]),
        "read 2",
        (),
        known("01"),
        options={"kind": "classes"},
    ),
    row("shares", lines([[0.3, 0.7], [0.5, 0.5]]), "refused", ("record 1", "no labels")),
    row(
        "a vector in a table",
        'text,label\nfilm 0,"[1, 0, 1]"\nfilm 1,"[0, 1, 0]"\n',
        "read 2",
        PLACES,
        known([("0", "2"), ("1",)]),
    ),
    row(
        "numpy's vector in a table",
        "text,label\nfilm 0,[1. 0. 1.]\nfilm 1,[0. 1. 0.]\n",
        "read 2",
        PLACES,
        known([("0", "2"), ("1",)]),
    ),
    row(
        "names in a table",
        "text,label\nfilm 0,\"['a', 'b']\"\nfilm 1,[]\n",
        "read 2",
        (),
        known([("a", "b"), ()]),
    ),
    row(
        "words in brackets", table(["[a]", "[b]"]), "read 2", (), known(["[a]", "[b]"]), said=False
    ),
    row(
        "lists of one label",
        lines([["a"], ["b"]]),
        "read 2",
        ("each is predicted independently", "exactly one", "--kind classes"),
        known([("a",), ("b",)]),
    ),
    row(
        "lists of one number",
        lines([[0], [1], [2]]),
        "read 3",
        ("exactly one", "--kind classes"),
        known([("0",), ("1",), ("2",)]),
    ),
    row(
        "lists of one number, asked for as classes",
        lines([[0], [1]]),
        "read 2",
        (),
        known("01"),
        options={"kind": "classes"},
        said=False,
    ),
    row(
        "lists of one label, asked for as classes",
        table(["['a']", "['b']"]),
        "read 2",
        (),
        known("ab"),
        options={"kind": "classes"},
        said=False,
    ),
    row(
        "lists of two labels, asked for as classes",
        lines([["a"], ["a", "b"]]),
        "refused",
        ("record 2", "list of labels"),
        options={"kind": "classes"},
    ),
    row(
        "a column a label",
        "text,a,b\nfilm 0,1,0\nfilm 1,1,1\n",
        "read 2",
        ("2 columns of zeros and ones: a, b", "--label-field"),
        known([("a",), ("a", "b")]),
    ),
    row(
        "a column a class",
        ONE_HOT,
        "read 2",
        ("each is predicted independently", "exactly one", "--kind classes"),
        known([("a",), ("b",)]),
    ),
    row(
        "a column a class, asked for as labels",
        ONE_HOT,
        "read 2",
        ("each is predicted independently",),
        known([("a",), ("b",)]),
        options={"kind": "labels"},
    ),
    row(
        "a column a class, asked for as classes",
        ONE_HOT,
        "read 2",
        ("classes, of which each text has one",),
        known("ab"),
        options={"kind": "classes"},
    ),
    row(
        "a column a class, asked for by name",
        ONE_HOT,
        "read 2",
        ("classes, of which each text has one",),
        known("ab"),
        options={"kind": "classes", "label_field": "a,b"},
    ),
    row(
        "several ones in a row and classes asked for",
        "text,a,b\nfilm 0,1,0\nfilm 1,1,1\n",
        "asked",
        ("line 3", "2 ones"),
        options={"kind": "classes"},
    ),
    row(
        "a column a label, asked for",
        "text,a,b,c\nfilm 0,1,0,x\nfilm 1,1,1,y\n",
        "read 2",
        (),
        known([("a",), ("a", "b")]),
        options={"label_field": "a,b"},
    ),
    row(
        "a column a label with a word in it",
        "text,a,b\nfilm 0,1,0\nfilm 1,1,x\n",
        "asked",
        ("line 3", "'b'", "neither 0 nor 1"),
        options={"label_field": "a,b"},
    ),
    row(
        "torch's vector in a table",
        (
            'text,label\nfilm 0,"tensor([1., 0., 1.])"\nfilm '
            '1,"tensor([0., 1., 0.], dtype=torch.float64)"\n'
        ),
        "read 2",
        PLACES,
        known([("0", "2"), ("1",)]),
    ),
    row(
        "ones and minus ones",
        lines([[1, -1, 1], [-1, 1, -1]]),
        "refused",
        ("record 1", "more than once"),
    ),
    row(
        "counts",
        lines([[0, 2, 0], [1, 0, 0]]),
        "refused",
        ("record 1", "the list has 0 more than once"),
    ),
    row(
        "zeros and ones of two lengths",
        lines([[0, 1, 0], [1, 0]]),
        "asked",
        ("vectors of 2 and 3 places", "--kind"),
    ),
    row(
        "a vector of marks",
        lines([[1, 0, 0], [-1, -1, -1], [1, 1, 0]]),
        "read 2",
        ("1 of the 3", "'-1'", *LEFT_OUT),
        [(0, ("0",)), (2, ("0", "1"))],
    ),
    row(
        "a vector of marks as floats",
        lines([[1.0, 0.0, 0.0], [-1.0] * 3]),
        "read 1",
        LEFT_OUT,
        [(0, ("0",))],
    ),
    row("-1 beside vectors", lines([[1, 0, 0], -1]), "read 1", LEFT_OUT, [(0, ("0",))]),
    row(
        "bits without anything between",
        lines(["010", "110"]),
        "asked",
        ("'010' may be vectors", "--kind classes"),
    ),
    row(
        "bits, asked for",
        lines(["010", "110"]),
        "read 2",
        (),
        known(["010", "110"]),
        options={"kind": "classes"},
        said=False,
    ),
    row("binary numbers", lines(["10", "11"]), "read 2", (), known(["10", "11"]), said=False),
    row(
        "vectors and words",
        lines([[1.0, 0.0], "a"]),
        "asked",
        ("vectors of zeros and ones", "--kind"),
    ),
]
FLOATS = ("whole numbers", "--kind number")
NUMBERS = [
    row("classes as floats", table(["0.0", "1.0", "2.0"]), "read 3", FLOATS, known("012")),
    row("classes as floats in JSON", lines([0.0, 1.0, 2.0]), "read 3", FLOATS, known("012")),
    row(
        "whole numbers, many of them",
        table([f"{n}.0" for n in range(60)]),
        "read 60",
        ("labels are numbers", "--kind classes"),
    ),
    row(
        "fractions",
        table(["0.5", "1.0", "2.0"]),
        "read 3",
        ("labels are numbers", "--kind classes"),
        [(0, "0.5")],
    ),
    row(
        "sections", table(["2", "2.1", "2.10"]), "read 3", ("labels are numbers", "--kind classes")
    ),
    row(
        "sections, asked for",
        table(["2", "2.1", "2.10"]),
        "read 3",
        (),
        known(["2", "2.1", "2.10"]),
        options={"kind": "classes"},
        said=False,
    ),
    row(
        "versions",
        table(["2.1.0", "2.1", "3"]),
        "read 3",
        (),
        known(["2.1.0", "2.1", "3"]),
        said=False,
    ),
    row(
        "a word beside numbers",
        table(["0.5", "high", "2.0"]),
        "read 3",
        (),
        known(["0.5", "high", "2.0"]),
    ),
]
SPELLINGS = [
    row(
        "blanks at the ends",
        table(["pos ", " pos", "neg"]),
        "read 3",
        (),
        known(["pos", "pos", "neg"]),
        said=False,
    ),
    row(
        "numbers written in two ways",
        table(["1", "01", "2", "1e0"]),
        "read 4",
        ("the way a number is written", "'1' (1) and '01' (1) and '1e0' (1)"),
        known(["1", "01", "2", "1e0"]),
        options={"kind": "classes"},
    ),
    row(
        "numbers that are one as floats",
        table([2**53, 2**53 + 1]),
        "read 2",
        (),
        known([str(2**53), str(2**53 + 1)]),
        said=False,
    ),
    row(
        "two cases",
        table(["Pos", "pos", "neg"]),
        "read 3",
        ("differ only in case", "'Pos' (1) and 'pos' (1)"),
    ),
    row(
        "ids for labels",
        table([f"u{n}" for n in range(60)]),
        "asked",
        ("60 different labels", "--label-field"),
    ),
    row(
        "one number throughout",
        table(["0.5", "0.5"]),
        "asked",
        ("every training example has the number 0.5",),
    ),
    row(
        "more labels than half of the examples",
        table([f"u{n * 2 // 3}" for n in range(90)]),
        "read 90",
        ("90 examples have 60",),
    ),
    row(
        "empty texts",
        "text,label\n,a\nfilm 1,b\n",
        "read 2",
        ("1 of the 2 labelled texts are empty",),
    ),
    row(
        "ids for labels, asked for",
        table([f"u{n}" for n in range(60)]),
        "read 60",
        (),
        options={"kind": "classes"},
    ),
]
ODDITIES = [*NO_LABEL, *LISTS, *PAIRS, *VECTORS, *NUMBERS, *SPELLINGS]
