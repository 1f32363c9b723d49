from __future__ import annotations

import json

import pytest

from asr.errors import DataError
from asr.records import Record, parse_json

FIELDS = """{"nan": NaN, "inf": Infinity, "null": null, "true": true, "text": "5", "half": "\\ud83d", "list": [1],
"object": {"n": 1}, "objects": [{"n": -1}, {"n": 2.5}], "huge": 1%s, "whole": 7, "float": 0.5}""" % ("0" * 400)


@pytest.fixture
def record():
    return Record.of(parse_json(FIELDS, "a.json", ""), "a.json", "is no settings", "make it again")


def test_values_of_the_right_type(record):
    assert (record.text("text"), record.number("whole"), record.number("float")) == ("5", 7.0, 0.5)
    assert (record.whole("whole"), record.flag("true"), record.items("list")) == (7, True, [1])
    assert record.record("object").whole("n") == 1
    assert [each.number("n") for each in record.records("objects")] == [-1.0, 2.5]
    assert (record.has("null"), record.has("none"), record.has("text")) == (False, False, True)


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda record: record.number("nan"), "nan is NaN, not a number"),
        (lambda record: record.number("inf"), "inf is Infinity, not a number"),
        (lambda record: record.number("null"), "null is null, not a number"),
        (lambda record: record.number("true"), "true is true, not a number"),
        (lambda record: record.number("text"), "text is '5', not a number"),
        (lambda record: record.number("huge"), "huge is a number of many digits, not a number"),
        (lambda record: record.number("whole", 0, 1), "whole is 7, not a number from 0 to 1"),
        (lambda record: record.whole("float"), "float is 0.5, not a whole number from 0"),
        (lambda record: record.whole("true"), "true is true, not a whole number from 0"),
        (lambda record: record.whole("huge"), "huge is a number of many digits, not a whole number from 0"),
        (lambda record: record.whole("whole", 8), "whole is 7, not a whole number from 8"),
        (lambda record: record.text("whole"), "whole is 7, not a string"),
        (lambda record: record.text("half"), "half is '\\ud83d', not whole characters: half of a surrogate"),
        (lambda record: record.flag("whole"), "whole is 7, not true or false"),
        (lambda record: record.items("object"), "object is an object, not a list"),
        (lambda record: record.record("list"), "list is a list, not an object in braces"),
        (lambda record: record.records("list"), "list is a list, not a list of objects in braces"),
        (lambda record: record.number("none"), "has no 'none'"),
        (lambda record: record.records("objects")[1].whole("n"), "objects[1]: n is 2.5, not a whole number from 0"),
        (lambda record: record.record("object").text("m"), "object: has no 'm'"),
    ],
)
def test_values_of_the_wrong_type_are_named(record, ask, found):
    with pytest.raises(DataError) as raised:
        ask(record)
    assert str(raised.value).startswith(f"a.json: is no settings ({found}")
    assert str(raised.value).endswith("; make it again")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("[1]", "is no settings (a list where an object in braces must be)"),
        ("{", "is no settings (is not JSON (Expecting property name"),
        ('{"a": 1, "a": 2}', "is no settings (has the key 'a' twice)"),
        ("[" * 100_000, "is no settings (is nested too deep)"),
        ("1" * 10_000, "is no settings (is not JSON (Exceeds the limit"),
    ],
)
def test_files_of_something_else_are_named(tmp_path, content, found):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError) as raised:
        Record.read(path, "is no settings", "make it again")
    assert str(raised.value).startswith(f"{path}: {found}")
    assert len(str(raised.value)) < 400


def test_what_python_writes_is_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"a": "é\u2028", "b": [None]}), encoding="utf-8")
    record = Record.read(tmp_path / "a.json", "", "")
    assert (record.text("a"), record.items("b")) == ("é\u2028", [None])
