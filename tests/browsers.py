"""The browser that pages are tested in. Where one is required, as in CI, its absence is a failure and no skip."""

import os
import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
REQUIRED = os.environ.get("HARDNEG_BROWSER") == "required"
needs_browser = pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason=f"none of {', '.join(_NAMES)} on PATH")


def browser_path() -> str:
    """Where the browser is."""
    assert CHROMIUM is not None, f"a browser is required here, but none of {', '.join(_NAMES)} is on PATH"
    return CHROMIUM
