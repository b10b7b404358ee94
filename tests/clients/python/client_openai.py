"""OpenAI's own client: chat completions and responses."""

from openai import BadRequestError, NotFoundError, OpenAI

from common import EXPECTED, MESSAGES, MODEL, PROMPT, TOOL, URL, Place, expect_none_running, failure_of, main

client = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
chat = {"model": MODEL, "messages": MESSAGES, "temperature": 0, "max_tokens": 24}


def plain():
    answer = client.chat.completions.create(**chat)
    assert EXPECTED in answer.choices[0].message.content
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 24)
    response = client.responses.create(model=MODEL, input=PROMPT, temperature=0, max_output_tokens=24)
    assert response.output_text == answer.choices[0].message.content


def streamed():
    whole = client.chat.completions.create(**chat).choices[0].message.content
    parts = [chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**chat, stream=True)]
    assert len(parts) > 5 and "".join(parts) == whole
    with client.responses.stream(model=MODEL, input=PROMPT, temperature=0, max_output_tokens=24) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert text == whole


def second_turn():
    one = client.responses.create(model=MODEL, input=PROMPT, temperature=0, max_output_tokens=12)
    two = client.responses.create(
        model=MODEL, input="And then?", previous_response_id=one.id, temperature=0, max_output_tokens=12
    )
    more = [*MESSAGES, {"role": "assistant", "content": one.output_text}, {"role": "user", "content": "And then?"}]
    whole = client.chat.completions.create(**{**chat, "messages": more, "max_tokens": 12})
    assert two.output_text == whole.choices[0].message.content
    assert two.usage.input_tokens == whole.usage.prompt_tokens


def tools():
    asked = {**chat, "tools": [TOOL], "max_tokens": 60}
    message = client.chat.completions.create(**asked, tool_choice="required").choices[0].message
    (call,) = message.tool_calls
    assert call.function.name == "weather" and Place.model_validate_json(call.function.arguments).city == "Rome"
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    after = client.chat.completions.create(
        **{**asked, "messages": [*MESSAGES, message, result], "max_tokens": 8}, tool_choice="none"
    )
    assert after.choices[0].message.content


def structured():
    answer = client.chat.completions.parse(**{**chat, "max_tokens": 60}, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Rome")
    response = client.responses.parse(model=MODEL, input=PROMPT, max_output_tokens=60, text_format=Place)
    assert response.output_parsed == Place(city="Rome")


def errors():
    unknown = failure_of(NotFoundError, lambda: client.chat.completions.create(**{**chat, "model": "nope"}))
    assert (unknown.code, unknown.param) == ("model_not_found", "model")
    wrong = failure_of(BadRequestError, lambda: client.chat.completions.create(**{**chat, "temperature": 9}))
    assert wrong.param == "temperature"


def abort():
    stream = client.chat.completions.create(**{**chat, "max_tokens": 480, "temperature": 1}, n=4, stream=True)
    next(iter(stream))
    stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
