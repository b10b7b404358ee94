"""Instructor, which makes a structure of every answer: by tools and by JSON Schema."""

import instructor
from instructor.core.exceptions import InstructorRetryException
from openai import OpenAI

from common import EXPECTED, MESSAGES, MODEL, URL, Place, expect_none_running, failure_of, main

openai = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
body = {"model": MODEL, "messages": MESSAGES, "temperature": 0, "max_tokens": 80, "max_retries": 0}


def ask_of(mode):
    return instructor.from_openai(openai, mode=mode)


def plain():
    answer = ask_of(instructor.Mode.TOOLS).create(**{**body, "max_tokens": 24}, response_model=None)
    assert EXPECTED in answer.choices[0].message.content


def streamed():
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
        parts = list(ask_of(mode).create_partial(**body, response_model=Place))
        assert len(parts) > 1 and parts[-1].city == "Rome", mode


def second_turn():
    more = [*MESSAGES, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And then?"}]
    place, raw = ask_of(instructor.Mode.JSON_SCHEMA).create_with_completion(
        **{**body, "messages": more}, response_model=Place
    )
    assert place.city == "Rome" and raw.usage.prompt_tokens > 5


def tools():
    place, raw = ask_of(instructor.Mode.TOOLS).create_with_completion(**body, response_model=Place)
    assert place.city == "Rome" and raw.choices[0].message.tool_calls[0].function.name == "Place"


def structured():
    assert ask_of(instructor.Mode.JSON_SCHEMA).create(**body, response_model=Place).city == "Rome"


def errors():
    ask = ask_of(instructor.Mode.TOOLS)
    unknown = failure_of(InstructorRetryException, lambda: ask.create(**{**body, "model": "nope"}, response_model=Place))
    assert "model_not_found" in str(unknown)


def abort():
    stream = ask_of(instructor.Mode.TOOLS).create(
        **{**body, "max_tokens": 480}, response_model=None, stream=True
    )
    next(iter(stream))
    stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
