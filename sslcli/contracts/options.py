"""The type of a plugin's options."""

from typing import Any

from typing_extensions import TypeVar

from sslcli.config import Config

O = TypeVar("O", bound=Config, default=Any)  # noqa: E741 (options; the letter of the contracts)
