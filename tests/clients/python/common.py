"""What the scripts share: the server's address, one answer of the small model, and cases that are reported by name.

Each script is started as `python client_X.py URL MODEL ENCODER` and prints one JSON object a case: {"case", "error"}.
"""

import asyncio
import inspect
import json
import sys
import time
import traceback
import urllib.request

from pydantic import BaseModel
from typing import Literal

URL, MODEL, ENCODER = sys.argv[1:4]
PROMPT = "Once upon a time"
# How the model goes on at temperature 0.
EXPECTED = "there was a little girl"
MESSAGES = [{"role": "user", "content": PROMPT}]
ABORT_SECONDS = 15


class Place(BaseModel):
    """A place."""

    city: Literal["Rome"]


TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Weather.", "parameters": Place.model_json_schema()},
}


def count_running() -> int:
    with urllib.request.urlopen(f"{URL}/readyz") as response:
        return json.load(response)["running"]


def expect_none_running() -> None:
    """Fails when the server still generates after a client has left."""
    deadline = time.monotonic() + ABORT_SECONDS
    while count_running() > 0:
        assert time.monotonic() < deadline, "the generation goes on"


def failure_of(error_class, call):
    """The exception of a call that has to fail."""
    try:
        call()
    except error_class as error:
        return error
    raise AssertionError(f"expected {error_class.__name__}")


async def failure_of_async(error_class, awaitable):
    try:
        await awaitable
    except error_class as error:
        return error
    raise AssertionError(f"expected {error_class.__name__}")


async def run_all(cases) -> None:
    """Runs each function, named after its case."""
    for case in cases:
        error = None
        try:
            result = case()
            if inspect.isawaitable(result):
                await result
        except Exception:
            error = traceback.format_exc(limit=-6)
        print(json.dumps({"case": case.__name__, "error": error}), flush=True)


def main(*cases) -> None:
    asyncio.run(run_all(cases))
