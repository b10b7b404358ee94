"""Anthropic's own client."""

from anthropic import Anthropic, BadRequestError, NotFoundError

from common import EXPECTED, MESSAGES, MODEL, URL, Place, expect_none_running, failure_of, main

client = Anthropic(base_url=URL, api_key="none", max_retries=0)
body = {"model": MODEL, "messages": MESSAGES, "max_tokens": 24, "extra_body": {"temperature": 0}}
TOOL = {"name": "weather", "description": "Weather.", "input_schema": Place.model_json_schema()}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def plain():
    message = client.messages.create(**body)
    assert EXPECTED in text_of(message)
    assert message.stop_reason == "max_tokens" and message.usage.output_tokens == 24


def streamed():
    with client.messages.stream(**body) as stream:
        parts = list(stream.text_stream)
    assert len(parts) > 5 and "".join(parts) == text_of(client.messages.create(**body))


def second_turn():
    one = client.messages.create(**body)
    more = [*MESSAGES, {"role": "assistant", "content": one.content}, {"role": "user", "content": "And then?"}]
    two = client.messages.create(**{**body, "messages": more, "max_tokens": 8})
    counted = client.messages.count_tokens(model=MODEL, messages=more)
    assert two.usage.input_tokens + (two.usage.cache_read_input_tokens or 0) == counted.input_tokens > 24


def tools():
    asked = {**body, "tools": [TOOL], "max_tokens": 80}
    message = client.messages.create(**asked, tool_choice={"type": "any", "disable_parallel_tool_use": True})
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (call.name, call.input, message.stop_reason) == ("weather", {"city": "Rome"}, "tool_use")
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]}
    more = [*MESSAGES, {"role": "assistant", "content": message.content}, result]
    assert text_of(client.messages.create(**{**asked, "messages": more, "max_tokens": 8}, tool_choice={"type": "none"}))


def structured():
    message = client.messages.parse(**{**body, "max_tokens": 60}, output_format=Place)
    assert message.parsed_output == Place(city="Rome")


def errors():
    unknown = failure_of(NotFoundError, lambda: client.messages.create(**{**body, "model": "nope"}))
    assert unknown.body["error"]["type"] == "not_found_error" and "nope" in unknown.body["error"]["message"]
    wrong = failure_of(BadRequestError, lambda: client.messages.create(**{**body, "max_tokens": 0}))
    assert "max_tokens" in wrong.body["error"]["message"]


def abort():
    with client.messages.stream(**{**body, "max_tokens": 480}) as stream:
        next(iter(stream.text_stream))
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
