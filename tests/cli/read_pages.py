"""Pages of `ssl report` as a browser reads them, and runs to make them of."""

import base64
import hashlib
import json
from html.parser import HTMLParser
from importlib.resources import files

from sslcli.cli.page import rendered
from sslcli.runs.catalogue import read_run
from sslcli.workflows.report.page import page_of

FACTS = {
    "kind": "pretrain", "objective": "mlm", "command": ["/usr/bin/ssl", "pretrain", "--name",
    "a b"], "started": "2026-01-01T00:00:00",
    "status": "done", "step": 20, "total_steps": 20, "python": "3.11.7",
    "packages": {"torch": "2.13.0"}, "parameters": 12345,
    "floors": {"term": "mlm", "losses": {"unigram": 4.875}, "accuracies": {"unigram": 0.125}},
}  # fmt: skip
LINES = [
    {"step": 10, "split": "train", "loss": 3.5, "terms": {"mlm": 3.5}, "metrics": {}},
    {
        "step": 20,
        "split": "eval",
        "loss": 2.25,
        "terms": {"mlm": 2.25},
        "metrics": {"accuracy": 0.4375},
        "counts": {"mlm": 2513, "accuracy": 2513},
    },
    {"step": 20, "split": "sample", "examples": [["我 吃 [MASK] 。", "苹果 .90"]]},
]


class Reader(HTMLParser):
    """Every tag with its attributes, and all text as a reader sees it; scripts apart."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.scripts = [], [], []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        within = self.tags[-1][0] if self.tags else ""
        if within == "script":
            self.scripts.append(data)
        elif within != "style":
            self.texts.append(data)

    def curves(self):
        """The curves of each plot."""
        found = []
        for tag, attributes in self.tags:
            if attributes.get("class") == "axes":
                found.append([])
            elif tag == "g" and attributes.get("class") == "curve":
                found[-1].append(json.loads(attributes["data-values"]))
        return found

    def pictures(self):
        sources = [attributes["src"] for tag, attributes in self.tags if tag == "img"]
        return [
            (source.partition(";")[0], base64.b64decode(source.partition("base64,")[2]))
            for source in sources
        ]


def read_page(text):
    """As a browser would, after making sure that it would ask for nothing and run nothing."""
    page = Reader(text)
    ours = (files("sslcli.cli") / "templates" / "curves.js").read_text()
    assert "".join(page.scripts).strip() == ours.strip()
    told = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    (policy,) = [attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes]
    assert policy == (
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{told}'"
    )
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/", "data:audio/wav"))
    assert "url(" not in text
    assert "@import" not in text
    assert len(text.encode()) < 3_000_000
    assert [attributes["lang"] for tag, attributes in page.tags if tag == "html"] == ["en"]
    links = [attributes["href"][1:] for tag, attributes in page.tags if tag == "a"]
    assert links == [attributes["id"] for tag, attributes in page.tags if "id" in attributes]
    return page


class Tables(HTMLParser):
    """Every table as rows of cells, and whether it stands in a box that scrolls sideways."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.found.append(([], self.open[-1:] == ["wide"]))
        if tag == "tr":
            self.found[-1][0].append([])
        if tag in ("th", "td"):
            self.found[-1][0][-1].append("")
        if tag in ("div", "table", "th", "td"):
            self.open.append(dict(attributes).get("class") if tag == "div" else tag)

    def handle_endtag(self, tag):
        if tag in ("div", "table", "th", "td"):
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self.found[-1][0][-1][-1] += data


def make_run(folder, facts=FACTS, lines=LINES, config="objective: mlm\ntraining:\n  seed: 7\n"):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "config.yaml").write_text(config)
    return folder


def page_for(folder):
    return read_page(rendered(page_of(read_run(folder))))
