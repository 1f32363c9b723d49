"""Ranks share the work and change nothing: equal weights, a resumption with other ranks, ranks that die."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import TinyCorpus
from tests.training.test_language_module import SMALL as LANGUAGE
from tests.training.test_pronunciation_module import SMALL as LETTERS
from tests.training.test_resume import run
from tests.training.test_run import SMALL
