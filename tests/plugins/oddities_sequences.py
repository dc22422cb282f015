"""FASTA, FASTQ and lines of symbols that are odd and valid, or wrong. The first examples are what
Biopython reads.
"""

import gzip

from reader_oddities import Oddity

NO_LETTERS = "skipped: the record has a name and no letters (the first: "
LOWER = "letters in lower case (as of masked repeats) are read as capitals"


def fasta(oddity, content, outcome="read 2", words=(), examples=(), file="a.fasta", **more):
    return Oddity(
        "remap",
        file,
        oddity,
        content,
        outcome,
        words,
        [((s,), label) for s, label in examples],
        **more,
    )


def fastq(oddity, content, outcome="read 2", words=(), examples=(), file="a.fastq", **more):
    return fasta(oddity, content, outcome, words, examples, file, **more)


TWO = [("ACGT", "x"), ("GG", "y")]
READS = "@r1 x\nACGT\n+\nIIII\n@r2 y\nGG\n+\nII\n"
ODDITIES = [
    fasta("the name ends at a tab", ">s1\tx\nACGT\n>s2\ty\nGG\n", examples=TWO, said=False),
    fasta(
        "a tab and label= before more words",
        ">s1\tlabel=x y\nACGT\n>s2\tlabel=y z\nGG\n",
        examples=TWO,
    ),
    fasta("blanks after the sign", "> s1 x\nACGT\n>  s2   y \nGG\n", examples=TWO),
    fasta(
        "a header without letters",
        ">s1 x\nACGT\n>none\n>s2 y\nGG\n",
        words=[f"1 record is {NO_LETTERS}"],
        examples=TWO,
    ),
    fasta(
        "the last header without letters",
        ">s1 x\nACGT\n>s2 y\nGG\n>none",
        words=[NO_LETTERS],
        examples=TWO,
    ),
    fasta(
        "headers alone",
        ">s1\n>s2\n",
        "refused",
        ["holds no example that can be used: 2 records are skipped"],
    ),
    fasta(
        "soft-masked letters",
        ">s1 x\nACgt\n>s2 y\nGG\n",
        words=["1 example of", LOWER],
        examples=TWO,
    ),
    fasta(
        "IUPAC codes and gaps",
        ">s1 x\nACGTRYKMSWBDHVN-.\n>s2 y\nGG\n",
        examples=[("ACGTRYKMSWBDHVN-.", "x")],
    ),
    fasta(
        "protein that ends in a stop",
        ">s1 x\nMKV*\n>s2 y\nMA*\n",
        examples=[("MKV*", "x"), ("MA*", "y")],
        file="a.faa",
    ),
    fasta("RNA", ">s1 x\nACGU\n>s2 y\nGG\n", examples=[("ACGU", "x"), ("GG", "y")]),
    fasta("Windows line ends", ">s1 x\r\nAC\r\nGT\r\n>s2 y\r\nGG\r\n", examples=TWO, said=False),
    fasta("a byte order mark", "\ufeff>s1 x\nACGT\n>s2 y\nGG\n", examples=TWO),
    fasta("no line end at the end", ">s1 x\nACGT\n>s2 y\nGG", examples=TWO),
    fasta(
        "comments and blank lines",
        "; of old\n>s1 x\n\nAC\n;more\nGT\n\n\n>s2 y\nGG\n",
        examples=TWO,
    ),
    fasta("blanks between letters", ">s1 x\nAC GT\n>s2 y\n GG\n", examples=TWO),
    fasta("packed", gzip.compress(b">s1 x\nACGT\n>s2 y\nGG\n"), examples=TWO, file="a.fa.gz"),
    fasta(
        "packed in two parts",
        gzip.compress(b">s1 x\nACGT\n") + gzip.compress(b">s2 y\nGG\n"),
        examples=TWO,
        file="a.fa.gz",
    ),
    fasta(
        "letters before any header",
        "ACGT\n>s1 x\nGG\n",
        "refused",
        ["line 1: letters without a header"],
    ),
    fasta(
        "line numbers among letters",
        ">s1 x\n1 ACGT\n>s2 y\nGG\n",
        "refused",
        ["line 2: '1' is no letter"],
    ),
    fasta("a web page", "<html>\n", "refused", ["letters without a header"]),
    fasta(
        "the same name twice",
        ">s1 x\nACGT\n>s1 y\nGG\n",
        "refused",
        ["the id 's1' is also that of"],
    ),
    fasta(
        "a header without a name",
        ">\nACGT\n>s2\nGG\n",
        examples=[("ACGT", None), ("GG", None)],
        predicts=True,
    ),
    fasta(
        "one wrong record that may be left out",
        ">s1 x\nACGT\n>bad x\nA1\n>s2 y\nGG\n",
        words=["1 of 3 records cannot be used and is left out", "line 4: '1' is no letter"],
        examples=TWO,
        data={"skip_bad_records": 1},
    ),
    fasta(
        "fields instead of a label",
        ">s1 length=4\nACGT\n>s2 length=2\nGG\n",
        "refused",
        ["there is no answer"],
    ),
    fasta("called .txt", ">s1 x\nACGT\n>s2 y\nGG\n", examples=TWO, file="a.txt"),
    fasta(
        "a first line of column names",
        "sequence\tlabel\nACGT\tx\nGG\ty\n",
        examples=TWO,
        file="a.txt",
    ),
    fasta(
        "lines in quotation marks",
        '"ACGT"\t"x"\n',
        "refused",
        ["line 1 has a quotation mark in it"],
        file="a.txt",
    ),
    fasta(
        "JSON called .txt",
        '{"sequence": "ACGT", "label": "x"}\n',
        "refused",
        ["line 1 has a quotation mark", ".jsonl"],
        file="a.txt",
        predicts=True,
    ),
    fasta(
        "a first read of a class of its own",
        "ACGA\tx\nACGT\ty\nACGC\ty\n",
        "read 3",
        file="a.txt",
        said=False,
    ),
    fasta(
        "a first line of names of its own",
        "Art\tOrt\nACGT\ty\nACGC\ty\n",
        "asked",
        ["line 1: no other row has the label 'Ort'", "take it out of the file"],
        file="a.txt",
    ),
    fasta(
        "a line with three columns",
        "ACGT\tx\nGG\ty\tz\n",
        "refused",
        ["line 2 has 3 columns"],
        file="a.txt",
    ),
    fastq(
        "a read of no letters",
        READS.replace("@r2", "@r0 x\n\n+\n\n@r2"),
        words=[f"1 record is {NO_LETTERS}"],
        examples=TWO,
    ),
    fastq("a last read of no letters", READS + "@r0 x\n\n+\n", words=[NO_LETTERS], examples=TWO),
    fastq(
        "letters and qualities over several lines",
        "@r1 x\nAC\nGT\n+\nII\nII\n@r2 y\nGG\n+\nII\n",
        examples=TWO,
    ),
    fastq(
        "qualities that begin with @ and +",
        "@r1 x\nACGT\n+\n@+II\n@r2 y\nGG\n+\n+@\n",
        examples=TWO,
    ),
    fastq(
        "the name again behind +", "@r1 x\nACGT\n+r1\nIIII\n@r2 y\nGG\n+r2 y\nII\n", examples=TWO
    ),
    fastq(
        "another name behind +",
        "@r1 x\nACGT\n+r9\nIIII\n",
        "refused",
        ["line 1: the '+' line names 'r9'"],
    ),
    fastq(
        "Illumina's word behind the name",
        "@r1 1:N:0:ATCACG\nACGT\n+\nIIII\n",
        "refused",
        ["there is no answer"],
    ),
    fastq(
        "Illumina's word where labels do not matter",
        "@r1 1:N:0:A\nACGT\n+\nIIII\n",
        "read 1",
        (),
        [("ACGT", None)],
        predicts=True,
    ),
    fastq("Windows line ends", READS.replace("\n", "\r\n"), examples=TWO, said=False),
    fastq("blank lines between reads", READS.replace("@r2", "\n\n@r2"), examples=TWO),
    fastq("packed", gzip.compress(READS.encode()), examples=TWO, file="a.fq.gz"),
    fastq(
        "fewer qualities than letters",
        "@r1 x\nACGT\n+\nII\n",
        "refused",
        ["line 1: the last record has 4 letters and 2 quality"],
    ),
    fastq(
        "more qualities than letters",
        "@r1 x\nAC\n+\nIIII\n",
        "refused",
        ["line 1: there are 2 letters and 4 quality"],
    ),
    fastq(
        "cut off", READS + "@r3 x\nACGT\n", "refused", ["line 9: the last record has no '+' line"]
    ),
    fastq("colour space", "@r1 x\nT0123\n+\nIIIII\n", "refused", ["line 2: '0' is no letter"]),
    fastq("FASTA inside", ">s1 x\nACGT\n", "refused", ["which begins with '@name'"]),
]
