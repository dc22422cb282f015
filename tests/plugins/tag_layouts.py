"""Made sentences of known words and tags, and the layouts in which corpora write such sentences."""

import random

NAMES, PLACES = (
    ["Ann", "Bob", "Cay", "Dan", "Eve", "Fay", "Gus", "Hal"],
    ["Berlin", "Paris", "Rome", "Oslo", "Bern"],
)
VERBS, ADVERBS = ["lives", "works", "slept"], ["often", "never", "there", "now"]


def made_sentences(count=40, seed=3):
    """Lists of (word, name tag in BIO, part of speech)."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        sentence = [
            (draw.choice(NAMES), "B-PER", "NNP"),
            (draw.choice(NAMES), "I-PER", "NNP"),
            (draw.choice(VERBS), "O", "VBZ"),
        ]
        sentence += [(draw.choice(ADVERBS), "O", "RB") for _ in range(draw.randint(0, 4))]
        found.append(
            [*sentence, ("in", "O", "IN"), (draw.choice(PLACES), "B-LOC", "NNP"), (".", "O", ".")]
        )
    return found


SENTENCES = made_sentences()


def lines(row, head="", end="\n", sentences=SENTENCES):
    """`row`: place in the sentence, word, name tag, part of speech -> one line."""
    return "".join(
        head + "".join(row(place, *word) for place, word in enumerate(each)) + end
        for each in sentences
    )


def brackets(tag, after):
    """A name tag of BIO as CoNLL-2012 has it; `after`: the tag of the next word."""
    if tag == "O":
        return "*"
    begin = f"({tag[2:]}" if tag[0] == "B" else ""
    return f"{begin}*" if after[0] == "I" else f"{begin})" if begin else "*)"


def conll2012():
    document = "bc/cctv/00/cctv_0000"
    rows = []
    for number, sentence in enumerate(SENTENCES):
        tags = [tag for _, tag, _ in sentence]
        for place, (word, tag, pos) in enumerate(sentence):
            name = brackets(tag, [*tags, "O"][place + 1])
            arguments = "  *" * (number % 3)  # one more column for each predicate
            rows.append(
                f"{document}   0   {place}   {word}   {pos}   *  "
                f" -   -   -   Speaker#1   {name}{arguments}   -\n"
            )
        rows.append("\n")
    return f"#begin document ({document}); part 000\n{''.join(rows)}#end document\n"


def running_numbers():
    numbers = iter(range(1, 10_000))
    return lines(lambda i, w, n, p: f"{next(numbers)}\t{w}\t{n}\n")


NER, POS = 1, 2  # which tag of a made word a layout has
# name of the file -> its content, and the tag that is there
LAYOUTS = {
    "conll2003.txt": (
        "-DOCSTART- -X- -X- O\n\n" + lines(lambda i, w, n, p: f"{w} {p} B-NP {n}\n"),
        NER,
    ),
    "eng.testa": ("-DOCSTART- -X- O O\n\n" + lines(lambda i, w, n, p: f"{w} {p} B-NP {n}\n"), NER),
    "deu.train": (lines(lambda i, w, n, p: f"{w} {w.lower()} {p} I-NC {n}\n"), NER),
    "esp.testb": (lines(lambda i, w, n, p: f"{w} {n}\n"), NER),
    "numbered.tags": (lines(lambda i, w, n, p: f"{i + 1}\t{w}\t{n}\n"), NER),
    "numbered-from-zero.ner": (lines(lambda i, w, n, p: f"{i}\t{w}\t{n}\n"), NER),
    "numbered-through.ner": (running_numbers(), NER),
    "no-empty-lines.ner": (lines(lambda i, w, n, p: f"{i + 1}\t{w}\t{n}\n", end=""), NER),
    "germeval.tsv": (
        lines(lambda i, w, n, p: f"{i + 1}\t{w}\t{n}\tO\n", head="#\tn-tv.de [2005]\n"),
        NER,
    ),
    "germeval-inner.tsv": (
        lines(
            lambda i, w, n, p: f"{i + 1}\t{w}\t{n}\t{'B-LOC' if w in ('Ann', 'Bob') else 'O'}\n",
            head="#\tn-tv.de [2005]\n",
        ),
        NER,
    ),
    "conll2012.v4_gold_conll": (conll2012(), NER),
    "conll2009.txt": (
        lines(
            lambda i, w, n, p: (
                f"{i + 1}\t{w}\t{w}\t{w}\t{p}\t{p}\t_\t_\t{int(i > 0)}\t{int(i > 0)}\tx\tx\t_\t_\n"
            )
        ),
        POS,
    ),
    "conllx.conll": (
        lines(lambda i, w, n, p: f"{i + 1}\t{w}\t_\t{p}\t_\t_\t{int(i > 0)}\tdep\t_\t_\n"),
        POS,
    ),
    "tag-first.bio": (lines(lambda i, w, n, p: f"{n}\t{w}\n"), NER),
    "crlf.iob": (lines(lambda i, w, n, p: f"{w}\t{n}\r\n", end="\r\n").rstrip(), NER),
    "trailing-blanks.conll": (lines(lambda i, w, n, p: f"{w}\t{n}\t  \n", end=" \t\n"), NER),
    "byte-order-mark.conll": ("\ufeff" + lines(lambda i, w, n, p: f"{w} {n}\n"), NER),
    "many-blanks.conll": (lines(lambda i, w, n, p: f"{w:<12}   {p:>5}   {n}\n"), NER),
    "lined-up-by-tabs.conll": (
        lines(lambda i, w, n, p: w + "\t" * (1 + (len(w) < 4)) + n + "\n"),
        NER,
    ),
    "blanks-and-tabs.conll": (lines(lambda i, w, n, p: f"{w} {p}\t{n}\n"), NER),
    "wikiann": (lines(lambda i, w, n, p: f"en:{w}\t{n}\n"), NER),
    "header.tsv": ("Token\tLabel\n" + lines(lambda i, w, n, p: f"{w}\t{n}\n"), NER),
    "header-of-three.tsv": ("word\tpos\tner\n" + lines(lambda i, w, n, p: f"{w}\t{p}\t{n}\n"), NER),
    "header-in-german.tsv": ("Wort\tEtikett\n" + lines(lambda i, w, n, p: f"{w}\t{n}\n"), NER),
    "sentence-column.tsv": (
        "Sentence #\tWord\tPOS\tTag\n"
        + "".join(
            lines(
                lambda i, w, n, p, k=k: f"{f'Sentence: {k}' * (i == 0)}\t{w}\t{p}\t{n}\n",
                end="",
                sentences=[each],
            )
            for k, each in enumerate(SENTENCES)
        ),
        NER,
    ),
    "annotator.iob2": (
        lines(
            lambda i, w, n, p: f"{i + 1}\t{w}\t{n}\t-\tann1\n", head="# sent_id = x\n# text = y z\n"
        ),
        NER,
    ),
    "comments.conll": (
        lines(lambda i, w, n, p: f"{w} _ _ {n}\n", head="# id f4-23\tdomain=train\n"),
        NER,
    ),
    "documents.iob2": (
        lines(lambda i, w, n, p: f"{w}\t{n}\n", head="###MEDLINE:95369245\n\n"),
        NER,
    ),
    "offsets.tsv": (lines(lambda i, w, n, p: f"{w}\t{10 * i}\t{10 * i + len(w)}\t{n}\n"), NER),
    "document-column.tsv": (lines(lambda i, w, n, p: f"doc1\t{w}\t{n}\n"), NER),
    "end-of-sentence.txt": (lines(lambda i, w, n, p: f"{w}\t{p}\n", end="EOS\n"), POS),
    "vertical.vert": (
        '<doc id="1">\n'
        + lines(lambda i, w, n, p: f"{w}\t{p}\n", head="<s>\n", end="</s>\n")
        + "</doc>\n",
        POS,
    ),
    "plus.conllup": (
        "# global.columns = ID FORM UPOS NER\n"
        + lines(lambda i, w, n, p: f"{i + 1}\t{w}\t{p}\t{n}\n"),
        NER,
    ),
    "brown.txt": ("\n".join(" ".join(f"{w}/{p}" for w, _, p in each) for each in SENTENCES), POS),
    "slots.tsv": (
        "\n".join(
            f"{' '.join(w for w, _, _ in each)}\t{' '.join(n for _, n, _ in each)}"
            for each in SENTENCES
        ),
        NER,
    ),
    "commas.conll": (lines(lambda i, w, n, p: f"{w},{n}\n"), NER),
    "semicolons.txt": (lines(lambda i, w, n, p: f"{w};{n}\n"), NER),
    "empty-lines.csv": ("word,tag\n" + lines(lambda i, w, n, p: f"{w},{n}\n"), NER),
    "numbers-with-dots.txt": (lines(lambda i, w, n, p: f"{i + 1}. {w} {n}\n"), NER),
    "sentences-joined.tsv": (
        "".join(
            lines(lambda i, w, n, p, k=k: f"s{k}\t{w}\t{n}\n", end="", sentences=[each])
            for k, each in enumerate(SENTENCES)
        ),
        NER,
    ),
    "python-lists.csv": (
        "tokens,ner_tags\n"
        + "".join(
            f'"{[w for w, _, _ in each]}","{[n for _, n, _ in each]}"\n' for each in SENTENCES
        ),
        NER,
    ),
    "numpy-lists.csv": (
        "tokens,ner_tags\n"
        + "".join(
            f'"[{" ".join(repr(w) for w, _, _ in each)}]","[{" ".join(repr(n) for _, n, _ in each)}]"\n'
            for each in SENTENCES
        ),
        NER,
    ),
}
