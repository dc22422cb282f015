"""Foreign config.json files that ask for code, for the network, or for what cannot be.

    python tests/faults/inputs_configs.py --cases 20000

A code file beside each of them would leave a marker file behind, and whatever reaches for a socket
or another program is noticed.
"""

import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inputs_models import FAMILIES, write_tiny_model
from inputs_trying import Trial, by_hand
from tallies import Tally

from sslcli.models.file_names import CONFIG
from sslcli.models.loading import load_pretrained

CODE = "modeling_strange"
ASKS_FOR_CODE: Mapping[str, Any] = {
    "auto_map": {
        "AutoModel": f"{CODE}.Strange",
        "AutoConfig": f"somebody/model--{CODE}.Strange",
        "AutoTokenizer": [None, f"{CODE}.T"],
    },
    "trust_remote_code": True,
    "_attn_implementation": "somebody/kernels",
    "attn_implementation": "https://example.org/kernels.py",
    "custom_pipelines": {"x": {"impl": f"{CODE}.Strange"}},
    "architectures": [f"{CODE}.Strange", "__import__('os').system('true')"],
    "transformers_version": "99.0.0",
    "_name_or_path": "somebody/model",
    "tokenizer_class": f"{CODE}.Strange",
    "text_config": {"model_type": "bert", "auto_map": {"AutoModel": f"{CODE}.Strange"}},
    "quantization_config": {"quant_method": f"{CODE}.Strange"},
    "adapter_config": {"base_model_name_or_path": "https://example.org/model"},
}
DEEP: dict[str, Any] = {}
for _ in range(200):
    DEEP = {"a": DEEP}
JUNK = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    3,
    7,
    10**8,
    10**9,
    10**18,
    2**63,
    10**400,
    0.5,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "a",
    "8",
    "../../x",
    "x" * 10_000,
    "\0",
    "\ud800",
    [],
    [[]],
    [1, 2, 3],
    ["full_attention"],
    {},
    {"a": 1},
    {"rope_type": "default", "rope_theta": -1},
    DEEP,
    f"{CODE}.Strange",
    "https://example.org/x",
)
WATCHED = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
)


class Watch:
    """What the interpreter is told of sockets, programs and code files while `on`; a hook of this
    kind cannot be taken off again.
    """

    def __init__(self) -> None:
        self.on, self.seen = False, list[str]()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and (
            event in WATCHED or (event in ("import", "open") and CODE in str(arguments[0]))
        ):
            self.seen.append(f"{event} {arguments!r:.80}")


def sweep(cases: int) -> Tally:
    trial, draw, watch = Trial("foreign configs"), random.Random(17), Watch()
    with tempfile.TemporaryDirectory() as name:
        originals = []
        for family in FAMILIES:
            folder = Path(name) / family
            write_tiny_model(folder, family)
            (folder / f"{CODE}.py").write_text(
                f"import os\nos.mkdir({str(Path(name) / 'ran')!r})\n", encoding="utf-8"
            )
            originals.append((folder, json.loads((folder / CONFIG).read_text(encoding="utf-8"))))
        for number, (folder, config) in zip(range(cases), _configs(originals, draw), strict=False):
            (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
            watch.on = True
            trial.attempt(
                f"{number}: {json.dumps(config):.300}", lambda folder=folder: used(folder)
            )
            watch.on = False
            if watch.seen or (Path(name) / "ran").exists():
                trial.fault(str(number), f"reached for {watch.seen}")
                watch.seen.clear()
    return trial.tally


def used(folder: Path) -> None:
    """What every use of a model begins with."""
    pretrained = load_pretrained(str(folder))
    pretrained.tokenizer()
    pretrained.network()


def _configs(
    originals: list[tuple[Path, dict[str, Any]]], draw: random.Random
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each family with each thing that asks for code, then with random values in random places."""
    for folder, original in originals:
        for key, value in ASKS_FOR_CODE.items():
            yield folder, {**original, key: value}
        yield folder, {**original, **ASKS_FOR_CODE}
    names = sorted({key for _, original in originals for key in original} | set(ASKS_FOR_CODE))
    while True:
        folder, original = draw.choice(originals)
        changed = {
            draw.choice((draw.choice(names), *original)): draw.choice(JUNK)
            for _ in range(draw.randint(1, 3))
        }
        asked = draw.sample(list(ASKS_FOR_CODE.items()), draw.randint(0, 2))
        yield folder, {**original, **changed, **dict(asked)}


if __name__ == "__main__":
    by_hand(sweep, 20_000)
