"""The examination names what is there and what is not, and its exit code says whether something
essential fails.
"""

import json

import pytest

from sslcli.workflows import doctor


def findings(ssl, *words):
    ended = ssl("doctor", "--json", *words)
    return ended.code, [
        (found["status"], found["text"]) for found in json.loads(ended.out)["findings"]
    ]


def test_a_machine_that_runs_these_tests_is_well(ssl, monkeypatch):
    monkeypatch.setenv("SSLCLI_PLUGINS", "")
    code, found = findings(ssl)
    assert code == 0, found
    assert any(text.startswith("Python 3.") for _, text in found)
    assert any("torch " in text for _, text in found)
    assert any("objectives" in text for _, text in found)


def test_a_broken_plugin_is_named_and_the_code_is_3(ssl, install):
    install(
        "ssl-broken",
        {"sslcli.objectives": ["broken = ssl_broken:Plugin"]},
        "raise ImportError('gone')",
    )
    code, found = findings(ssl)
    assert code == 3
    assert any(
        status == "failed" and "ssl-broken 1.2" in text and "gone" in text for status, text in found
    )


def test_a_place_that_cannot_be_written_is_named(ssl, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "/proc/runs")
    code, found = findings(ssl)
    assert code == 3
    assert any(status == "failed" and "cannot write in /proc" in text for status, text in found)


@pytest.mark.parametrize(
    ("missing", "status"), [("torch", "failed"), ("sslcli.reporting.fonts", "warning")]
)
def test_a_library_that_cannot_be_imported_is_a_finding(monkeypatch, missing, status):
    real = doctor.importlib.import_module

    def fail(name):
        if name == missing:
            raise ImportError("broken")
        return real(name)

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    assert status in {
        finding.status
        for finding in doctor.examine_machine()
        if "cannot be imported" in finding.text
    }


def test_a_misspelt_allow_list_is_a_warning(ssl, monkeypatch):
    monkeypatch.setenv("SSLCLI_PLUGINS", "ssl-misspelt")
    assert any(status == "warning" and "ssl-misspelt" in text for status, text in findings(ssl)[1])


def test_the_whole_environment_is_said_and_no_secret(ssl, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(doctor.EXTRAS, "no-such-package", "pip install no-such-package")
    _, found = findings(ssl)
    said = " ".join(text for _, text in found)
    for word in ("CPU cores", "GiB of memory", "OMP_NUM_THREADS=1", "HF_TOKEN is set", "--compile"):
        assert word in said
    assert "hf_secret" not in said
    assert "no-such-package (pip install no-such-package)" in said
    assert f"0 models of hubs in {tmp_path / 'hub'}" in said
    assert "SSLCLI_RUNS_DIR=" in said
