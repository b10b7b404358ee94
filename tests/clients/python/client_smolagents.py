"""The model of smolagents. The system prompt of its agents is longer than the small model's context."""

from openai import BadRequestError, NotFoundError
from smolagents import ChatMessage, OpenAIModel, tool

from common import EXPECTED, MESSAGES, MODEL, PROMPT, URL, Place, expect_none_running, failure_of, main


def model_of(model_id=MODEL, **options):
    common = {"api_base": f"{URL}/v1", "api_key": "none", "client_kwargs": {"max_retries": 0}, "retry": False}
    return OpenAIModel(model_id=model_id, **{**common, "temperature": 0, "max_tokens": 24, **options})


question = ChatMessage.from_dict({"role": "user", "content": [{"type": "text", "text": PROMPT}]})


@tool
def weather(city: str) -> str:
    """Weather.

    Args:
        city: City.
    """
    return "sunny"


weather.inputs["city"]["enum"] = ["Rome"]


def plain():
    answer = model_of().generate([question])
    assert EXPECTED in answer.content and answer.token_usage.output_tokens == 24


def streamed():
    parts = [part.content or "" for part in model_of().generate_stream([question])]
    assert len(parts) > 5 and "".join(parts) == model_of().generate([question]).content


def second_turn():
    one = model_of().generate([question])
    more = ChatMessage.from_dict({"role": "user", "content": [{"type": "text", "text": "And then?"}]})
    two = model_of().generate([question, ChatMessage(role=one.role, content=one.content), more])
    assert two.token_usage.input_tokens > one.token_usage.input_tokens + 24


def tools():
    # It says `tool_choice: "required"` itself.
    answer = model_of(max_tokens=80).generate([question], tools_to_call_from=[weather])
    (call,) = answer.tool_calls
    assert call.function.name == "weather" and "Rome" in str(call.function.arguments)


def structured():
    schema = {"name": "Place", "schema": Place.model_json_schema(), "strict": True}
    answer = model_of(max_tokens=60).generate(
        [question], response_format={"type": "json_schema", "json_schema": schema}
    )
    assert Place.model_validate_json(answer.content).city == "Rome"


def errors():
    assert failure_of(NotFoundError, lambda: model_of("nope").generate([question])).code == "model_not_found"
    wrong = failure_of(BadRequestError, lambda: model_of(temperature=9).generate([question]))
    assert wrong.param == "temperature"


def abort():
    stream = model_of(max_tokens=480).generate_stream([question])
    next(stream)
    stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
