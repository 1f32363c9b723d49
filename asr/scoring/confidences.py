"""Confidences of hypotheses, measured against references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from asr.decoding.hypothesis import Hypothesis
from asr.errors import DataError
from asr.scoring.references import Reference, join
from asr.scoring.reliability import Reliability, judge_words, reliability
from asr.scoring.rules import PolicyRule


def measure_reliability(
    references: Sequence[Reference], hypotheses: Mapping[str, Hypothesis], rule: PolicyRule, where: str
) -> Reliability:
    """Measures the confidences of all words.

    Args:
        references: what was said.
        hypotheses: one for each, by utterance id.
        rule: how they are compared, in words or phones.
        where: the file of the hypotheses, for the errors.

    Raises:
        DataError: ids do not match, a text breaks the policy, or there are no words.
    """
    join(references, {name: each.text for name, each in hypotheses.items()}, where)
    has_speakers = all(each.speaker for each in references)
    words = [hypotheses[each.utterance_id].words for each in references]
    refs = [rule.apply(each.text, each.utterance_id) for each in references]
    rows = [
        (reference.speaker if has_speakers else reference.utterance_id, word.confidence, is_right)
        for reference, own, judged in zip(references, words, judge_words(refs, words, rule), strict=True)
        for word, is_right in zip(own, judged, strict=True)
        if is_right is not None
    ]
    if not rows:
        raise DataError(where, "has no words whose confidence could be measured", "decode with another model")
    owners, confidences, right = zip(*rows, strict=True)
    _, groups = np.unique(owners, return_inverse=True)
    return reliability(np.array(confidences, dtype=np.float64), np.array(right, dtype=np.float64), groups)
