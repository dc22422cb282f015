"""Training a tokenizer on documents: which trainer, and which share of each language it reads."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from sslcli import registry
from sslcli.contracts.tokenizer import PieceTrainer
from sslcli.core.settings import Architecture
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say
from sslcli.datasets.sources import Source, documents, source_bytes
from sslcli.engine.stopping import Stopping
from sslcli.errors import DataError, SslError, UsageError
from sslcli.reports import amount
from sslcli.resolving import checked
from sslcli.runs.interrupting import in_thread

# of one text: the library takes some hundred bytes for each while it looks for words
LEARNT_AT_ONCE_CHARACTERS = 100_000
PACKED_GROWTH = 3  # what packed text is assumed to unfold to


def usual_tokenizer(architecture: Architecture) -> str:
    """The tokenizer that is learnt for a kind of Transformer where none is named; a built-in one
    before others.

    Raises UsageError where there is none.
    """
    found = registry.usual("tokenizers", "usual_for", lambda kinds: architecture in kinds)
    if not found:
        problem = f"no tokenizer is the usual one for the architecture {architecture}"
        raise UsageError(
            problem, f"name one with --tokenizer: {', '.join(registry.names('tokenizers'))}"
        )
    return found[0]


def piece_trainer(settings: TokenizerSettings) -> PieceTrainer:
    """Return the tokenizer trainer of the settings. Raises PluginError or ConfigError."""
    kind = settings.kind or usual_tokenizer("encoder")
    cls = registry.load("tokenizers", kind)
    hint = f"ssl plugins show {kind} lists the options"
    return cls(checked(cls.Options, settings.options, "tokenizer.options", hint))


def train_tokenizer(
    sources: Sequence[Source], data: DataSettings, settings: TokenizerSettings, say: Say
) -> Tokenizer:
    """Train the tokenizer of the settings on the documents. Raises DataError where it cannot be."""
    kind, trainer = settings.kind or usual_tokenizer("encoder"), piece_trainer(settings)
    say(f"learning {amount(settings.vocabulary, 'piece')} ({kind})")

    def learn(go_on: Callable[[], None]) -> Tokenizer:
        texts = _texts_to_learn_from(sources, data, trainer.most_bytes)
        return Tokenizer(trainer.train(_watched(texts, go_on), settings.vocabulary))

    try:
        tokenizer = in_thread(learn)
    except (SslError, Stopping):
        raise
    except Exception as error:  # the library has no class of its own for what it cannot learn
        raise DataError(
            f"{kind} cannot learn {amount(settings.vocabulary, 'piece')}: {str(error)[:200]}",
            "try a larger --vocabulary",
        ) from error
    if tokenizer.size - int(tokenizer.specials.sum()) < 1:
        raise DataError(
            f"there is no text in {', '.join(data.train)} to learn pieces from", "check --data"
        )
    return tokenizer


def _watched(texts: Iterator[str], go_on: Callable[[], None]) -> Iterator[str]:
    for text in texts:
        go_on()
        yield text


def _texts_to_learn_from(
    sources: Sequence[Source], data: DataSettings, most_bytes: int
) -> Iterator[str]:
    """Documents spread evenly over each language, so many that about `most_bytes` are read whatever
    the corpus weighs.
    """
    shares, seen, left = (
        _shares_to_learn_from(sources, data.language_exponent, most_bytes),
        Counter[str](),
        most_bytes,
    )
    for document in documents(sources, data):
        if document.text is None:
            raise DataError(
                f"{document.where} is no text",
                "give text to this objective, or another --objective",
            )
        language = document.language if document.language in shares else ""
        share, number = shares[language], seen[language]
        seen[language] += 1
        if int((number + 1) * share) == int(number * share):
            continue
        for start in range(0, len(document.text), LEARNT_AT_ONCE_CHARACTERS):
            portion = document.text[start : start + LEARNT_AT_ONCE_CHARACTERS]
            yield portion
            left -= len(portion.encode())
            if left < 0:
                return


def _shares_to_learn_from(
    sources: Sequence[Source], exponent: float, most_bytes: int
) -> Mapping[str, float]:
    """By the language of the references (those that name none together, as ""), which share of its
    text is read.

    Of languages whose sizes are known, so much that what is read of each is in proportion to its
    bytes to the power of the exponent, as its samples are drawn later (Conneau and Lample 2019,
    section 3.1); all of the smallest where it fits.
    """
    bytes_of = Counter[str]({"": 0})
    for source in sources:
        bytes_of[source.language] += unfolded_bytes(source)
    known = {language: size for language, size in bytes_of.items() if size}
    thinned = {
        language: (size / min(known.values())) ** (exponent - 1) for language, size in known.items()
    }
    fits = min(
        1.0,
        most_bytes / max(sum(share * known[language] for language, share in thinned.items()), 1),
    )
    return {language: thinned.get(language, 1.0) * fits for language in bytes_of}


def unfolded_bytes(source: Source) -> int:
    """The bytes of a source, of a packed one as many as it is assumed to unfold to."""
    return source_bytes([source]) * (
        PACKED_GROWTH if source.reference.endswith((".gz", ".zst")) else 1
    )
