"""The front ends of ``conf/frontend``, by name."""

from __future__ import annotations

from asr.configuration.composition import frontend_settings
from asr.features.frontend import FrontEnd
from asr.features.settings import check_types


def choose_frontend(name: str, *changes: str) -> FrontEnd:
    """Returns a front end by its name, with changes such as "sample_rate=8000" and the default normalisation.

    Raises:
        ConfigError: there is no such front end or setting, or a setting has another type.
    """
    settings, known = frontend_settings(name, list(changes)), FrontEnd().settings()
    check_types(settings, known, f"--frontend {name}")
    return FrontEnd(**{**settings, "cmvn": known["cmvn"]})
