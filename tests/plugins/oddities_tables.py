"""Tables (.csv, .tsv) of others, as the tasks with one label for a text read them."""

import gzip
import io
import zipfile

from reader_oddities import Oddity

GOOD, BAD = (("good film",), "pos"), (("bad film",), "neg")
READ = [GOOD, BAD]
ROWS = "good film,pos\nbad film,neg\n"
CSV = f"text,label\n{ROWS}"
TABS = CSV.replace(",", "\t")


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "<xml/>")
    return content.getvalue()


HEADED = f"Satz,Urteil\n{ROWS}{ROWS}"
NAMED = {"columns": ("text", "label")}
LONG = "word " * 30_000  # longer than what Python's csv module takes by default


def csv(oddity, content, outcome="read 2", words=(), examples=(), **more):
    """A row of classify about a .csv."""
    return Oddity(
        "classify", more.pop("file", "a.csv"), oddity, content, outcome, words, examples, **more
    )


def tsv(oddity, content, outcome="read 2", words=(), examples=(), **more):
    return csv(oddity, content, outcome, words, examples, file="a.tsv", **more)


BYTES = [
    csv("nothing odd", CSV, examples=READ, said=False),
    csv("CRLF", CSV.replace("\n", "\r\n"), examples=READ, said=False),
    csv("bare CR", CSV.replace("\n", "\r"), examples=READ, said=False),
    csv(
        "bare CR beside LF in quotes",
        'text,label\r"good\nfilm",pos\rbad film,neg\r',
        examples=[(("good\nfilm",), "pos"), BAD],
    ),
    csv(
        "CRLF and bare CR mixed",
        "text,label\r\ngood film,pos\rbad film,neg\r\n",
        examples=READ,
        said=False,
    ),
    csv("byte order mark", f"\ufeff{CSV}", examples=READ, said=False),
    csv(
        "byte order mark before quotes", f'\ufeff"text","label"\n{ROWS}', examples=READ, said=False
    ),
    csv("UTF-16 with mark", CSV.encode("utf-16"), examples=READ, said=False),
    csv("UTF-16 without mark", CSV.encode("utf-16-le"), "refused", ("NUL byte", "byte order mark")),
    csv("NUL byte", "text,label\na\0b,pos\n", "refused", ("line 2", "NUL byte")),
    csv(
        "Latin-1",
        "text,label\nfilm été,pos\n".encode("latin-1"),
        "refused",
        ("line 2", "not UTF-8"),
    ),
    csv("gzip", gzip.compress(CSV.encode()), examples=READ, file="a.csv.gz", said=False),
    csv(
        "gzip, and its name says nothing of it",
        gzip.compress(CSV.encode()),
        "refused",
        ("a.csv is packed with gzip", "a.csv.gz"),
    ),
    tsv(
        "gzip, and its name says nothing of it",
        gzip.compress(TABS.encode()),
        "refused",
        ("a.tsv.gz",),
    ),
    csv("gzip of a table", gzip.compress(CSV.encode()), "refused", ("a.jsonl.gz",), file="a.jsonl"),
    csv("gzip of a table", gzip.compress(CSV.encode()), "refused", ("a.json.gz",), file="a.json"),
    csv(
        "a spreadsheet",
        zipped("[Content_Types].xml", "xl/workbook.xml"),
        "refused",
        ("a spreadsheet of Excel", "save it as CSV"),
    ),
    tsv("a spreadsheet", zipped("[Content_Types].xml", "xl/workbook.xml"), "refused", ("Excel",)),
    csv("no end of the last line", CSV.rstrip(), examples=READ),
    csv("blank lines", CSV.replace("\n", "\n\n"), examples=READ),
    csv("rows of separators alone", f"{CSV},\n,\n", examples=READ, said=False),
    csv(
        "a text of 150,000 characters",
        f'text,label\n"{LONG}",pos\nbad film,neg\n',
        examples=[((LONG,), "pos"), BAD],
    ),
    tsv(
        "a text of 150,000 characters",
        f"text\tlabel\n{LONG}\tpos\nbad film\tneg\n",
        examples=[((LONG,), "pos"), BAD],
    ),
]
QUOTES = [
    csv("comma, mark and line end inside", 'text,label\n"a, ""b""\nc",pos\nbad film,neg\n',
    examples=[(('a, "b"\nc',), "pos"), BAD]),
    csv("a mark amid an open value", 'text,label\nsay "a" b,pos\nbad film,neg\n',
    examples=[(('say "a" b',), "pos"), BAD]),
    csv("a mark that is never closed", 'text,label\ngood film,pos\n"bad film,neg\n', "asked",
    ("line 3", "never closed", "--quoted")),
    csv("a mark that closes rows later", 'text,label\ngood film,pos\n"bad film,neg\n'
        'old film,neg\nnew film,pos\n",neg\n', "read 2",
        ("2 lines that look like rows stand inside a quoted value", "line 3"), [GOOD]),
    csv("lines of a poem", 'text,label\n"roses, red,\nand blue\nviolets,",pos\nbad film,neg\n',
        examples=[(("roses, red,\nand blue\nviolets,",), "pos"), BAD], said=False),
    csv("text behind a closing mark", 'text,label\n"good" film,pos\n', "asked", ("line 2",
    "follows the quotation mark")),
    csv("backslash before a mark", 'text,label\n"say \\"a\\" b",pos\n', "asked", ("line 2",
    'write "" (not \\")')),
    csv("a blank after each comma", f"text, label\n{ROWS.replace(',', ', ')}", examples=READ,
    said=False),
    tsv("GLUE's lone marks", 'sentence\tlabel\n"Open\tpos\nShut"\tneg\n', "read 2", (), [(('"Open',
    ), "pos"), (('Shut"',), "neg")]),
    tsv("pandas' doubled marks", 'text\tlabel\n"say ""a"" b"\tpos\nbad film\tneg\n',
    examples=[(('say "a" b',), "pos"), BAD], said=False),
    tsv("a tab in quotes", 'text\tlabel\n"good\tfilm"\tpos\nbad film\tneg\n',
    examples=[(("good\tfilm",), "pos"), BAD], said=False),
    tsv("a line end in quotes", 'text\tlabel\n"good\nfilm"\tpos\nbad film\tneg\n',
    examples=[(("good\nfilm",), "pos"), BAD], said=False),
    tsv("all of it in quotes", '"text"\t"label"\n"good film"\t"pos"\n"bad film"\t"neg"\n',
    examples=READ, said=False),
    tsv("one value in quotes", 'text\tlabel\n"good film"\tpos\nbad film\tneg\n', "read 2",
    ("taken for text", "--quoted yes"),
        [(('"good film"',), "pos"), BAD]),
    tsv("one value in quotes that enclose", 'text\tlabel\n"good film"\tpos\nbad film\tneg\n',
    examples=READ, data={"quoted": "yes"}),
    tsv("doubled marks and lone ones", 'text\tlabel\n"say ""a"""\tpos\n7" of film\tneg\n', "read 2",
    ("enclose values", "--quoted no"),
        [(('say "a"',), "pos"), (('7" of film',), "neg")]),
    tsv("marks within the words", 'text\tlabel\nsay "a" b\tpos\nbad film\tneg\n',
    examples=[(('say "a" b',), "pos"), BAD], said=False),
]  # fmt: skip
SEPARATORS = [
    csv("semicolons", CSV.replace(",", ";"), "read 2", ("semicolons part its columns",), READ),
    csv("tabs", TABS, "read 2", ("tabs part its columns",), READ),
    csv("bars", CSV.replace(",", "|"), "read 2", ("bars part its columns",), READ),
    csv("semicolons and commas in the texts", "text;label\ngood, film;pos\nbad film;neg\n",
    "read 2", ("semicolons",),
        [(("good, film",), "pos"), BAD]),
    csv("a line sep=;", f"sep=;\n{CSV.replace(',', ';')}", examples=READ, said=False),
    csv("semicolons or bars", "text;x|label\na;b|pos\nc;d|neg\n", "asked", ("semicolons or bars",
    "--separator")),
    csv("a separator of its own", CSV.replace(",", "~"), examples=READ, data={"separator": "~"}),
    csv("a separator that cannot be", CSV, "asked", ("--separator cannot be",),
    data={"separator": "ab"}),
    tsv("commas", CSV, "read 2", ("commas part its columns",), READ),
    tsv("one column and commas", "text\nhello, world\nno\n", "read 2", (), [(("hello, world",),
    None)], predicts=True, said=False),
]  # fmt: skip
COLUMNS = [
    csv(
        "two tables, one behind the other",
        f"{CSV}{CSV}",
        "read 4",
        ("1 record is skipped", "names the columns again", "line 4"),
        [GOOD, BAD, GOOD, BAD],
    ),
    csv(
        "two tables of quoted values",
        f'"text","label"\n{ROWS}"text","label"\n{ROWS}',
        "read 4",
        ("1 record is skipped",),
        [GOOD, BAD, GOOD, BAD],
    ),
    csv(
        "a row that has the name of one column",
        f"{CSV}text,neg\n",
        "read 3",
        (),
        [GOOD, BAD, (("text",), "neg")],
        said=False,
    ),
    csv("a column twice", f"text,text\n{ROWS}", "asked", ("line 1", "two columns", "--columns")),
    csv(
        "pandas' index without a name",
        ",text,label\n0,good film,pos\n1,bad film,neg\n",
        examples=READ,
        said=False,
    ),
    csv(
        "pandas' index as Unnamed: 0",
        "Unnamed: 0,text,label\n0,good film,pos\n1,bad film,neg\n",
        examples=READ,
        said=False,
    ),
    csv("a comma at the end of every row", CSV.replace("\n", ",\n"), examples=READ, said=False),
    csv(
        "a comma at the end of some rows",
        CSV.replace("pos\n", "pos,,\n"),
        examples=READ,
        said=False,
    ),
    csv("a row too long", f"{CSV}a,b,c\n", "asked", ("line 4 has 3 columns and should have 2",)),
    csv("a row too short", f"{CSV}a\n", "asked", ("line 4 has 1 column and should have 2",)),
    csv(
        "row names of R",
        'text,label\n"1",good film,pos\n"2",bad film,neg\n',
        "asked",
        ("line 2 has 3", "row names of R"),
    ),
    csv(
        "no header",
        ROWS,
        "asked",
        ("no column 'text'", "'good film', 'pos'", "say --columns text,label or"),
    ),
    csv(
        "no header, label first",
        "pos,1,a good film\nneg,2,bad film\n",
        "asked",
        ("--columns label,-,text",),
    ),
    csv(
        "a header in words of its own",
        HEADED,
        "asked",
        (
            "line 1: no other row has the label 'Urteil'",
            "may be a header",
            "--text-field Satz --label-field Urteil",
            "--kind classes",
        ),
        data=NAMED,
    ),
    csv(
        "a header in words of its own and kind said",
        HEADED,
        "read 5",
        ("'Urteil'", "is taken for an example"),
        [(("Satz",), "Urteil"), GOOD],
        data=NAMED,
        options={"kind": "classes"},
    ),
    csv(
        "a header in words of its own over a class that comes once",
        f"{HEADED}odd film,mixed\n",
        "read 6",
        (
            "line 1: no other row has the label 'Urteil'",
            "is taken for an example; if it is a header, leave --columns away",
            "--text-field Satz --label-field Urteil",
        ),
        [(("Satz",), "Urteil"), GOOD],
        data=NAMED,
    ),
    csv(
        "a header over numbers",
        "Satz,Note\na,1.5\nb,2.5\n",
        "asked",
        ("'Note'", "may be a header"),
        data=NAMED,
    ),
    csv(
        "a first row of a class that comes again",
        f"a film,pos\n{ROWS}{ROWS}",
        "read 5",
        (),
        data=NAMED,
        said=False,
    ),
    csv(
        "a first sentence of a class of its own",
        f"I liked it all of it,mixed\n{ROWS}{ROWS}",
        "read 5",
        data=NAMED,
        said=False,
    ),
    csv(
        "a first text in Chinese of a class of its own",
        f"很好看，很喜欢。,mixed\n{ROWS}{ROWS}",
        "read 5",
        data=NAMED,
        said=False,
    ),
    csv(
        "a first text of a class of its own",
        f"a good film,mixed\n{ROWS}{ROWS}{ROWS}a film,pos\n",
        "read 8",
        data=NAMED,
        said=False,
    ),
    csv(
        "a class that comes once behind the first row",
        f"{ROWS}{ROWS}odd,mixed\n",
        "read 5",
        (),
        data=NAMED,
        said=False,
    ),
    csv(
        "a header of its own names",
        HEADED,
        "read 4",
        (),
        [GOOD],
        options={"text_field": "Satz", "label_field": "Urteil"},
    ),
    csv(
        "no header, columns named",
        ROWS,
        examples=READ,
        data={"columns": ("text", "label")},
        said=False,
    ),
    csv(
        "no header, other columns named",
        "pos,1,good film\nneg,2,bad film\n",
        examples=READ,
        data={"columns": ("verdict", "n", "review")},
        options={"label_field": "verdict", "text_field": "review"},
    ),
    csv(
        "no header, too many columns named",
        ROWS,
        "asked",
        ("line 1 has 2 columns and should have 3", "--columns names 3"),
        data={"columns": ("a", "text", "label")},
    ),
    csv(
        "columns named as the header does",
        CSV,
        "read 2",
        ("first row names the columns",),
        READ,
        data={"columns": ("text", "label")},
    ),
    csv(
        "columns named in another way",
        f"review,sentiment\n{ROWS}",
        "asked",
        ("looks like a header", "--columns"),
        data={"columns": ("text", "label")},
    ),
    csv(
        "columns that pandas numbered",
        f"0,1\n{ROWS}",
        "read 2",
        ("first row names the columns",),
        READ,
        data={"columns": ("text", "label")},
    ),
    tsv(
        "no header, columns named",
        ROWS.replace(",", "\t"),
        examples=READ,
        data={"columns": ("text", "label")},
    ),
    csv(
        "two columns of texts",
        "text,content,label\ngood film,x,pos\nbad film,y,neg\n",
        "read 2",
        ("'text' is read, and not 'content'",),
        READ,
    ),
    csv(
        "two columns of labels",
        "text,label,stars\ngood film,pos,5\nbad film,neg,1\n",
        "read 2",
        ("'label' is read, and not 'stars'",),
        READ,
    ),
    csv(
        "no column of labels", "text,other\ngood film,x\n", "asked", ("no answer", "--label-field")
    ),
    Oddity(
        "pairs",
        "a.csv",
        "no header",
        "a man,a woman,neutral\nb,c,neutral\n",
        "asked",
        ("no column 'premise' and 'hypothesis'", "say --columns premise,hypothesis,label or"),
    ),
    Oddity(
        "pairs",
        "a.tsv",
        "two pairs of columns",
        "premise\thypothesis\tsentence1\tsentence2\tlabel\na\tb\tc\td\tneutral\ne\tf\tg\th\tentailment\n",
        "read 2",
        ("'premise' and 'hypothesis' are read", "--first-field"),
        [(("a", "b"), "neutral")],
    ),
    Oddity(
        "pairs",
        "a.csv",
        "a header in words of its own",
        "eins,zwei drei,Urteil\na,b,x\nc,d,y\ne,f,x\ng,h,y\n",
        "asked",
        ("--first-field eins --second-field 'zwei drei' --label-field Urteil",),
        data={"columns": ("premise", "hypothesis", "label")},
    ),
    Oddity(
        "pairs",
        "a.csv",
        "no header and an id",
        "1,a man,a woman,no\n2,b cd,c de,no\n",
        "asked",
        ("say --columns -,premise,hypothesis,label or",),
    ),
    Oddity(
        "remap",
        "a.csv",
        "no header, columns named",
        "ACGT,x\nGGTT,y\n",
        "read 2",
        (),
        [(("ACGT",), "x")],
        data={"columns": ("sequence", "label")},
    ),
]
ODDITIES = [*BYTES, *QUOTES, *SEPARATORS, *COLUMNS]
