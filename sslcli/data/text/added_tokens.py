"""The added tokens of a tokenizer by id."""

from collections.abc import Iterable
from typing import Any

from sslcli.data.text.hf_classes import Json


class AddedTokens:
    """The added tokens of a tokenizer, by id, as the tokenizers library adds them."""

    def __init__(self, description: Json, *, rebuilt: bool) -> None:
        vocabulary = description["model"]["vocab"]
        self._ids: dict[str, int] = (
            {piece: number for number, (piece, _) in enumerate(vocabulary)}
            if isinstance(vocabulary, list)
            else vocabulary
        )
        self._size = len(self._ids)
        self._listed: dict[int, Json] = {}
        self._added: dict[str, int] = {}
        self._new: set[int] = set()
        if not rebuilt:
            for token in description.get("added_tokens") or []:
                self._listed[token["id"]] = dict(token)
                self._added[token["content"]] = token["id"]

    def id_of(self, token: str) -> int | None:
        """The id of a token, None if neither the vocabulary nor the added tokens have it."""
        return self._added.get(token, self._ids.get(token))

    def add(self, tokens: Iterable[Json], *, anew: bool = False) -> None:
        """A token that is not in the vocabulary gets the next id; `anew`: flags of old ones
        change.
        """
        for token in tokens:
            content = token["content"]
            if content in self._added and not anew:
                continue
            number = self.id_of(content)
            if number is None:
                number = max([self._size - 1, *self._listed]) + 1
                self._new.add(number)
            self._added[content] = number
            self._listed[number] = {"id": number, **token}

    def drop_beyond(self, rows: Any) -> list[str]:
        """The new tokens that a model of so many rows has none for, which are taken away."""
        if not isinstance(rows, int):
            return []
        beyond = sorted(number for number in self._new if number >= rows)
        names = [self._listed.pop(number)["content"] for number in beyond]
        for name in names:
            del self._added[name]
        return names

    def listed(self) -> list[Json]:
        """The added tokens in the order of their ids."""
        return [self._listed[number] for number in sorted(self._listed)]
