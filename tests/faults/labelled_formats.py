"""Files of tags and of symbols that do not keep to their formats: CoNLL-U, columns, FASTA, FASTQ,
lines, and maps of words.
"""

import re
from collections.abc import Iterator, Mapping

from labelled_files import COLUMNS, CONLLU, GENES, Case, in_lines


def tag_cases() -> Iterator[Case]:
    lines = CONLLU.split("\n")
    row = 8  # the first word of the second sentence, on line 9
    rows = {
        "nine columns": (lines[row].rpartition("\t")[0], ("columns",)),
        "eleven columns": (lines[row] + "\t_", ("columns",)),
        "blanks for tabs": (lines[row].replace("\t", " "), ("1 column, not 10",)),
        "a word that is empty": (lines[row].replace("the", "", 1), ("FORM",)),
        "no number": (f"x{lines[row]}", ("ID",)),
        "a number below 1": (f"0{lines[row][1:]}", ("ID",)),
        "a number twice": (f"2{lines[row][1:]}", ("ID",)),
        "no tag": (lines[row].replace("DET", "_"), ("UPOS",)),
        "an empty tag": (lines[row].replace("DET", ""), ("UPOS",)),
    }
    for name, (line, says) in rows.items():
        content = "\n".join([*lines[:row], line, *lines[row + 1 :]])
        yield Case(
            f"CoNLL-U: {name}",
            "tag",
            "words.conllu",
            content.encode(),
            ("record 2", "line 9", *says),
        )
    backwards = "\n".join([*lines[:row], f"2-1{lines[row][1:]}", *lines[row + 1 :]])
    yield Case(
        "CoNLL-U: a range backwards", "tag", "words.conllu", backwards.encode(), ("record 2", "ID")
    )
    yield Case("CoNLL-U: comments alone", "tag", "words.conllu", b"# a\n# b\n", ("no sentences",))
    without_upos = re.sub(r"\t(DET|NOUN|VERB)\t", "\t_\t", CONLLU)
    bare = re.sub(r"\t(DT|NN|VBZ)\t", "\t_\t", without_upos)
    yield Case(
        "CoNLL-U: no tags at all",
        "tag",
        "words.conllu",
        bare.encode(),
        ("record 1", "no answer"),
        wrong=8,
    )
    yield Case(
        "CoNLL-U: a sent_id twice",
        "tag",
        "words.conllu",
        CONLLU.replace("w3", "w2").encode(),
        ("'w2'", "record 3"),
    )
    yield Case(
        "CoNLL-U: the other column",
        "tag",
        "words.conllu",
        without_upos.encode(),
        ("UPOS",),
        ("--column", "upos"),
    )
    ranges = CONLLU.replace("1\tthe", "1-2\tthecat\t_\t_\t_\t_\t_\t_\t_\t_\n1\tthe", 1).replace(
        "3\tsees", "2.1\tn\t_\t_\t_\t_\t_\t_\t_\t_\n3\tsees", 1
    )
    yield Case(
        "CoNLL-U: ranges and empty nodes", "tag", "words.conllu", ranges.encode(), ("DET",), code=0
    )
    yield Case(
        "CoNLL-U that is called columns",
        "tag",
        "words.conll",
        CONLLU.encode(),
        ("record 1", "CoNLL-U"),
        wrong=8,
    )
    columns = COLUMNS.split("\n")
    for name, line in {
        "no tag": "the",
        "a tab and no tag": "the\t",
        "a tab and no word": "\tO",
    }.items():
        content = "\n".join([*columns[:6], line, *columns[7:]])
        yield Case(
            f"columns: {name}", "tag", "words.conll", content.encode(), ("record 2", "line 7")
        )
    words = "\n".join(line.partition(" ")[0] for line in columns)
    yield Case(
        "columns: no tags at all", "tag", "words.conll", words.encode(), ("no answer",), wrong=8
    )
    yield Case(
        "columns: documents alone",
        "tag",
        "words.conll",
        b"-DOCSTART- -X- -X- O\n\n",
        ("no sentences",),
    )


def symbol_cases() -> Iterator[Case]:
    files = {
        "genes.fasta": {
            "letters without a header": ("ACGT\n>a label=x\nACGT\n", "line 1"),
            "headers alone": (">a\n>b\n", "line 1"),
            "a digit": (">a label=x\nACGT\nAC9T\n", "line 3"),
            "no label": (">a\nACGT\n>b\nACGT\n", "no answer"),
            "comments alone": ("; a\n; b\n", "no"),
            "an id twice": (">a label=x\nAC\n>a label=y\nGT\n", "'a'"),
        },
        "genes.fastq": {
            "no @": ("a x\nACGT\n+\nIIII\n", "line 1"),
            "no plus": ("@a x\nACGT\nIIII\nIIII\n", "line 1"),
            "a mark too few": ("@a x\nACGT\n+\nIII\n", "line 1"),
            "three lines": ("@a x\nACGT\n+\n", "line 1"),
            "a digit": ("@a x\nAC9T\n+\nIIII\n", "line 2"),
            "FASTA in it": (">a label=x\nACGT\n>b label=y\nACGT\n", "line 1"),
        },
        "genes.txt": {
            "three columns": ("ACGT\tin\tmore\n", "line 1"),
            "no label": ("ACGT\nACGG\nAC\n", "no answer"),
        },
    }
    for file, contents in files.items():
        for name, (content, says) in contents.items():
            yield Case(f"{file}: {name}", "remap", file, content.encode(), (says,))
    genes = in_lines(GENES).encode()
    maps: Mapping[str, tuple[bytes, str]] = {
        "a list": (b'["A"]', "every symbol a word"),
        "a number for a word": (b'{"A": 3}', "every symbol a word"),
        "broken": (b'{"A": ', "not JSON"),
        "null": (b"null", "every symbol a word"),
        "an empty word": (b'{"A": ""}', "'A'"),
        "one word twice": (b'{"A": "cat", "C": "cat"}', "same word"),
        "a symbol twice": (b'{"A": "cat", "A": "dog"}', "twice"),
        "a symbol in both cases": (b'{"A": "cat", "a": "dog"}', "'A'"),
        "no UTF-8": (b'{"A": "\xff"}', "UTF-8"),
        "nothing": (b"", "not JSON"),
        "words of other objects": (b'{"A": {"C": "cat"}}', "every symbol a word"),
    }
    for name, (content, says) in maps.items():
        flags, files = ("--words", "{folder}/map.json"), {"map.json": content}
        yield Case(
            f"a map of words that is {name}",
            "remap",
            "genes.jsonl",
            genes,
            (says,),
            flags,
            files,
            names_file=False,
        )
    words = {
        "a file that is not there": "missing.json",
        "an empty word": "A=,C=cat",
        "one word twice": "A=cat,C=cat",
        "no word": "A=cat,C",
    }
    for name, said in words.items():
        yield Case(
            f"--words with {name}",
            "remap",
            "genes.jsonl",
            genes,
            (),
            ("--words", said),
            names_file=False,
        )
    many = in_lines(
        [
            {**gene, "sequence": "".join(chr(0x4E00 + 40 * n + place) for place in range(40))}
            for n, gene in enumerate(GENES)
        ]
    )
    yield Case(
        "more symbols than words",
        "remap",
        "genes.jsonl",
        many.encode(),
        ("vocabulary",),
        names_file=False,
    )
