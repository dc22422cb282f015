"""demo:payments, a generated table of card payments of which one in a hundred is wrong in a way
that is known.

What a payment costs, when and how it is made follows from what is bought, its currency from the
country, its distance from home from both. So most wrong ones are strange in no column by itself:

    stolen      large, at night, far from home                      (strange column by column)
    mismatch    a currency that is not that of the country          (a pair of categories)
    swapped     an amount that is usual for another kind of shop    (a number and a category)
    split       just below the card's limit, minutes after the last (two numbers, and a third)
    broken      several fields are missing at once                  (what is missing together)

Letters: N payments.
"""

from collections.abc import Iterator

import numpy as np

from sslcli.api import Document, Schema, TableColumn, Where, in_two_parts

TRAIN, TEST = "demo:payments", "demo:payments-test"
RECORDS = 20_000
SHARE = 0.01
NORMAL = "ok"
KINDS = ("stolen", "mismatch", "swapped", "split", "broken")
# of each kind of shop: how frequent, the logarithm of the usual amount and its deviation, the usual
# hour and its deviation, how often without a card reader
SHOPS = {
    "groceries": (0.34, 3.3, 0.5, 17, 2.5, 0.05),
    "fuel": (0.14, 3.9, 0.2, 9, 3.0, 0.02),
    "restaurant": (0.18, 3.4, 0.4, 20, 1.5, 0.03),
    "clothes": (0.12, 4.2, 0.5, 15, 2.0, 0.40),
    "electronics": (0.08, 5.6, 0.6, 14, 3.0, 0.55),
    "travel": (0.06, 6.4, 0.5, 12, 4.0, 0.85),
    "subscription": (0.08, 2.4, 0.2, 3, 0.5, 1.00),
}
COUNTRIES = {"IT": ("EUR", 0.86), "FR": ("EUR", 0.05), "CH": ("CHF", 0.04), "GB": ("GBP", 0.03),
             "US": ("USD", 0.02)}  # fmt: skip
CURRENCIES = ("CHF", "EUR", "GBP", "USD")
AWAY_KM = {"IT": 0, "FR": 700, "CH": 400, "GB": 1_400, "US": 7_500}
DEVICES = ("chip", "phone", "web")
LIMITS = (500, 1_000, 2_000, 5_000)

SCHEMA = Schema(
    (
        TableColumn("amount"),
        TableColumn("hour"),
        TableColumn("distance_km"),
        TableColumn("hours_since_last"),
        TableColumn("share_of_limit"),
        TableColumn("limit"),
        TableColumn("shop", "category", categories=tuple(SHOPS)),
        TableColumn("country", "category", categories=tuple(COUNTRIES)),
        TableColumn("currency", "category", categories=CURRENCIES),
        TableColumn("device", "category", categories=DEVICES),
    ),
    "kind",
)
PLACE = {column.name: place for place, column in enumerate(SCHEMA.columns)}


def payments(reference: str, seed: int) -> Iterator[Document]:
    """Yield the payments of one part; its seed and its name decide on them."""
    chance = np.random.Generator(
        np.random.Philox(np.random.SeedSequence((seed, *reference.encode())))
    )
    values = _usual(chance)
    kinds_N = np.where(chance.random(RECORDS) < SHARE, chance.integers(0, len(KINDS), RECORDS), -1)
    for number, kind in enumerate(KINDS):
        _spoil(values, np.flatnonzero(kinds_N == number), kind, chance)
    values[:, PLACE["share_of_limit"]] = values[:, PLACE["amount"]] / values[:, PLACE["limit"]]
    for number, (row, kind) in enumerate(zip(values, kinds_N.tolist(), strict=True), start=1):
        label = NORMAL if kind < 0 else KINDS[kind]
        where = Where(reference, number)
        yield Document(where, array=in_two_parts(row), label=label, table=SCHEMA)


def _usual(chance: np.random.Generator) -> np.ndarray:
    """float64 [N, columns], categories by their numbers; a fiftieth of the devices is missing."""
    shops_N = chance.choice(len(SHOPS), RECORDS, p=[each[0] for each in SHOPS.values()])
    countries_N = chance.choice(len(COUNTRIES), RECORDS, p=[each[1] for each in COUNTRIES.values()])
    facts = np.asarray(list(SHOPS.values()))[shops_N]
    is_web_N = chance.random(RECORDS) < facts[:, 5]
    away_N = np.asarray(list(AWAY_KM.values()))[countries_N]
    walked_N = chance.lognormal(1.2, 0.8, RECORDS)
    limits_N = np.asarray(LIMITS)[chance.integers(0, len(LIMITS), RECORDS)]
    currencies = [CURRENCIES.index(currency) for currency, _ in COUNTRIES.values()]
    devices_N = np.where(is_web_N, 2.0, (chance.random(RECORDS) < 0.4).astype(float))
    found = np.zeros((RECORDS, len(PLACE)))
    columns = {
        "amount": np.minimum(np.exp(chance.normal(facts[:, 1], facts[:, 2])), 0.9 * limits_N),
        "hour": chance.normal(facts[:, 3], facts[:, 4]) % 24,
        "distance_km": np.where(is_web_N, 0, walked_N + away_N * chance.normal(1, 0.1, RECORDS)),
        "hours_since_last": chance.exponential(30, RECORDS) + 0.5,
        "limit": limits_N,
        "shop": shops_N,
        "country": countries_N,
        "currency": np.asarray(currencies)[countries_N],
        "device": np.where(chance.random(RECORDS) < 0.02, np.nan, devices_N),
    }
    for name, column in columns.items():
        found[:, PLACE[name]] = column
    return found


def _spoil(values: np.ndarray, chosen: np.ndarray, kind: str, chance: np.random.Generator) -> None:
    """Make the chosen payments wrong, in place."""
    count, amount, limit = len(chosen), PLACE["amount"], PLACE["limit"]
    if kind == "stolen":
        values[chosen, amount] *= 8
        values[chosen, PLACE["hour"]] = chance.uniform(2, 4, count)
        values[chosen, PLACE["distance_km"]] = chance.uniform(3_000, 9_000, count)
    elif kind == "mismatch":
        place = PLACE["currency"]
        turned = values[chosen, place] + chance.integers(1, len(CURRENCIES), count)
        values[chosen, place] = turned % len(CURRENCIES)
    elif kind == "swapped":
        usual = np.asarray([each[1] for each in SHOPS.values()])
        # what is furthest from what is usual here: a fortune for groceries, a coin for a journey
        own = usual[values[chosen, PLACE["shop"]].astype(int)]
        other = np.where(own < usual.mean(), usual.max(), usual.min())
        values[chosen, amount] = np.exp(chance.normal(other, 0.2))
    elif kind == "split":
        values[chosen, amount] = values[chosen, limit] * chance.uniform(0.97, 0.999, count)
        values[chosen, PLACE["hours_since_last"]] = chance.uniform(0, 0.2, count)
    elif kind == "broken":
        for name in ("hour", "distance_km", "device"):
            values[chosen, PLACE[name]] = np.nan
