"""Names of columns in another case, columns named by --columns, and labels that hold several."""

import json

from reader_oddities import Oddity
from sslplugins.tasks.qa.answers import Answer
from sslplugins.tasks.qa.files import Question
from sslplugins.tasks.tag.sentences import Sentence

ROWS = "good film,pos\nbad film,neg\n"
READ = [(("good film",), "pos"), (("bad film",), "neg")]
PAIR = [(("a", "b"), "x")]
TAGGED = [(Sentence(("Ann", "slept")), ("B-PER", "O"))]
RECORDS = [{"text": "good film", "label": "pos"}, {"text": "bad film", "label": "neg"}]


def table(labels, header="text,label"):
    return f"{header}\n" + "".join(f'film {n},"{label}"\n' for n, label in enumerate(labels))


def row(oddity, content, outcome="read 2", words=(), examples=READ, **more):
    task, file = more.pop("task", "classify"), more.pop("file", "a.csv")
    return Oddity(task, file, oddity, content, outcome, words, examples, **more)


def labels_of(oddity, labels, outcome, words, golds=(), **more):
    examples = [((f"film {n}",), gold) for n, gold in enumerate(golds)]
    return row(oddity, table(labels), outcome, words, examples, **more)


FOX = {"Context": "A fox ran.", "Question": "who ?", "Answer": "fox"}
CASES = [
    row(
        "words in capitals",
        json.dumps([{"Tokens": ["Ann", "slept"], "Tags": ["B-PER", "O"]}]),
        "read 1",
        ("'Tokens' is read as 'tokens'", "'Tags' is read as 'tags'"),
        TAGGED,
        task="tag",
        file="a.json",
    ),
    row(
        "words in capitals and the tags asked for",
        json.dumps([{"Tokens": ["Ann", "slept"], "NER": ["B-PER", "O"], "POS": ["N", "V"]}]),
        "read 1",
        (),
        [(Sentence(("Ann", "slept"), "ner"), ("B-PER", "O"))],
        task="tag",
        file="a.json",
        options={"column": "NER"},
    ),
    row(
        "rows of words and the tags asked for",
        "Sentence #,Word,POS,Tag\n1,Ann,N,B-PER\n,slept,V,O\n",
        "read 1",
        (),
        [(Sentence(("Ann", "slept"), "tag"), ("B-PER", "O"))],
        task="tag",
        options={"column": "Tag"},
    ),
    row(
        "questions in capitals",
        f"{json.dumps(FOX)}\n",
        "read 1",
        ("'Context' is read as 'context'",),
        [(Question("who ?", "A fox ran."), (Answer(2, "fox"),))],
        task="qa",
        file="a.jsonl",
    ),
    row(
        "names in capitals",
        f"TEXT,LABEL\n{ROWS}",
        words=("'TEXT' is read as 'text'", "--text-field", "'LABEL' is read as 'label'"),
    ),
    row(
        "names that begin with a capital",
        f"Review,Sentiment\n{ROWS}",
        words=("'Review' is read as 'review'", "--label-field"),
    ),
    row(
        "names in capitals, in JSON",
        "".join(f'{{"Text": "{r["text"]}", "Label": "{r["label"]}"}}\n' for r in RECORDS),
        words=("'Text' is read as 'text'",),
        file="a.jsonl",
    ),
    row(
        "a name in two cases",
        "Text,text,label\nx,good film,pos\ny,bad film,neg\n",
        words=("'text' is read, and not 'Text'",),
    ),
    row(
        "the usual label in capitals beside another",
        "text,Label,score\ngood film,pos,0.5\nbad film,neg,0.7\n",
        words=("'Label' is read, and not 'score'", "--label-field"),
    ),
    row(
        "a name in capitals that is asked for",
        f"Text,Label\n{ROWS}",
        options={"text_field": "Text", "label_field": "Label"},
        said=False,
    ),
    row(
        "two texts in capitals",
        "Premise,Hypothesis,Label\na,b,x\nc,d,y\n",
        task="pairs",
        examples=PAIR,
        words=("'Premise' and 'Hypothesis' are read as 'premise' and 'hypothesis'",),
    ),
    row(
        "sequences in capitals",
        "Sequence,Class\nACGT,x\nGGTT,y\n",
        task="remap",
        examples=[(("ACGT",), "x")],
        words=("'Sequence' is read as 'sequence'",),
    ),
]
COLUMNS = [
    row(
        "two columns that are not read",
        "1,x,good film,pos\n2,y,bad film,neg\n",
        data={"columns": ("-", "-", "text", "label")},
        said=False,
    ),
    row(
        "a header behind columns that are not read",
        "n,text,label\n1,good film,pos\n2,bad film,neg\n",
        words=("the first row names the columns",),
        data={"columns": ("-", "text", "label")},
    ),
    row(
        "zeros and ones that are not read",
        "1,good film,0\n0,bad film,1\n",
        "read 2",
        (),
        [(("good film",), "0")],
        data={"columns": ("-", "text", "label")},
    ),
    row(
        "too few columns named",
        "1,good film,pos\n",
        "asked",
        ("--columns names 2", "- for one that is not read"),
        (),
        data={"columns": ("text", "label")},
    ),
    row(
        "lines of lists",
        '["good film", "pos"]\n["bad film", "neg"]\n',
        file="a.jsonl",
        data={"columns": ("text", "label")},
        said=False,
    ),
    row(
        "lines of lists, one not read",
        '[1, "good film", "pos"]\n[2, "bad film", "neg"]\n',
        file="a.jsonl",
        data={"columns": ("-", "text", "label")},
        said=False,
    ),
    row(
        "columns named of JSON",
        json.dumps(RECORDS),
        words=("--columns label,text is not used",),
        file="a.json",
        data={"columns": ("label", "text")},
    ),
    row(
        "columns named of JSON lines",
        "".join(f"{json.dumps(r)}\n" for r in RECORDS),
        words=("--columns a,b is not used",),
        file="a.jsonl",
        data={"columns": ("a", "b")},
    ),
    row(
        "rows of words, two columns not read",
        "1,2,Ann slept,B-PER O\n3,4,Rome,B-LOC\n",
        task="tag",
        examples=TAGGED,
        data={"columns": ("-", "-", "word", "tag")},
    ),
    row(
        "a header of words behind columns not read",
        "n,m,word,tag\n1,2,Ann slept,B-PER O\n",
        "read 1",
        ("names the columns",),
        TAGGED,
        task="tag",
        data={"columns": ("-", "-", "word", "tag")},
    ),
]
FLAGS = [
    row("a thousand columns of zeros and ones",
    f"text,{','.join(f'c{n}' for n in range(1000))}\nfilm,{'0,' * 999}1\n", "read 1",
        ("1000 columns of zeros and ones",), [(("film",), ("c999",))]),
    row("a column of classes beside two of zeros and ones",
    "text,category,seen,new\nfilm,news,0,1\ngame,art,1,0\n", "asked",
        ("no answer", "--label-field"), ()),
    row("one column of zeros and ones without a usual name", "text,spam\nfilm,0\ngame,1\n", "asked",
        ("no column has a usual name of labels", "--label-field A,B"), ()),
    row("labels before sequences", "1\tACGT\n0\tGGTT\n", "refused", ("line 1 begins with '1'",
    "sequence first"), (),
        task="remap", file="a.txt"),
]  # fmt: skip
SEVERAL = ("may be", "--kind labels", "--kind classes")
JOINED = [
    labels_of("lists with commas", ["2,5", "27", "2", "5", "a"], "asked", ("'2,5'", *SEVERAL)),
    labels_of(
        "numbers with commas",
        ["1,5", "2,5", "3,0"],
        "asked",
        ("numbers with a comma", "1.5", *SEVERAL),
    ),
    labels_of(
        "lists with bars",
        ["Comedy|Drama", "Drama", "Comedy"],
        "asked",
        ("'Comedy|Drama'", "bars", *SEVERAL),
    ),
    labels_of(
        "lists with commas, as classes",
        ["a,b", "a", "b"],
        "read 3",
        (),
        ["a,b", "a", "b"],
        options={"kind": "classes"},
    ),
    labels_of(
        "lists with commas, as labels",
        ["a,b", "a", "b"],
        "read 3",
        (),
        ["a,b", "a", "b"],
        options={"kind": "labels"},
    ),
    labels_of(
        "names with commas",
        ["Arts, Crafts", "Food", "Arts, Crafts"],
        "read 3",
        (),
        ["Arts, Crafts"],
        said=False,
    ),
    labels_of(
        "a vector with blanks",
        ["1 0 1", "0 1 0"],
        "read 2",
        ("vectors of zeros and ones",),
        [("0", "2"), ("1",)],
    ),
    labels_of(
        "a vector with commas",
        ["1,0,1", "0,1,0"],
        "read 2",
        ("vectors of zeros and ones",),
        [("0", "2"), ("1",)],
    ),
    labels_of(
        "a vector as a tuple",
        ["(1, 0, 1)", "(0, 1, 0)"],
        "read 2",
        ("vectors of zeros and ones",),
        [("0", "2"), ("1",)],
    ),
    labels_of("a set of names", ["{'b', 'a'}", "{'a'}"], "read 2", (), [("a", "b"), ("a",)]),
    labels_of("words in parentheses", ["(a)", "(b)"], "read 2", (), ["(a)", "(b)"], said=False),
    labels_of(
        "accents composed or not",
        ["\u00e9", "e\u0301"],
        "read 2",
        ("forms of Unicode", "'e\\u0301' (1)"),
    ),
    labels_of(
        "a character that does not show",
        ["a", "a\u200b"],
        "read 2",
        ("differ only in", "'a\\u200b' (1)"),
    ),
    labels_of("numbers with exponents", ["1e-3", "2e5"], "read 2", ("labels are numbers",)),
    labels_of(
        "infinity among numbers",
        ["1.5", "inf", "2.5"],
        "asked",
        ("'inf' is no number", "--kind classes", "--no-label=inf"),
    ),
    labels_of(
        "missing as SQL writes it", ["a", "b", "\\N"], "read 2", ("'\\N'", "left out"), ["a", "b"]
    ),
]
NUMBERS = "Ann\t1\nslept\t-100\n\nRome\t0\n"
UNCOUNTED = ("1 word is marked as not counted",)
NUMBERED = [(Sentence(("Ann", "slept")), ("1", None))]
TAGS = [
    row("words that do not count", NUMBERS, words=UNCOUNTED, examples=NUMBERED, task="tag",
    file="a.conll"),
    row("-1, 0 and 1", NUMBERS.replace("-100", "-1"), words=UNCOUNTED, examples=NUMBERED,
        task="tag", file="a.conll"),
    row("names for numbers", NUMBERS, words=("BIO",), examples=[(Sentence(("Ann", "slept")),
    ("B-PER", None))],
        task="tag", file="a.conll", options={"label_names": "O,B-PER"}),
    row("a number beyond the names", NUMBERS, "asked", ("none for 1", "--label-names"), (),
    task="tag", file="a.conll",
        options={"label_names": "O"}),
]  # fmt: skip
CONLLU = "1\tAnn\t_\tPROPN\t_\t_\t_\t_\t_\t_\n"
UNUSED = [
    row("columns named", ">a x\nACGT\n>b y\nGGTT\n", words=("--columns sequence,label is not used",
    ), examples=[(("ACGT",), "x")],
        task="remap", file="a.fasta", data={"columns": ("sequence", "label")}),
    row("columns named", CONLLU, "read 1", ("--columns -,word,tag is not used",), (), task="tag",
    file="a.conllu",
        data={"columns": ("-", "word", "tag")}),
    row("names of tags that are no numbers", "Ann\tB-PER\nslept\tO\n", "read 1",
    ("numbers, and there are none",), TAGGED,
        task="tag", file="a.conll", options={"label_names": "X,Y"}),
]  # fmt: skip
ODDITIES = [*FLAGS, *UNUSED, *CASES, *COLUMNS, *JOINED, *TAGS]
