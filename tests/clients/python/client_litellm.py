"""LiteLLM, over chat completions, messages and Ollama's chat."""

import os

# Prices and models of hosted services are not looked up.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm import completion

from common import EXPECTED, MESSAGES, MODEL, TOOL, URL, Place, expect_none_running, failure_of, main

litellm.suppress_debug_info = True
body = {
    "model": f"openai/{MODEL}",
    "api_base": f"{URL}/v1",
    "api_key": "none",
    "messages": MESSAGES,
    "temperature": 0,
    "max_tokens": 24,
    "num_retries": 0,
}


def plain():
    for route in (
        {},
        {"model": f"anthropic/{MODEL}", "api_base": URL},
        # This route does not say that its body is JSON, without which the server reads none.
        {"model": f"ollama_chat/{MODEL}", "api_base": URL, "extra_headers": {"content-type": "application/json"}},
    ):
        answer = completion(**{**body, **route})
        assert EXPECTED in answer.choices[0].message.content, route
        assert answer.usage.completion_tokens == 24, route


def streamed():
    whole = completion(**body).choices[0].message.content
    parts = [chunk.choices[0].delta.content or "" for chunk in completion(**body, stream=True)]
    assert len(parts) > 5 and "".join(parts) == whole


def second_turn():
    one = completion(**body)
    more = [*MESSAGES, one.choices[0].message.model_dump(), {"role": "user", "content": "And then?"}]
    two = completion(**{**body, "messages": more})
    assert two.usage.prompt_tokens > one.usage.prompt_tokens + 24


def tools():
    asked = {**body, "tools": [TOOL], "max_tokens": 60}
    message = completion(**asked, tool_choice="required").choices[0].message
    (call,) = message.tool_calls
    assert call.function.name == "weather" and Place.model_validate_json(call.function.arguments).city == "Rome"
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    after = completion(**{**asked, "messages": [*MESSAGES, message.model_dump(), result], "max_tokens": 8})
    assert after.usage.completion_tokens > 0


def structured():
    answer = completion(**{**body, "max_tokens": 60}, response_format=Place)
    assert Place.model_validate_json(answer.choices[0].message.content).city == "Rome"


def errors():
    unknown = failure_of(litellm.NotFoundError, lambda: completion(**{**body, "model": "openai/nope"}))
    assert unknown.status_code == 404 and "nope" in unknown.message
    wrong = failure_of(litellm.BadRequestError, lambda: completion(**{**body, "temperature": 9}))
    assert "temperature" in wrong.message
    long = [{"role": "user", "content": "word " * 2000}]
    failure_of(litellm.ContextWindowExceededError, lambda: completion(**{**body, "messages": long}))


def abort():
    stream = completion(**{**body, "max_tokens": 480}, stream=True)
    next(stream)
    stream.completion_stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
