"""The stages and the browser of the other tests, for what must hold of all of it together."""

from __future__ import annotations

from tests.e2e.conftest import browser, demo
from tests.outputs.conftest import raise_stage, show, stage, web_folder

__all__ = ["browser", "demo", "raise_stage", "show", "stage", "web_folder"]
