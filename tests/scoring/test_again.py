"""What a score file tells of is scored again under the same rule, or refused."""

from __future__ import annotations

import pytest

from asr.errors import AsrError
from asr.scoring.again import find_rule
from asr.scoring.protocols import get_protocol
from asr.scoring.rules import PolicyRule, RuleId
from asr.text.policy import get_policy


def test_rules_are_found_by_what_score_files_say() -> None:
    for rule in (PolicyRule(get_policy("verbatim"), "char"), get_protocol("39-merged")):
        assert find_rule(rule.id, "x.json") == rule


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (RuleId("policy", "verbatim", "00000000", "word"), "text policy 'verbatim@00000000': there is none"),
        (RuleId("policy", "verbatim", get_policy("verbatim").hash, "line"), "x.json: counts 'line'; score again, with"),
        (RuleId("protocol", "39-merged", "00000000", "phone"), "x.json: was scored under protocol 39-merged"),
    ],
)
def test_other_rules_are_refused(rule: RuleId, message: str) -> None:
    with pytest.raises(AsrError) as found:
        find_rule(rule, "x.json")
    assert str(found.value).startswith(message)
