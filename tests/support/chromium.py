"""Starts Debian's Chromium, or another one that is installed."""

import shutil

import pytest

# The first takes half the time of the others.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--renderer-process-limit=1",  # a process for each site takes longer to start
]


def start_chromium(playwright, *flags):
    """Start a browser. ``flags``: more of its options."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.fail("these tests need Chromium: apt install chromium")
    return playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
