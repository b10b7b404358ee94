"""LlamaIndex with a server that is like OpenAI's."""

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from openai import BadRequestError, NotFoundError

from common import EXPECTED, MODEL, PROMPT, URL, Place, expect_none_running, failure_of, main


def model_of(**options):
    common = {"model": MODEL, "api_base": f"{URL}/v1", "api_key": "none", "max_retries": 0, "temperature": 0}
    kind = {"is_chat_model": True, "is_function_calling_model": True, "context_window": 512}
    return OpenAILike(**{**common, **kind, "max_tokens": 24, **options})


question = ChatMessage(role="user", content=PROMPT)


def weather(city: str) -> str:
    """Weather."""
    return f"sunny in {city}"


def plain():
    assert EXPECTED in model_of().chat([question]).message.content
    assert EXPECTED in model_of(is_chat_model=False).complete(PROMPT).text


def streamed():
    parts = [part.delta for part in model_of().stream_chat([question])]
    assert len(parts) > 5 and "".join(parts) == model_of().chat([question]).message.content


def second_turn():
    one = model_of().chat([question])
    two = model_of().chat([question, one.message, ChatMessage(role="user", content="And then?")])
    assert two.raw.usage.prompt_tokens > one.raw.usage.prompt_tokens + 24


def tools():
    tool = FunctionTool.from_defaults(weather, name="weather", description="Weather.", fn_schema=Place)
    model = model_of(max_tokens=60)
    answer = model.chat_with_tools([tool], user_msg=PROMPT, tool_required=True)
    (call,) = model.get_tool_calls_from_response(answer)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Rome"})
    result = ChatMessage(role="tool", content=str(tool(**call.tool_kwargs)))
    result.additional_kwargs["tool_call_id"] = call.tool_id
    assert model_of(max_tokens=8).chat([question, answer.message, result]).raw.usage.completion_tokens > 0


def structured():
    assert model_of(max_tokens=80).as_structured_llm(Place).chat([question]).raw == Place(city="Rome")


def errors():
    assert "nope" in str(failure_of(NotFoundError, lambda: model_of(model="nope").chat([question])))
    wrong = failure_of(BadRequestError, lambda: model_of().chat([question], temperature=9))
    assert wrong.param == "temperature"


def abort():
    stream = model_of(max_tokens=480).stream_chat([question])
    next(stream)
    stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
