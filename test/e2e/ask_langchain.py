"""LangChain's chat models over each of the three SDKs."""

from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_openai import ChatOpenAI

import ask_aws
import ask_http


def openai(ask, calls, texts):
    model = ChatOpenAI(
        model=ask["body"]["model"],
        api_key=ask["key"],
        base_url=ask["baseURL"],
        max_retries=ask["retries"],
        default_headers=ask["headers"],
        http_client=ask_http.client(ask, calls),
        stream_usage=True,
        use_responses_api=False,
    )
    return answer(model, ask, texts)


def anthropic(ask, calls, texts):
    model = ChatAnthropic(
        model=ask["body"]["model"],
        api_key=ask["key"],
        base_url=ask["baseURL"],
        max_retries=ask["retries"],
        max_tokens=64,
        default_headers=ask["headers"],
    )
    # LangChain takes no HTTP client here: the hooks go into its own, which it shares.
    model._client._client.event_hooks = ask_http.hooks(ask, calls)
    return answer(model, ask, texts)


def bedrock(ask, calls, texts):
    model = ChatBedrockConverse(
        model=ask["body"]["model"],
        provider="anthropic",
        region_name="eu-central-1",
        endpoint_url=ask["baseURL"],
        bedrock_api_key=ask["key"],
        max_retries=ask["retries"],
        default_headers=ask["headers"],
        disable_streaming=False,
    )
    ask_aws.watch(model.client, ask, calls)
    return answer(model, ask, texts)


def answer(model, ask, texts):
    body = ask["body"]
    if "tools" in body:
        model = model.bind_tools(body["tools"])
    if not ask["streamed"]:
        return heard(model.invoke(body["messages"]))
    joined = None
    for chunk in model.stream(body["messages"]):
        joined = chunk if joined is None else joined + chunk
        if chunk.text:
            texts.append(str(chunk.text))
        if ask["leaveAfter"] and len(texts) >= ask["leaveAfter"]:
            break
    return heard(joined)


def heard(message):
    metadata = message.response_metadata
    return {
        "text": str(message.text),
        "tools": [
            {"id": call["id"], "name": call["name"], "arguments": call["args"]} for call in message.tool_calls
        ],
        "finish": metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("stopReason"),
        "tokens": message.usage_metadata["total_tokens"] if message.usage_metadata else None,
    }
