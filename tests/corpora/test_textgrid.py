import pytest

from asr.corpora.textgrid import Interval, parse_textgrid, read_textgrid
from asr.errors import DataError

LONG = """\
File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.0
xmax = 1.5
tiers? <exists>
size = 3
item []:
	item [1]:
		class = "IntervalTier"
		name = "words"
		xmin = 0.0
		xmax = 1.5
		intervals: size = 2
			intervals [1]:
				xmin = 0.0
				xmax = 0.25
				text = ""
			intervals [2]:
				xmin = 0.25
				xmax = 1.5
				text = "say ""7 = x"" "
	item [2]:
		class = "TextTier"
		name = "clicks"
		xmin = 0
		xmax = 1.5
		points: size = 1
			points [1]:
				number = 0.5
				mark = "!"
	item [3]:
		class = "IntervalTier"
		name = "phones"
		xmin = 0.0
		xmax = 1.5
		intervals: size = 1
			intervals [1]:
				xmin = 0
				xmax = 1.5e0
				text = "EY1"
"""
SHORT = """\
File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
3
"IntervalTier"
"words"
0
1.5
2
0
0.25
""
0.25
1.5
"say ""7 = x"" "
"TextTier"
"clicks"
0
1.5
1
0.5
"!"
"IntervalTier"
"phones"
0
1.5
1
0
1.5
"EY1"
"""
WORDS = [Interval(0.0, 0.25, ""), Interval(0.25, 1.5, 'say "7 = x"')]


COMMENTED = LONG.replace("size = 3", 'size = 3 ! tiers, of 2 "people"').replace("xmin = 0.25", "xmin = 0.25! 0.3 s")


@pytest.mark.parametrize(
    "text",
    [
        *(LONG, SHORT, LONG.replace("\n", "\r\n"), COMMENTED, "\ufeff! first\n" + LONG),
        *(SHORT.replace('"ooTextFile"', '"ooTextFile short"').replace('Object class = "TextGrid"', '"TextGrid"'),),
        *(LONG.replace('"ooTextFile"', '"ooTextFile short"'), SHORT.replace("\n0.25", "\n.25")),
        *(SHORT.replace("0\n0.25", "0.\n25e-2"), SHORT.replace("\n", " ")),
    ],
)
def test_the_long_and_the_short_format(tmp_path, text):
    (tmp_path / "a.TextGrid").write_text(text, encoding="utf-8", newline="")
    grid = read_textgrid(tmp_path / "a.TextGrid")
    assert grid.end == 1.5
    assert grid.tiers == {"words": WORDS, "phones": [Interval(0.0, 1.5, "EY1")]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace("EY1", "ø"), encoding=encoding)
    assert read_textgrid(path).tiers["phones"] == [Interval(0.0, 1.5, "ø")]


def test_no_tiers():
    assert parse_textgrid('"ooTextFile" "TextGrid" 0 2 <absent>').tiers == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "is not a complete TextGrid: the end where a string must be"),
        ('"ooTextFile" "Pitch 1" 0 1', "is not a TextGrid; save it from Praat"),
        (LONG[:-30], "is not a complete TextGrid: the end where a "),
        (LONG.replace("size = 2", "size = 3"), "is not a complete TextGrid: .* where a number must be"),
        (LONG.replace("xmin = 0.25", "xmin = 0.2"), "tier words: 'say \"7 = x\"' from 0.2 to 1.5 s is out of order"),
        *(
            (LONG.replace("0.25", each), f"is not a complete TextGrid: {each} where a finite number")
            for each in ("nan", "Inf", "1e999", "--undefined--")
        ),
        (LONG.replace("size = 2", "size = 2.5"), "is not a complete TextGrid: 2.5 where a count must be"),
        (LONG.replace("size = 3", "size = -1"), "is not a complete TextGrid: -1 where a count must be"),
        (LONG.replace("size = 3", "size = 1e15"), "is not a complete TextGrid: the end where a string must be"),
        (LONG.replace("size = 3", "size = 1e400"), "is not a complete TextGrid: 1e400 where a finite number must be"),
        (LONG.replace("phones", "words"), "has two tiers with the name 'words'; rename one of them"),
        (LONG.replace('"EY1"', '"EY1'), "is not a complete TextGrid: the end where a string must be"),
        (LONG.replace("xmax = 0.25", "xmax = -1"), "tier words: '' from 0 to -1 s is out of order"),
    ],
)
def test_damaged_files(text, found):
    with pytest.raises(DataError, match=f"a.TextGrid: {found}"):
        parse_textgrid(text, "a.TextGrid")


def test_files_that_cannot_be_read(tmp_path):
    for name, content, found in (
        ("none", None, "no such file"),
        ("latin", LONG.replace("EY1", "é").encode("latin-1"), ":41: is not UTF-8 text but most likely ISO-8859-1, in"),
        ("half", LONG.encode("utf-16")[:-1], "is not UTF-8 text but UTF-16, and damaged"),
        ("binary", b"ooBinaryFile\x08TextGrid\xff\x00", "is a binary file of Praat; save it from Praat as a text file"),
    ):
        if content is not None:
            (tmp_path / f"{name}.TextGrid").write_bytes(content)
        with pytest.raises(DataError, match=found):
            read_textgrid(tmp_path / f"{name}.TextGrid")
    with pytest.raises(DataError, match="cannot be read"):
        read_textgrid(tmp_path)
