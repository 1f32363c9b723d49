"""What settings name is read once, and what of a lexicon cannot be searched is told."""

from __future__ import annotations

import pytest

from asr.decoding.parts import Coverage, DecoderParts
from asr.decoding.settings import DecoderSettings
from asr.errors import ConfigError
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable

TOKENS = TokenTable.build(["AB A"], "char")
VERBATIM = get_policy("verbatim")


def test_how_much_of_a_lexicon_can_be_searched_is_told(tmp_path):
    words, lm = tmp_path / "words.txt", tmp_path / "bigram.arpa"
    words.write_text("AB\nA-B\nBA\nÅ\n", encoding="utf-8")
    save_ngram(estimate([["AB"]], 2), lm)
    settings = DecoderSettings(beam_size=4, lm=str(lm), lexicon=(str(words),))
    parts = DecoderParts.read(settings, TOKENS, get_policy("upper-no-punctuation"), 0.02)
    assert parts.coverage == Coverage(2, 2, ("Å",), num_unknown=1, not_one_word={str(words): 1})


def test_without_a_lexicon_there_is_nothing_to_cover():
    assert DecoderParts.read(DecoderSettings(beam_size=4), TOKENS, VERBATIM, 0.02).coverage is None


def test_settings_that_do_not_go_together_are_refused_before_files_are_read():
    with pytest.raises(ConfigError, match="lm: greedy decoding takes no language model"):
        DecoderParts.read(DecoderSettings(lm="missing.npz"), TOKENS, VERBATIM, 0.02)
