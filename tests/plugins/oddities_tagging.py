"""Tagged words as corpora and the hub write them: columns, CoNLL-U, JSON."""

from reader_oddities import Oddity
from sslplugins.tasks.tag.sentences import Sentence
from tag_layouts import LAYOUTS, SENTENCES, lines

ANN = (Sentence(("Ann", "slept")), ("B-PER", "O"))
TWO = "Ann\tB-PER\nslept\tO\n\nRome\tB-LOC\n"
CONLLU = "1\tAnn\t_\tPROPN\t_\t_\t_\t_\t_\t_\n2\tslept\t_\tVERB\t_\t_\t_\t_\t_\t_\n"
RANGE = "1-2\tAnn\t_\t_\t_\t_\t_\t_\t_\t_\n"
EMPTY_NODE = "2.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n"
PLAIN = (Sentence(("Ann", "slept"), "upos"), ("PROPN", "VERB"))
HUB = '{"tokens": ["Ann", "slept"], "ner_tags": [1, 0]}\n'


def read(file, oddity, content, count=2, words=("words are column",), first=ANN, **more):
    return Oddity(
        "tag", file, oddity, content, f"read {count}", words, [first] if first else (), **more
    )


def refused(file, oddity, content, *words, **more):
    return Oddity("tag", file, oddity, content, "refused", words, **more)


def asked(file, oddity, content, *words, **more):
    return Oddity("tag", file, oddity, content, "asked", words, **more)


ODDITIES = [
    *(
        Oddity(
            "tag",
            name,
            "layout",
            content,
            f"read {len(SENTENCES)}",
            () if name.endswith("lists.csv") else (name,),
        )
        for name, (content, _) in LAYOUTS.items()
    ),
    read("a.conll", "nothing odd", TWO),
    read("a.conll", "CRLF", TWO.replace("\n", "\r\n")),
    read("a.conll", "CR alone", TWO.replace("\n", "\r")),
    read("a.conll", "no end of the last line", TWO.rstrip()),
    read("a.conll", "several empty lines", TWO.replace("\n\n", "\n \n\t\n\n")),
    read("a.conll", "byte order mark", "\ufeff" + TWO),
    read("a.conll", "blanks behind", TWO.replace("\n", " \n")),
    read("a.conll", "comments", "# a comment\n" + TWO, words=("1 line of no words",)),
    read("a.conll", "document line", "-DOCSTART- O\n\n" + TWO),
    read(
        "a.conll",
        "a word that is a hash",
        "#\tO\n" + TWO,
        first=(Sentence(("#", "Ann", "slept")), ("O", "B-PER", "O")),
    ),
    read(
        "a.conll",
        "words of blanks",
        TWO.replace("Ann", "New York"),
        first=(Sentence(("New York", "slept")), ("B-PER", "O")),
    ),
    read("a", "no ending", TWO),
    read("a.tsv", "header", "token\tlabel\n" + TWO, words=("as 'token' and 'label'",)),
    read(
        "a.tsv",
        "two files with headers, one behind the other",
        f"token\tlabel\n{TWO}\ntoken\tlabel\n{TWO}",
        4,
        ("tags column 2 ('B-LOC', 'B-PER', 'O')", "2 lines are headers"),
    ),
    read(
        "a.tsv",
        "numbered",
        "1\tAnn\tB-PER\n2\tslept\tO\n\n1\tRome\tB-LOC\n",
        words=("words are column 2",),
    ),
    read("a.txt", "tag first", "B-PER Ann\nO slept\n\nB-LOC Rome\n", words=("tags column 1",)),
    read(
        "a.txt",
        "language before every word",
        TWO.replace("Ann", "en:Ann").replace("slept", "en:slept").replace("Rome", "en:Rome"),
        words=("'en:' before every word is left out",),
    ),
    read(
        "a.txt",
        "columns asked for",
        "1 Ann NNP B-PER\n2 slept VBD O\n",
        1,
        ("--columns",),
        data={"columns": ("-", "word", "-", "tag")},
    ),
    read(
        "a.tsv",
        "a table of lists",
        "\ttokens\tner_tags\n0\t['Ann', 'slept']\t['B-PER', 'O']\n",
        1,
        (),
    ),
    read(
        "a.tsv",
        "a table of lists, quoted",
        'tokens\ttags\n"[""Ann"", ""slept""]"\t"[""B-PER"", ""O""]"\n',
        1,
        (),
    ),
    read(
        "a.tsv",
        "a table of texts",
        "id\ttokens\ttags\n7\tAnn slept\tB-PER O\n8\tRome\tB-LOC\n",
        2,
        (),
    ),
    read(
        "a.txt",
        "names of columns above sentences",
        "tokens\ttags\nAnn slept\tB-PER O\nRome\tB-LOC\n",
        2,
        ("the first line is a header",),
    ),
    refused(
        "a.txt",
        "lists without names",
        "['Ann', 'slept']\t['B-PER', 'O']\n",
        "lists in its lines",
        ".tsv",
    ),
    read(
        "a.tsv",
        "words of blanks below names",
        "token\tlabel\nNew York\tB-LOC\nslept\tO\n",
        1,
        ("as 'token' and 'label'",),
        (Sentence(("New York", "slept")), ("B-LOC", "O")),
    ),
    asked(
        "a.tsv",
        "WebAnno",
        "1-1\t0-3\tAnn\tB-PER\t\n1-2\t4-9\tslept\tO\t\n\n2-1\t9-13\tRome\tB-LOC\t\n",
        "'1-1', '1-2', '2-1'",
        "'Ann', 'slept', 'Rome'",
        "--columns -,-,word,tag,-",
    ),
    asked(
        "a.txt",
        "names of words",
        "t1 Ann B-PER\nt2 slept O\n\nt3 Rome B-LOC\n",
        "--columns -,word,tag",
    ),
    read(
        "a.txt",
        "names of words, said",
        "t1 Ann B-PER\nt2 slept O\n",
        1,
        data={"columns": ("-", "word", "tag")},
    ),
    read(
        "a.txt",
        "words that count",
        "w1 B-PER\nw2 O\n",
        1,
        first=(Sentence(("w1", "w2")), ("B-PER", "O")),
    ),
    read("a.txt", "letters alone", "Ann B\nBob I\nslept O\n", 1, ("BIO (letters alone)",), None),
    read(
        "a.txt",
        "mixture of schemes",
        "Ann U-PER\nNew B-LOC\nYork E-LOC\nslept O\n",
        1,
        ("a mixture of schemes",),
        None,
    ),
    read(
        "a.txt",
        "tags of no scheme",
        "Ann B-PER\nBob I-PER\nslept O\nRome LOC\n",
        1,
        ("'LOC' fits no scheme",),
        None,
    ),
    read(
        "a.txt",
        "words without tags",
        "Ann\nslept\n\nRome\n",
        words=("one column, of words",),
        first=(Sentence(("Ann", "slept")), None),
        predicts=True,
    ),
    refused("a.txt", "words without tags to train on", "Ann\nslept\n", "no answer to learn from"),
    refused("a.txt", "a word without a tag", "Ann O\nslept\n", "line 2: 'slept' has no tag"),
    refused("a.txt", "an empty word", "Ann\tO\n\tO\n", "line 2 has an empty word"),
    refused("a.txt", "an empty tag", "Ann\tO\nslept\t\n", "line 2 has an empty tag"),
    refused(
        "a.txt",
        "another number of columns",
        "Ann O\n1 000 O\nslept O\n",
        "line 2 has 3 columns and most lines have 2",
    ),
    asked(
        "a.txt",
        "two columns of plain tags",
        lines(lambda i, w, n, p: f"{w} {p[0]} {p}\n"),
        "which column has the tags",
        "--columns",
    ),
    asked(
        "a.txt",
        "two columns of tags in a header",
        "form upos xpos\nAnn PROPN NNP\nslept VERB VBD\n",
        "'upos', 'xpos'",
    ),
    refused(
        "a.txt",
        "running text",
        "This is a text.\nIt has lines of many lengths.\n",
        "so they are none of one word",
    ),
    refused("a.txt", "JSON lines", HUB, "looks like JSON", ".jsonl"),
    refused("a.txt", "nothing but empty lines", "\n\n", "has no sentences"),
    refused(
        "a.txt",
        "withheld words",
        lines(lambda i, w, n, p: f"d 0 {i} [WORD] {p} * - - - S * -\n"),
        "the text is withheld",
    ),
    read("a.conllu", "nothing odd", CONLLU, 1, ("UPOS column of CoNLL-U",), PLAIN),
    read("a.conllu", "ranges and empty nodes", RANGE + CONLLU + EMPTY_NODE, 1, (), PLAIN),
    read("a.conll", "CoNLL-U by another name", CONLLU, 1, ("read as CoNLL-U",), PLAIN),
    read(
        "a.csv",
        "a header in words of its own",
        "Satz,Marken\nAnn slept,B-PER O\nRome,B-LOC\n",
        3,
        ("line 1: no other row has the tag 'Marken'", "leave --columns away"),
        None,
        data={"columns": ("tokens", "tags")},
    ),
    read(
        "a.csv",
        "no header",
        "Rome,PROPN\nAnn slept,PROPN VERB\n",
        2,
        (),
        (Sentence(("Rome",)), ("PROPN",)),
        data={"columns": ("tokens", "tags")},
        said=False,
    ),
    refused(
        "a.conllu", "blanks for tabs", CONLLU.replace("\t", " "), "parts its columns with tabs"
    ),
    refused("a.conllu", "a word without a tag", CONLLU.replace("VERB", "_"), "'slept' has no tag"),
    refused(
        "a.conllu",
        "withheld words",
        CONLLU.replace("Ann", "_").replace("slept", "_"),
        "the text is withheld",
    ),
    read(
        "a.jsonl",
        "numbers without names",
        HUB,
        1,
        ("--label-names",),
        (Sentence(("Ann", "slept")), ("1", "0")),
    ),
    read("a.jsonl", "names for numbers", HUB, 1, (), ANN, options={"label_names": "O,B-PER"}),
    asked("a.jsonl", "a number beyond the names", HUB, "none for 1", options={"label_names": "O"}),
    read(
        "a.jsonl",
        "words that do not count",
        HUB.replace("0]", "-100]"),
        1,
        ("1 word is marked",),
        (Sentence(("Ann", "slept")), ("1", None)),
    ),
    refused(
        "a.jsonl",
        "no word that counts",
        HUB.replace("[1, 0]", "[-100, -100]"),
        "no answer to learn from",
    ),
    asked(
        "a.jsonl",
        "two lists of tags",
        HUB.replace('"ner_tags"', '"pos_tags": [0, 1], "ner_tags"'),
        "--column ner_tags",
    ),
    refused("a.jsonl", "fewer tags than words", HUB.replace("[1, 0]", "[1]"), "1 tag for 2 words"),
    refused("a.jsonl", "an empty word", HUB.replace("Ann", ""), "'' is no text"),
    read(
        "a.csv",
        "rows of words",
        "sentence_id,words,labels\n0,Ann,B-PER\n0,slept,O\n1,Rome,B-LOC\n",
        words=("joins them to sentences",),
    ),
    read(
        "a.csv",
        "every row one word",
        "words,labels\n" + "Ann,B-PER\nslept,O\n" * 5,
        10,
        ("all 10 sentences have one word",),
        None,
    ),
]
