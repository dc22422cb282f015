"""Gold answers as their kinds have them, and what is refused."""

import pytest

from sslcli.data.records.labels import Vector, checked_label


@pytest.mark.parametrize(
    ("gold", "kind", "said"),
    [
        ("1e300", "number", "the answer 1e+300 is beyond 1e+18"),
        (1e300, "number", "the answer 1e+300 is beyond 1e+18"),
        ("two", "number", "the answer 'two' is no number"),
        (Vector((1, 0)), "classes", r"the answer \[1, 0\] is a list"),
        (("a", "b"), "classes", r"the answer \['a', 'b'\] is a list"),
    ],
)
def test_an_answer_of_another_kind_is_refused_in_words_however_it_is_written(gold, kind, said):
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        checked_label(gold, kind)
