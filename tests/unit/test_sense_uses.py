"""Which uses of two-sense words are looked at: balanced, each sentence once, the same for the same
seed.
"""

from collections import Counter

from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.data.rng import Rng
from sslcli.kits.word_vectors import sense_uses

DRAWS = Rng(42, 0, "probe")


class Senses:
    """Sixty uses of "bank" by the river, five of the other, and as many of another word; every
    fourth sentence comes twice.
    """

    def records(self, kind):
        assert kind == "senses"
        for number in range(60):
            yield record(f"{number % 45} the bank is wet", "bank", "river")
        for number in range(5):
            yield record(f"{number} the bank is rich", "bank", "money")
        for number in range(65):
            yield record(
                f"{number} an orange is here", "orange", "fruit" if number % 2 else "colour"
            )


def record(text, word, sense):
    return Record(
        Where("generated"),
        {"text": text, "word": word, "start": text.index(word), "sense": sense, "language": "en"},
    )


def test_every_sense_has_its_share_and_every_sentence_its_place():
    uses = sense_uses(Senses(), 10, DRAWS)
    assert Counter((use.word, use.sense) for use in uses) == {
        ("bank", "river"): 10,
        ("bank", "money"): 5,
        ("orange", "fruit"): 10,
        ("orange", "colour"): 10,
    }
    assert len(set(uses)) == len(uses)
    assert all(use.text[use.start : use.stop] == use.word for use in uses)


def test_a_seed_decides_which():
    uses = sense_uses(Senses(), 10, DRAWS)
    assert sense_uses(Senses(), 10, DRAWS) == uses
    assert sense_uses(Senses(), 10, Rng(43, 0, "probe")) != uses


def test_one_word_can_be_asked_for():
    assert {use.word for use in sense_uses(Senses(), 10, DRAWS, "bank")} == {"bank"}
    assert sense_uses(Senses(), 10, DRAWS, "crane") == []
