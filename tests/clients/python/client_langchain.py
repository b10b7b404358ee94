"""LangChain's OpenAI package, over chat completions and responses."""

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import BadRequestError, NotFoundError

from common import EXPECTED, MODEL, PROMPT, URL, Place, expect_none_running, failure_of, main


def model_of(**options):
    common = {"model": MODEL, "base_url": f"{URL}/v1", "api_key": "none", "max_retries": 0, "temperature": 0}
    return ChatOpenAI(**{**common, "max_tokens": 24, **options})


@tool
def weather(city: str) -> str:
    """Weather."""
    return f"sunny in {city}"


def plain():
    message = model_of().invoke(PROMPT)
    assert EXPECTED in message.content and message.usage_metadata["output_tokens"] == 24
    assert model_of(use_responses_api=True).invoke(PROMPT).text == message.content


def streamed():
    parts = [part.content for part in model_of().stream(PROMPT)]
    assert len(parts) > 5 and "".join(parts) == model_of().invoke(PROMPT).content


def second_turn():
    one = model_of().invoke(PROMPT)
    two = model_of().invoke([HumanMessage(PROMPT), one, HumanMessage("And then?")])
    assert two.usage_metadata["input_tokens"] > one.usage_metadata["input_tokens"] + 24


def tools():
    bound = model_of(max_tokens=80).bind_tools([Place], tool_choice="any")
    message = bound.invoke(PROMPT)
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("Place", {"city": "Rome"})
    asked = AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Rome"}, "id": "call_1"}])
    result = ToolMessage(weather.invoke({"city": "Rome"}), tool_call_id="call_1")
    after = model_of(max_tokens=8).bind_tools([weather], tool_choice="none")
    assert after.invoke([HumanMessage(PROMPT), asked, result]).content


def structured():
    for method in ("json_schema", "function_calling"):
        bound = model_of(max_tokens=80).with_structured_output(Place, method=method)
        assert bound.invoke(PROMPT) == Place(city="Rome"), method


def errors():
    assert "nope" in str(failure_of(NotFoundError, lambda: model_of(model="nope").invoke(PROMPT)))
    assert failure_of(BadRequestError, lambda: model_of(temperature=9).invoke(PROMPT)).param == "temperature"


def abort():
    stream = model_of(max_tokens=480).stream(PROMPT)
    next(stream)
    stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
