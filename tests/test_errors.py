import pickle

from asr.errors import DataError


def test_a_message_is_one_line_that_does_nothing_to_a_terminal() -> None:
    error = DataError("a\x1b[2J.wav", "holds \x1b]0;title\x07 and\n\u202etxt.exe", "größe ნ 🙂\u200d🔥 stay")
    assert str(error) == r"a\x1b[2J.wav: holds \x1b]0;title\x07 and \u202etxt.exe; größe ნ 🙂" + "\u200d🔥 stay"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
