"""Types, as pyrefly reads them."""

import pytest
import type_errors


@pytest.mark.skipif(type_errors.program() is None, reason="pyrefly is not installed")
def test_types_hold_in_every_file_that_is_not_listed_and_the_list_only_shrinks():
    found, listed = type_errors.found_in(), type_errors.listed()
    assert [sentence for path, sentences in found.items() if path not in listed for sentence in sentences] == []
    assert [path for path in listed if path not in found] == []
    assert listed == sorted({*listed})


@pytest.mark.skipif(type_errors.program() is None, reason="pyrefly is not installed")
def test_a_wrong_type_is_found(tmp_path):
    (tmp_path / "sslcli").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.pyrefly]\nproject-includes = ["sslcli/**/*.py"]\n')
    (tmp_path / "sslcli" / "one.py").write_text('def half(number: float) -> float:\n    return number / 2\n\n\nhalf("six")\n')
    found = type_errors.found_in(tmp_path)
    assert list(found) == ["sslcli/one.py"]
    assert "bad-argument-type" in found["sslcli/one.py"][0]
