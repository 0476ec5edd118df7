"""Anthropic's SDK: its own client, and the one for Amazon Bedrock."""

import json

import anthropic

import ask_http


def messages(ask, calls, texts):
    client = anthropic.Anthropic(api_key=ask["key"], **common(ask, calls))
    return created(client, ask, texts)


def helper(ask, calls, texts):
    """By `messages.stream()`, whose last message is what was heard."""
    client = anthropic.Anthropic(api_key=ask["key"], **common(ask, calls))
    with client, client.messages.stream(**ask["body"], extra_headers=ask["headers"]) as stream:
        for text in stream.text_stream:
            texts.append(text)
        return heard(stream.get_final_message())


def bedrock(ask, calls, texts):
    pair = ask.get("pair")
    proof = {"api_key": ask["key"]}
    if pair is not None:
        proof = {"aws_access_key": pair["accessKeyId"], "aws_secret_key": pair["secretAccessKey"]}
    client = anthropic.AnthropicBedrock(aws_region="eu-central-1", **proof, **common(ask, calls))
    return created(client, ask, texts)


def common(ask, calls):
    return {
        "base_url": ask["baseURL"],
        "max_retries": ask["retries"],
        "http_client": ask_http.client(ask, calls),
    }


def created(client, ask, texts):
    with client:
        if ask["streamed"]:
            return streamed(client, ask, texts)
        answer = client.messages.create(**ask["body"], extra_headers=ask["headers"])
        return {**heard(answer), "requestId": getattr(answer, "_request_id", None)}


def heard(message):
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "tools": [
            {"id": block.id, "name": block.name, "arguments": block.input}
            for block in message.content
            if block.type == "tool_use"
        ],
        "finish": message.stop_reason,
        "tokens": message.usage.input_tokens + message.usage.output_tokens,
    }


def streamed(client, ask, texts):
    finish, tokens, tools = None, 0, {}
    stream = client.messages.create(**ask["body"], stream=True, extra_headers=ask["headers"])
    for event in stream:
        if event.type == "message_start":
            tokens = event.message.usage.input_tokens
        elif event.type == "message_delta":
            finish = event.delta.stop_reason
            tokens += event.usage.output_tokens
        elif event.type == "content_block_start" and event.content_block.type == "tool_use":
            block = event.content_block
            tools[event.index] = {"id": block.id, "name": block.name, "arguments": ""}
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            texts.append(event.delta.text)
        elif event.type == "content_block_delta":
            tools[event.index]["arguments"] += event.delta.partial_json
        if ask["leaveAfter"] and len(texts) >= ask["leaveAfter"]:
            stream.close()
            break
    return {
        "text": "".join(texts),
        "tools": [{**tool, "arguments": json.loads(tool["arguments"])} for tool in tools.values()],
        "finish": finish,
        "tokens": tokens,
    }
