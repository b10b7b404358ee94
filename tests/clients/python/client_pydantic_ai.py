"""Pydantic AI, over chat completions; agents and single requests."""

from pydantic_ai import Agent, ModelHTTPError, NativeOutput, ToolOutput
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, ToolCallPart, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from common import EXPECTED, MODEL, PROMPT, URL, Place, expect_none_running, failure_of_async, main

provider = OpenAIProvider(base_url=f"{URL}/v1", api_key="none")
model = OpenAIChatModel(MODEL, provider=provider)
short = {"temperature": 0, "max_tokens": 24}


async def plain():
    result = await Agent(model, model_settings=short).run(PROMPT)
    assert EXPECTED in result.output
    responses = OpenAIResponsesModel(MODEL, provider=provider)
    assert (await Agent(responses, model_settings=short).run(PROMPT)).output == result.output


async def streamed():
    agent = Agent(model, model_settings=short)
    async with agent.run_stream(PROMPT) as result:
        parts = [part async for part in result.stream_text(delta=True, debounce_by=None)]
    assert len(parts) > 5 and "".join(parts) == (await agent.run(PROMPT)).output


async def second_turn():
    agent = Agent(model, model_settings=short)
    one = await agent.run(PROMPT)
    two = await agent.run("And then?", message_history=one.all_messages())
    assert two.usage.input_tokens > one.usage.input_tokens + 24


async def tools():
    definition = ToolDefinition(
        name="weather", description="Weather.", parameters_json_schema=Place.model_json_schema()
    )
    parameters = ModelRequestParameters(function_tools=[definition], allow_text_output=False)
    question = ModelRequest.user_text_prompt(PROMPT)
    answer = await model_request(
        model, [question], model_settings={"max_tokens": 60}, model_request_parameters=parameters
    )
    (call,) = [part for part in answer.parts if isinstance(part, ToolCallPart)]
    assert (call.tool_name, call.args_as_dict()) == ("weather", {"city": "Rome"})
    result = ModelRequest(
        parts=[ToolReturnPart(tool_name="weather", content="sunny", tool_call_id=call.tool_call_id)]
    )
    after = await model_request(
        model,
        [question, answer, result],
        model_settings={"max_tokens": 8},
        model_request_parameters=ModelRequestParameters(function_tools=[definition]),
    )
    assert after.usage.output_tokens > 0


async def structured():
    for output_type in (ToolOutput(Place), NativeOutput(Place)):
        agent = Agent(model, output_type=output_type, model_settings={"temperature": 0, "max_tokens": 80})
        assert (await agent.run(PROMPT)).output == Place(city="Rome"), output_type


async def errors():
    unknown = Agent(OpenAIChatModel("nope", provider=provider))
    error = await failure_of_async(ModelHTTPError, unknown.run(PROMPT))
    assert error.status_code == 404 and error.body["code"] == "model_not_found"
    wrong = Agent(model, model_settings={"temperature": 9})
    error = await failure_of_async(ModelHTTPError, wrong.run(PROMPT))
    assert error.status_code == 400 and error.body["param"] == "temperature"


async def abort():
    agent = Agent(model, model_settings={"temperature": 0, "max_tokens": 480})
    async with agent.run_stream(PROMPT) as result:
        async for _ in result.stream_text(delta=True, debounce_by=None):
            await result.cancel()
            break
    expect_none_running()


main(plain, streamed, second_turn, tools, structured, errors, abort)
