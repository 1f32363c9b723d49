"""The command asr: one file a verb."""

import os
import sys


def close_current_folder() -> None:
    """Keeps this process and those that it starts from importing what lies in the current folder.

    ``python -m`` puts that folder before Python's own library, and so do processes that Lightning and multiprocessing
    start: a file ``logging.py`` beside somebody's recordings would be run. A checkout that is run from its own root
    stays importable, after everything else.
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib itself would be looked for here
    except OSError:  # the folder is gone
        return
    is_first = sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path[:1] == [here]
    if is_first:
        del sys.path[0]
    if root != here:
        os.environ["PYTHONSAFEPATH"] = "1"
    elif is_first:
        sys.path.append(here)


if sys.argv[:1] == ["-m"]:  # while Python looks for the module that it is to run
    close_current_folder()
