"""What a decoder writes in a second: this project beside transformers' generate, in one process.

    python tests/benchmarks/against_generate.py MODEL_DIRECTORY [--new-tokens 128] [--rounds 3]
    python tests/benchmarks/against_generate.py MODEL_DIRECTORY --batches 1 --rounds 5 --processor
    python tests/benchmarks/against_generate.py --rehearse

Both read the same directory in float32. Prompts of 4 to 200 tokens are written on together, greedily
and with 4 beams; the sides take turns, and the median of the rounds counts. Texts end where the
model ends them, and tokens that a side really wrote are counted. Beside it: our own speed with and
without a cache, a prompt at a time, and the memory that a process of each side holds at most while
it writes, its model and its libraries included (Linux).

A single text is bound by memory: every weight is read once a token. How fast this machine reads is
measured in the same rounds, by sums over the same weights, and with it the most tokens a second
that one text can have; each side is given as a share of that. `--processor` counts processor seconds
of one thread, where other work would make those of a clock mean nothing.

Then the same with questions in the model's chat template, whose answers end sooner or later, up to
256 tokens: a side that waits for the last one writes for nobody.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import workloads  # noqa: F401  # says how waiting threads wait, before torch is loaded

# isort: split
import torch
import transformers
from torch import Tensor

from sslcli.core.beams import BeamRules, beam_search
from sslcli.core.generation import generate_tokens
from sslcli.core.inputs import Inputs
from sslcli.core.weight_layouts import laid_out
from sslcli.models.loading import load_pretrained
from sslcli.testing import tiny_tokenizer

SEED, SHORTEST, LONGEST, BEAMS = 0, 4, 200, 4
BATCHES = (1, 8, 32)
CACHE_TOKENS = 256
READINGS = 5  # of all weights in a round

QUESTIONS = (
    "What is the capital of France?",
    "Is water wet? Answer with yes or no.",
    "Name three colours.",
    "What is 7 plus 5?",
    "Write one sentence about the sea.",
    "Who wrote Romeo and Juliet?",
    "Explain in one paragraph why the sky is blue.",
    "List five animals that live in a forest.",
    "Say hello in Spanish.",
    "What is the opposite of hot?",
    "How many days does a week have?",
    "Give a short definition of democracy.",
    "Which planet is closest to the sun?",
    "Write a haiku about snow.",
    "What do bees make?",
    "Describe how to boil an egg, step by step.",
    "Answer with one word: what colour is grass?",
    "What is a verb?",
    "Name the four seasons.",
    "Tell me about the history of the bicycle.",
    "What is the largest ocean on earth?",
    "Complete the sentence: the early bird",
    "Is seven an odd number?",
    "Write a title for a story about a lost dog.",
    "What is photosynthesis?",
    "Which language is spoken in Brazil?",
    "Give me two reasons to read books.",
    "What does a carpenter do?",
    "Spell the word cat.",
    "How does a rainbow come about?",
    "What is the plural of mouse?",
    "Summarise in one sentence: rivers carry water from the mountains to the sea.",
)
ANSWER_TOKENS = 256

Texts = list[list[int]]
clock = time.perf_counter


def prompts_of(count: int, vocabulary: int, longest: int) -> list[Tensor]:
    """Random tokens, of lengths evenly between the shortest and the longest."""
    generator = torch.Generator().manual_seed(SEED)
    lengths = torch.linspace(SHORTEST, longest, count + 1)[1:].long().tolist()
    return [torch.randint(20, vocabulary, (length,), generator=generator) for length in lengths]


def questions_of(folder: str, count: int) -> list[Tensor]:
    """The first questions, as a turn of the model's chat template; plainly where it has none."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        return [torch.tensor(tokenizer(text)["input_ids"]) for text in QUESTIONS[:count]]
    asked = [[{"role": "user", "content": text}] for text in QUESTIONS[:count]]
    said = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)
    return [torch.tensor(tokens) for tokens in said["input_ids"]]


def padded(prompts: list[Tensor], pad: int) -> tuple[Tensor, Tensor]:
    longest = max(map(len, prompts))
    tokens = torch.full((len(prompts), longest), pad)
    seen = torch.zeros_like(tokens)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :], seen[row, longest - len(prompt) :] = prompt, 1
    return tokens, seen


class Sides:
    """Both programs with one directory's weights."""

    def __init__(self, folder: str, new_tokens: int, names: tuple[str, ...]) -> None:
        self.new_tokens = new_tokens
        if "ours" in names:
            pretrained = load_pretrained(folder)
            self.ends = sorted(pretrained.tokenizer().stops)
            self.backbone, self.head = (part.float().eval() for part in pretrained.network())
            own = [*self.backbone.parameters(), *self.head.parameters()]
            self.weights = [weight.detach() for weight in own]  # a tied matrix is there once
            self.bound = ""
        if "transformers" in names:
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            self.model, said = model.eval(), model.generation_config.eos_token_id
            self.ends = said if isinstance(said, list) else [said] if said is not None else []

    def ours(self, prompts: list[Tensor], beams: int) -> Texts:
        if beams == 1:
            found = generate_tokens(
                self.backbone, self.head, prompts, new_tokens=self.new_tokens, stops=self.ends
            )
            return [tokens.tolist() for tokens in found]
        rules = BeamRules(beams, self.new_tokens)
        searched = beam_search(self.backbone, self.head, prompts, rules, stops=self.ends)
        return [own[0].tokens.tolist() for own in searched]

    def theirs(self, prompts: list[Tensor], beams: int) -> Texts:
        pad = self.ends[0] if self.ends else 0
        tokens, seen = padded(prompts, pad)
        config = transformers.GenerationConfig(
            max_new_tokens=self.new_tokens, num_beams=beams, do_sample=False, pad_token_id=pad,
            eos_token_id=self.ends or None,
        )  # fmt: skip
        found = self.model.generate(tokens, attention_mask=seen, generation_config=config)
        return [self._ended(row) for row in found[:, tokens.shape[1] :].tolist()]

    def _ended(self, tokens: list[int]) -> list[int]:
        place = next((n for n, token in enumerate(tokens) if token in self.ends), len(tokens))
        return tokens[:place]

    @torch.no_grad()
    def uncached(self, prompt: Tensor, new_tokens: int) -> list[int]:
        """The whole text anew for every token."""
        text = prompt
        for _ in range(new_tokens):
            last_D = self.backbone(Inputs.pack([text])).last_TD[-1:]
            text = torch.cat([text, self.head(last_D, self.backbone).argmax(dim=-1)])
        return text[len(prompt) :].tolist()


def seconds_of(run: Callable[[], Any]) -> tuple[float, Any]:
    before = clock()
    texts = run()
    return clock() - before, texts


def compare(sides: Sides, prompts: list[Tensor], beams: int, rounds: int) -> None:
    """One row: both in turn on the same prompts; of a single text below it what memory allows."""
    batch = len(prompts)
    runs = {
        "ours": lambda: sides.ours(prompts, beams),
        "transformers": lambda: sides.theirs(prompts, beams),
    }
    bound = bool(batch == beams == 1)
    seconds: dict[str, list[float]] = {name: [] for name in (*runs, "reading")}
    texts: dict[str, Texts] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            took, texts[name] = seconds_of(run)
            seconds[name].append(took)
        if bound:
            seconds["reading"].append(seconds_of_reading(sides.weights))
    same = sum(a == b for a, b in zip(texts["ours"], texts["transformers"], strict=True))
    middle = {name: statistics.median(took) for name, took in seconds.items() if took}
    tokens = sum(map(len, texts["ours"]))
    print(
        f"| {batch} | {beams} | {tokens} | {tokens / middle['ours']:.1f} | "
        f"{tokens / middle['transformers']:.1f} | "
        f"**{middle['transformers'] / middle['ours']:.2f}** | {same} of {batch} |",
        flush=True,
    )
    if bound:
        sides.bound = f"{roofline(sides.weights, tokens, middle)}\n{products(sides)}"


def seconds_of_reading(weights: list[Tensor]) -> float:
    """How long this machine takes to read every weight once; the best of a few."""
    return min(seconds_of(lambda: [weight.sum() for weight in weights])[0] for _ in range(READINGS))


def roofline(weights: list[Tensor], tokens: int, seconds: dict[str, float]) -> str:
    """What one text can have at most where each token reads all weights, and what each side has of
    it.
    """
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    reading = seconds["reading"]
    shares = (f"{name} {tokens * reading / seconds[name]:.0%}" for name in ("ours", "transformers"))
    return (
        f"One text reads {size / 1e6:,.0f} MB of weights a token; memory gives "
        f"{size / reading / 1e9:.1f} GB a second with {torch.get_num_threads()} threads, so at "
        f"most {1 / reading:.1f} tokens: {', '.join(shares)} of that"
    )


@torch.no_grad()
def products(sides: Sides) -> str:
    """What the products of one token take alone, with weights as they lie and as we lay them."""
    backbone, head = sides.backbone, sides.head
    layers = [part for part in backbone.modules() if type(part) is torch.nn.Linear]
    rows = [torch.zeros(1, layer.in_features) for layer in layers]
    last_1D = torch.zeros(1, backbone.settings.width)

    def once() -> None:
        for layer, row_1D in zip(layers, rows, strict=True):
            layer(row_1D)
        head(last_1D, backbone)

    plain = min(seconds_of(once)[0] for _ in range(READINGS))
    with laid_out(backbone, head, rows=1, passes=1_000):
        laid = min(seconds_of(once)[0] for _ in range(READINGS))
    reading = seconds_of_reading(sides.weights)
    return (
        f"Its products alone take {1e3 * plain:.1f} ms as weights lie, {1e3 * laid:.1f} ms as they "
        f"are laid out while texts are written, and reading the weights {1e3 * reading:.1f} ms"
    )


def cached(sides: Sides, new_tokens: int) -> None:
    """Our greedy text with and without the cache."""
    (prompt,) = prompts_of(1, sides.backbone.settings.vocabulary, SHORTEST * 4)
    sides.new_tokens, ends = new_tokens, sides.ends
    sides.ends = []
    quick, texts = seconds_of(lambda: sides.ours([prompt], 1))
    slow, again = seconds_of(lambda: [sides.uncached(prompt, new_tokens)])
    sides.ends = ends
    print(
        f"{new_tokens} tokens behind {len(prompt)}: {new_tokens / quick:.1f} a second with the "
        f"cache, {new_tokens / slow:.1f} without it: {slow / quick:.1f} times; "
        f"{'the same text' if texts == again else 'OTHER TEXTS'}"
    )


def held(folder: str, name: str, batch: int, new_tokens: int, longest: int) -> float:
    """MiB that a process of one side holds at most while it writes."""
    words = [folder, "--held", name, "--batch", str(batch), "--new-tokens", str(new_tokens)]
    words += ["--longest", str(longest)]
    ended = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return float(ended.stdout.split()[-1])


def hold(folder: str, name: str, batch: int, new_tokens: int, longest: int) -> None:
    """Print the MiB that this process holds at most while one side writes."""
    sides = Sides(folder, new_tokens, (name,))
    is_ours = name == "ours"
    vocabulary = sides.backbone.settings.vocabulary if is_ours else sides.model.config.vocab_size
    run = sides.ours if is_ours else sides.theirs
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is forgotten
    run(prompts_of(batch, vocabulary, longest), 1)
    status = Path("/proc/self/status").read_text()
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    print(int(most) / 1024)


def tiny(folder: str) -> None:
    config = transformers.LlamaConfig(
        vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    torch.manual_seed(SEED)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer().save(Path(folder))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", metavar="MODEL_DIRECTORY")
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--longest", type=int, default=LONGEST)
    parser.add_argument("--batch", type=int, default=BATCHES[-1])
    parser.add_argument("--batches", type=lambda text: tuple(map(int, text.split(","))))
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--held", choices=("ours", "transformers"))
    parser.add_argument("--rehearse", action="store_true")
    given = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if given.processor:
        global clock
        clock = time.process_time
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        batches = given.batches or BATCHES
        folder, rounds, new_tokens = given.folder, given.rounds, given.new_tokens
        longest, cache_tokens = given.longest, CACHE_TOKENS
        if given.rehearse:
            tiny(scratch)
            folder, batches, rounds, new_tokens = scratch, (1, 3), 1, 6
            longest, cache_tokens = 12, 8
        if given.held:
            hold(folder, given.held, given.batch, new_tokens, longest)
            return 0
        sides = Sides(folder, new_tokens, ("ours", "transformers"))
        vocabulary = sides.backbone.settings.vocabulary
        print("| prompts | beams | tokens | ours, a second | transformers | times | same texts |")
        print("|---|---|---|---|---|---|---|")
        for beams in (1, BEAMS):
            for batch in batches:
                compare(sides, prompts_of(batch, vocabulary, longest), beams, rounds)
        if sides.bound:
            print(sides.bound)
        if 1 in batches:
            cached(sides, cache_tokens)
        sides.new_tokens = cache_tokens if given.rehearse else ANSWER_TOKENS
        print("Questions:")
        for beams, batch in ((1, batches[-1]), (BEAMS, batches[min(1, len(batches) - 1)])):
            compare(sides, questions_of(folder, batch), beams, rounds)
        sides.new_tokens = new_tokens
        last = batches[-1]
        ours, theirs = (
            held(folder, name, last, new_tokens, longest) for name in ("ours", "transformers")
        )
        print(f"{last} prompts take {ours:.0f} MiB here, {theirs:.0f} there: {ours / theirs:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
