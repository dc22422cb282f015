"""Facts of the world: fixed maps from every concept to the concepts that belong to it."""

from collections.abc import Sequence

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.lexicon import Concept, Lexicon, read_yaml

# Owner type, filler type, how many fillers each owner has. Every filler belongs to some owner,
# except in the last two maps.
_SAMPLED = (
    ("country", "fruit", 3), ("country", "drink", 2), ("company", "product", 2),
    ("product", "colour", 1), ("product", "price", 1), ("person", "city", 1), ("person",
    "profession", 1), ("person", "company", 1),
    ("person", "animal", 1), ("person", "sport", 1), ("person", "instrument", 1), ("person",
    "family", 1), ("person", "time", 1),
    ("animal", "fruit", 1), ("company", "city", 1),
)  # fmt: skip
_SPARSE = frozenset({("animal", "fruit"), ("company", "city")})
_INVERSE = (("fruit", "country"), ("season", "fruit"))

Fillers = tuple[Concept, ...]


class Facts:
    """Maps of (owner type, filler type) to the fillers of every owner, by rank."""

    def __init__(self, lexicon: Lexicon, seed: int) -> None:
        self._maps: dict[tuple[str, str], tuple[Fillers, ...]] = {}
        for owner, entry in read_yaml("knowledge.yaml").items():
            for filler, text in entry.items():
                self._maps[owner, filler] = _written(lexicon, owner, filler, text)
        for owner, filler, count in _SAMPLED:
            chance = Chance(seed, f"facts {owner} {filler}")
            table = _sampled(chance, len(lexicon.types[owner]), lexicon.types[filler], count)
            if (owner, filler) not in _SPARSE:
                _use_all(chance, table, lexicon.types[filler])
            self._maps[owner, filler] = tuple(map(tuple, table))
        for owner, filler in _INVERSE:
            self._maps[owner, filler] = _inverted(
                lexicon.types[owner], lexicon.types[filler], self._maps[filler, owner]
            )
        for filler in ("fruit", "drink"):  # people eat and drink what their country has
            countries = [
                self.one(self.one(person, "city"), "country") for person in lexicon.types["person"]
            ]
            self._maps["person", filler] = tuple(self.of(country, filler) for country in countries)

    def of(self, owner: Concept, filler: str) -> Fillers:
        """Return the fillers of `owner`, the likeliest first."""
        return self._maps[owner.type, filler][owner.rank]

    def one(self, owner: Concept, filler: str) -> Concept:
        """Return the likeliest filler of `owner`."""
        return self.of(owner, filler)[0]

    def agree(self, owner: Concept, filler: Concept) -> bool:
        """Return whether `filler` is among the owner's fillers of its type."""
        return filler in self.of(owner, filler.type)


def _written(lexicon: Lexicon, owner: str, filler: str, text: str) -> tuple[Fillers, ...]:
    found = {}
    for line in text.split(","):
        name, _, words = line.partition(":")
        found[name.strip()] = tuple(lexicon.concept(filler, word) for word in words.split())
    return tuple(found[concept.english] for concept in lexicon.types[owner])


def _sampled(chance: Chance, owners: int, fillers: Fillers, count: int) -> list[list[Concept]]:
    """Sample `count` different fillers for each owner, frequent ones more often."""
    table: list[list[Concept]] = []
    for _ in range(owners):
        row: list[Concept] = []
        while len(row) < count:
            if (filler := chance.by_rank(fillers)) not in row:
                row.append(filler)
        table.append(row)
    return table


def _use_all(chance: Chance, table: list[list[Concept]], fillers: Fillers) -> None:
    """Replace fillers that are used more than once by unused ones."""
    uses = {filler: sum(filler in row for row in table) for filler in fillers}
    for unused in [filler for filler, times in uses.items() if not times]:
        i, j = chance.choice(
            [
                (i, j)
                for i, row in enumerate(table)
                for j, filler in enumerate(row)
                if uses[filler] > 1
            ]
        )
        uses[table[i][j]] -= 1
        uses[unused] = 1
        table[i][j] = unused


def _inverted(owners: Fillers, fillers: Fillers, forward: Sequence[Fillers]) -> tuple[Fillers, ...]:
    return tuple(
        tuple(filler for filler in fillers if owner in forward[filler.rank]) for owner in owners
    )
