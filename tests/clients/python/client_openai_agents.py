"""OpenAI's agents, over responses (their default) and chat completions."""

from typing import Literal

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from common import EXPECTED, MODEL, PROMPT, URL, Place, expect_none_running, failure_of_async, main

set_tracing_disabled(True)
client = AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
MODELS = (OpenAIResponsesModel, OpenAIChatCompletionsModel)


def agent_of(kind, settings=None, model=MODEL, **options):
    common = {"temperature": 0, "max_tokens": 24}
    return Agent(
        name="a",
        model=kind(model=model, openai_client=client),
        model_settings=ModelSettings(**{**common, **(settings or {})}),
        **options,
    )


async def plain():
    for kind in MODELS:
        assert EXPECTED in (await Runner.run(agent_of(kind), PROMPT)).final_output, kind


def delta_of(event):
    is_text = event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    return event.data.delta if is_text else ""


async def streamed():
    result = Runner.run_streamed(agent_of(OpenAIChatCompletionsModel), PROMPT)
    parts = [delta_of(event) async for event in result.stream_events()]
    assert len(parts) > 5 and "".join(parts) == result.final_output and EXPECTED in result.final_output
    # Over responses the runner fails when an answer was cut at its limit: this one ends by itself.
    agent = agent_of(OpenAIResponsesModel, {"max_tokens": 80}, output_type=Place)
    result = Runner.run_streamed(agent, PROMPT)
    text = "".join([delta_of(event) async for event in result.stream_events()])
    assert Place.model_validate_json(text) == result.final_output == Place(city="Rome")


async def second_turn():
    for kind in MODELS:
        one = await Runner.run(agent_of(kind), PROMPT)
        more = [*one.to_input_list(), {"role": "user", "content": "And then?"}]
        two = await Runner.run(agent_of(kind), more)
        usages = [run.context_wrapper.usage.input_tokens for run in (one, two)]
        assert usages[1] > usages[0] + 24, kind
    one = await Runner.run(agent_of(OpenAIResponsesModel), PROMPT)
    two = await Runner.run(
        agent_of(OpenAIResponsesModel), "And then?", previous_response_id=one.last_response_id
    )
    assert two.context_wrapper.usage.input_tokens > 24


async def tools():
    for kind in MODELS:
        asked = []

        @function_tool
        def weather(city: Literal["Rome"]) -> str:
            """Weather."""
            asked.append(city)
            return "sunny"

        agent = agent_of(kind, {"tool_choice": "required", "max_tokens": 80}, tools=[weather])
        # The second request, which brings the result, is free to answer.
        result = await Runner.run(agent, PROMPT, max_turns=2)
        assert asked == ["Rome"] and len(result.raw_responses) == 2, kind


async def structured():
    for kind in MODELS:
        agent = agent_of(kind, {"max_tokens": 80}, output_type=Place)
        assert (await Runner.run(agent, PROMPT)).final_output == Place(city="Rome"), kind


async def errors():
    for kind in MODELS:
        unknown = await failure_of_async(NotFoundError, Runner.run(agent_of(kind, model="nope"), PROMPT))
        assert unknown.code == "model_not_found", kind
        wrong = agent_of(kind, {"temperature": 9})
        assert (await failure_of_async(BadRequestError, Runner.run(wrong, PROMPT))).param == "temperature", kind


async def abort():
    for kind in MODELS:
        result = Runner.run_streamed(agent_of(kind, {"max_tokens": 480}), PROMPT)
        async for event in result.stream_events():
            if delta_of(event):
                result.cancel()
        expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
