"""Tables (.csv, .tsv) and JSON of others, as the tasks with one label a text read them."""

from reader_oddities import Oddity

ROWS = "good film,pos\nbad film,neg\n"
READ = [(("good film",), "pos"), (("bad film",), "neg")]

ODDITIES = [
    Oddity("classify", "a.csv", "nothing odd", f"text,label\n{ROWS}", "read 2", examples=READ, said=False),
    Oddity("classify", "a.csv", "a column twice", f"text,text\n{ROWS}", "asked", ("two columns", "'text'")),
]
