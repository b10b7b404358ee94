"""Ollama's own client. Its API cannot force a call, so that tools are what goes in: a call and its result."""

from ollama import Client, ResponseError

from common import ENCODER, EXPECTED, MESSAGES, MODEL, TOOL, URL, Place, expect_none_running, failure_of, main

client = Client(host=URL)
options = {"temperature": 0, "num_predict": 24}
body = {"model": MODEL, "messages": MESSAGES, "options": options}


def plain():
    answer = client.chat(**body)
    assert EXPECTED in answer.message.content and answer.eval_count == 24
    assert MODEL in [model.model.split(":")[0] for model in client.list().models]
    assert len(client.embed(model=ENCODER, input=["a", "b"]).embeddings) == 2


def streamed():
    parts = list(client.chat(**body, stream=True))
    assert "".join(part.message.content for part in parts) == client.chat(**body).message.content
    assert [part.done for part in parts].index(True) == len(parts) - 1


def second_turn():
    one = client.chat(**body)
    two = client.chat(**{**body, "messages": [*MESSAGES, one.message, {"role": "user", "content": "And then?"}]})
    assert two.prompt_eval_count > one.prompt_eval_count + 24


def tools():
    call = {"function": {"name": "weather", "arguments": {"city": "Rome"}}}
    more = [
        *MESSAGES,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "sunny", "tool_name": "weather"},
    ]
    assert client.chat(**{**body, "messages": more}, tools=[TOOL]).eval_count == 24


def structured():
    asked = {**body, "options": {"num_predict": 60}}
    answer = client.chat(**asked, format=Place.model_json_schema())
    assert Place.model_validate_json(answer.message.content).city == "Rome"


def errors():
    unknown = failure_of(ResponseError, lambda: client.chat(**{**body, "model": "nope"}))
    assert unknown.status_code == 404 and "nope" in unknown.error
    wrong = failure_of(ResponseError, lambda: client.chat(**{**body, "options": {"temperature": -1}}))
    assert wrong.status_code == 400 and "temperature" in wrong.error


def abort():
    stream = client.chat(**{**body, "options": {"num_predict": 480}}, stream=True)
    next(stream)
    stream.close()
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
