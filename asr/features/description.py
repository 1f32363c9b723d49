"""Files that record which front end computed the features in or next to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asr.errors import ConfigError, DataError
from asr.features.frontend import FrontEnd
from asr.features.settings import static_settings
from asr.files import written_whole


def write_description(path: str | Path, frontend: FrontEnd, **more: Any) -> None:
    """Writes the fingerprint and the settings of a front end, and ``more``, as JSON.

    Raises:
        DataError: the file cannot be written.
    """
    content = {"fingerprint": frontend.fingerprint, "settings": frontend.settings(), **more}
    with written_whole(path) as beside:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def keep_description(path: Path, frontend: FrontEnd) -> None:
    """Writes the description of a front end, or checks the one that is there against it.

    Raises:
        DataError: the file cannot be written, or is another one.
        ConfigError: it speaks of other static values; the settings that differ are named.
    """
    if path.exists():
        read_description(path, frontend)
    else:
        write_description(path, frontend)


def read_description(path: str | Path, frontend: FrontEnd) -> dict[str, Any]:
    """Reads what :func:`write_description` wrote.

    Args:
        path: the file.
        frontend: whose static values must be those that the file describes.

    Raises:
        DataError: the file is missing or of another kind.
        ConfigError: it describes other static values; the settings that differ are named.
    """
    remedy = "write it again with: asr features"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        fingerprint, settings = content["fingerprint"], dict(content["settings"])
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", remedy) from None
    except (ValueError, KeyError, TypeError):
        raise DataError(path, "is not a description of features", remedy) from None
    if fingerprint != frontend.fingerprint:
        theirs, ours = static_settings(settings), static_settings(frontend.settings())
        names = [name for name in ours | theirs if theirs.get(name) != ours.get(name)]
        differs = [f"{name} {theirs.get(name)} there and {ours.get(name)} here" for name in names]
        found = f"was written with another front end: {', '.join(differs) or 'another version of it'}"
        raise ConfigError(path, found, "use the same settings, or another folder")
    return dict(content)
