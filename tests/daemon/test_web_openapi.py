"""The API keeps to its own description, whatever is thrown at it: fuzzed by schemathesis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import ON, Served, served, unchanged
from stage import wait_for

from needs import needs
from ripieno.daemon.web.openapi import schema_of, summary

needs("schemathesis")

# What a text may be only the program knows: a schema cannot say which of them it takes.
UNKNOWABLE = "positive_data_acceptance"


@pytest.fixture(scope="module")
def quartet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("fuzzed"), "string-quartet", "--ui-lan") as one:
        yield one


def test_the_api_keeps_to_its_description(quartet: Served, tmp_path: Path) -> None:
    thorough = bool(os.environ.get("RIPIENO_LONG"))
    line = ["run", f"{quartet.url}/openapi.json", "-H", f"X-Ripieno-Token: {quartet.token}", "--checks", "all",
            "--exclude-checks", UNKNOWABLE, "--no-color", "--warnings", "off", "--max-examples", 100 if thorough else 2,
            "--phases", "examples,coverage,fuzzing,stateful" if thorough else "examples,fuzzing"]  # fmt: skip
    command = [sys.executable, "-m", "schemathesis.cli", *map(str, line)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3600, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    with httpx.Client(base_url=quartet.url, headers=quartet.headers, timeout=60) as ask:  # it may have played another
        ask.post("/api/presets/string-quartet/play").raise_for_status()
        wait_for(lambda: ON in ask.get("/api/state").json()["values"], "the quartet plays again")
        ask.put(f"/api/controls/{ON}", json={"value": True}).raise_for_status()
    unchanged(quartet)


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ({"type": "flag"}, "true or false or 0 or 1"),
        ({"type": "number", "low": 0, "high": 1}, "number from 0 to 1"),
        ({"type": "number", "low": 1, "high": 3, "whole": True}, "integer from 1 to 3"),
        ({"type": "number", "low": 1, "high": 2, "words": ["Choir"]}, 'number from 1 to 2 or "Choir"'),
        ({"type": "choice", "words": ["a", "b"]}, '"a" or "b"'),
        ({"type": "text"}, "anything"),
    ],
)
def test_what_a_control_takes_for_people(control: dict[str, object], words: str) -> None:
    assert summary(schema_of(control)) == words
