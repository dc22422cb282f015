"""Pickles and archives are never opened: what only they can hold is asked for in another form."""

import pytest
from inputs_models import write_tiny_model
from inputs_pickles import payloads, sweep

from sslcli.datasets.sources import expand
from sslcli.errors import SslError
from sslcli.models.file_names import SINGLE
from sslcli.models.loading import load_pretrained


def test_no_payload_is_run_or_unpacked_under_any_name():
    tally = sweep(60)
    assert tally.good, tally.describe


def test_the_payloads_would_leave_their_mark(tmp_path):
    """Unpickled by hand, each protocol does what the sweep waits for in vain."""
    import pickle

    for name, content in payloads(tmp_path / "ran").items():
        if name.startswith("a pickle of protocol"):
            pickle.loads(content)
            (tmp_path / "ran").rmdir()


@pytest.mark.parametrize(
    "name", ["corpus.zip", "corpus.tar.gz", "corpus.tgz", "corpus.7z", "corpus.tar"]
)
def test_an_archive_as_data_is_refused_with_a_hint(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(payloads(tmp_path / "ran")["a zip"])
    with pytest.raises(SslError, match="unsupported file type") as caught:
        expand([str(path)], None)
    assert caught.value.exit_code == 2
    assert "readers: " in caught.value.hint


@pytest.mark.parametrize("name", ["model.zip", "model.tar.gz", "model.safetensors", "model.pt"])
def test_a_file_as_a_model_is_refused_with_a_hint(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(payloads(tmp_path / "ran")["a zip"])
    with pytest.raises(SslError) as caught:
        load_pretrained(str(path))
    assert caught.value.exit_code == 2
    assert "unpack an archive by hand" in caught.value.hint


def test_a_folder_of_archives_names_the_archive(tmp_path):
    write_tiny_model(tmp_path)
    (tmp_path / SINGLE).rename(tmp_path / "weights.zip")
    with pytest.raises(SslError, match=r"weights\.zip is an archive"):
        load_pretrained(str(tmp_path))
