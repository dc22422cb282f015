"""Types, as pyrefly reads them."""

import pytest
import type_errors


@pytest.mark.skipif(type_errors.program() is None, reason="pyrefly is not installed")
def test_all_types_hold():
    assert type_errors.found_in() == {}


@pytest.mark.skipif(type_errors.program() is None, reason="pyrefly is not installed")
def test_a_wrong_type_is_found(tmp_path):
    (tmp_path / "sslcli").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pyrefly]\nproject-includes = ["sslcli/**/*.py"]\n'
    )
    (tmp_path / "sslcli" / "one.py").write_text(
        'def half(number: float) -> float:\n    return number / 2\n\n\nhalf("six")\n'
    )
    found = type_errors.found_in(tmp_path)
    assert list(found) == ["sslcli/one.py"]
    assert "bad-argument-type" in found["sslcli/one.py"][0]
