"""Strange texts and what is no text: read whole or refused in one sentence, never a traceback, a
hang or a loss.
"""

from inputs_text import sweep

from sslcli.data import files


def test_texts_are_read_whole_or_refused(monkeypatch):
    monkeypatch.setattr(files, "PATIENCE_SECONDS", 0.5)
    tally = sweep(60)
    assert tally.good, tally.describe
