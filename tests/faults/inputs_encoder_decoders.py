"""Bad lines, data, models and runs around encoder-decoders: one sentence that names what is wrong,
one hint, nothing computed and nothing written.

    python tests/faults/inputs_encoder_decoders.py --cases 1000

Each case is a line in a folder of its own, beside tiny models and runs that are made once.
"""

import contextlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import tokenizers
from encoder_decoder_cases import FILES, MADE, Case
from encoder_decoder_data import CASES
from inputs_models import write_tiny_model
from inputs_plugins import ran
from inputs_trying import Trial, by_hand
from tallies import Tally
from torch.nn.modules.module import register_module_forward_pre_hook

from sslcli.core.heads import LanguageModelHead
from sslcli.core.presets import preset
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained, from_seed
from sslcli.testing import tiny_tokenizer

ROLES = ("pad", "unk", "cls", "sep", "mask")
LANGUAGES = ("en_XX", "zh_CN")
SHAPE = {"width": 16, "heads": 2, "depth": 1, "feedforward_width": 32, "longest_tokens": 32}
ONE_STEP = "--max-steps 1 --no-plot --device cpu --batch-size 4"
# What a line of these commands has when it is not about just that.
USUAL = {"pretrain": f"{ONE_STEP} --seq-len 24 --out out", "finetune": f"{ONE_STEP} --out out"}
WEIGHTS = ".safetensors"


def library(*more: str) -> tokenizers.Tokenizer:
    """The words of the tiny tokenizer, with more special tokens."""
    tiny = tiny_tokenizer()
    pieces = {piece: number for number, piece in enumerate(tiny.pieces(range(tiny.size)))}
    found = tokenizers.Tokenizer(tokenizers.models.WordPiece(pieces, unk_token="[UNK]"))
    found.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    found.add_special_tokens([*(f"[{role.upper()}]" for role in ROLES), *more])
    return found


def write_bart(folder: Path, tokenizer: Tokenizer) -> None:
    """A directory of an untrained encoder-decoder."""
    shape = preset("bart-tiny", "encoder_decoder", tokenizer.size, **SHAPE)
    backbone, head = from_seed(lambda: LanguageModelHead(shape), shape, 0)
    model = Pretrained(shape, folder, backbone.state_dict(), head.state_dict(), loaded=tokenizer)
    folder.mkdir()
    write_directory(model, folder, tokenizer)


class Workplace:
    """Models and runs, and one case's files at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.watch = folder, Watch()
        write_bart(folder / "bart", tiny_tokenizer())
        write_bart(folder / "coded", Tokenizer(library(*LANGUAGES)))
        write_tiny_model(folder / "bert", "bert")
        write_tiny_model(folder / "gpt", "gpt2")
        for lacking in ("mask", "sep"):
            roles = {f"{role}_token": f"[{role.upper()}]" for role in ROLES if role != lacking}
            Tokenizer(library(), roles).save(folder / f"no-{lacking}")
        shape = " ".join(f"-s model.shape.{name}={value}" for name, value in SHAPE.items())
        self._made("denoised", f"pretrain --objective bart --data corpus.txt --seq-len 24 {shape}")
        self._made("masked", f"pretrain --objective mlm --data corpus.txt --seq-len 24 {shape}")
        self._made("tuned", f"finetune rewrite --model {folder}/bart --data pairs.jsonl")
        shutil.copytree(folder / "denoised", folder / "empty")
        for kind in ("checkpoints", "milestones"):
            shutil.rmtree(folder / "empty" / kind)

    def _made(self, name: str, line: str) -> None:
        with self._standing_in(FILES):
            code, _, told = ran(shlex.split(f"{line} {ONE_STEP} --out {self.folder / name}"))
        assert code == 0, told

    @contextlib.contextmanager
    def _standing_in(self, files: Mapping[str, str]) -> Iterator[Path]:
        """A new folder with these files, which this process stands in meanwhile."""
        before, work = Path.cwd(), Path(tempfile.mkdtemp(dir=self.folder))
        for name, content in files.items():
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_text(content, encoding="utf-8")
        os.chdir(work)
        try:
            yield work
        finally:
            os.chdir(before)
            shutil.rmtree(work)

    def fault_of(self, case: Case) -> str:
        """Why the case did not end as it should; empty where it did."""
        with self._standing_in({**FILES, **case.files}) as work:
            if case.damaged:
                model, file, content = case.damaged
                shutil.copytree(self.folder / model, work / "damaged")
                (work / "damaged" / file).write_text(content, encoding="utf-8")
            line = case.line.format(**{name: self.folder / name for name in MADE})
            command, _, rest = line.partition(" ")
            usual = "" if case.whole else USUAL.get(command, "")
            words = shlex.split(f"{command} {usual} {rest}")
            before = _state(self.folder)
            with self.watch:
                code, said, told = ran(words)
            after = _state(self.folder)
            changed = sorted(
                name for name in {*before, *after} if before.get(name) != after.get(name)
            )
        if fault := _fault_of_refusal(case, code, said, told):
            return fault
        if changed:
            return f"written or removed: {', '.join(changed[:5])}"
        return self.watch.fault(case)


class Watch:
    """What a line computes and which files it opens."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self.passes, self._listens = 0, False
        sys.addaudithook(self._audit)

    def __enter__(self) -> None:
        self.opened, self.passes, self._listens = set(), 0, True
        self._hook = register_module_forward_pre_hook(self._count)

    def __exit__(self, *_: object) -> None:
        self._listens = False
        self._hook.remove()

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._listens and event == "open" and not isinstance(arguments[0], int):
            self.opened.add(os.path.abspath(os.fsdecode(arguments[0])))

    def _count(self, *_: object) -> None:
        self.passes += 1

    def fault(self, case: Case) -> str:
        """What was done before the line was refused, and should not have been."""
        if self.passes:
            return f"{self.passes} modules computed something"
        cache, data = f"{os.environ['SSLCLI_CACHE_DIR']}/", {*FILES, *case.files}
        read = {
            "model": {path for path in self.opened if path.endswith(WEIGHTS) and cache not in path},
            "data": {path for path in self.opened if os.path.basename(path) in data},
        }
        return "; ".join(
            f"read {', '.join(sorted(names))}"
            for kind, names in read.items()
            if names and kind not in case.reads
        )


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its size and time, but what is cached."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] != "cache" and not path.is_dir()
    }


def _fault_of_refusal(case: Case, code: int, said: str, told: str) -> str:
    lines = told.splitlines()
    sentence, hint = (
        [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        for mark in ("error: ", "hint:  ")
    )
    if code != case.code or len(sentence) != 1 or len(hint) != 1 or "Traceback" in told:
        return f"exit code {code}, {len(sentence)} sentences, {len(hint)} hints: {said}{told}"
    if lines[-2:] != [f"error: {sentence[0]}", f"hint:  {hint[0]}"]:
        return f"not a sentence and a hint: {told}"
    missing = [words for words in case.says if words not in sentence[0]]
    missing += [words for words in case.hints if words not in hint[0]]
    return f"does not say {missing}: {told}" if missing else ""


@contextlib.contextmanager
def workplace() -> Iterator[Workplace]:
    """With runs and caches of its own."""
    with tempfile.TemporaryDirectory() as name:
        own = {"SSLCLI_RUNS_DIR": f"{name}/runs", "SSLCLI_CACHE_DIR": f"{name}/cache"}
        with mock.patch.dict(os.environ, own):
            yield Workplace(Path(name))


def sweep(cases: int) -> Tally:
    """Evenly out of all that there are, at most as many as asked for."""
    trial, step = Trial("encoder-decoders"), max(1, -(-len(CASES) // cases))
    with workplace() as place:
        for case in CASES[::step]:
            trial.attempt(
                case.name, lambda case=case: place.fault_of(case), wrong=lambda fault: fault
            )
    return trial.tally


if __name__ == "__main__":
    by_hand(sweep, 1_000)
