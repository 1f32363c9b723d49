"""The command asr: one module per verb."""

import os
import sys


def close_current_folder() -> None:
    """Keeps this process and its children from importing modules from the current folder.

    ``python -m`` puts that folder before Python's own library, as do processes that Lightning and multiprocessing
    start: a file ``logging.py`` next to somebody's recordings would be run. A checkout that is run from its own root
    remains importable, after everything else.
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib itself would be searched for here
    except OSError:  # the folder is gone
        return
    is_first = sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path[:1] == [here]
    if is_first:
        del sys.path[0]
    if root != here:
        os.environ["PYTHONSAFEPATH"] = "1"
    elif is_first:
        sys.path.append(here)


if sys.argv[:1] == ["-m"]:  # while Python looks for the module to run
    close_current_folder()
