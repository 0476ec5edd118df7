"""The OpenAI SDK."""

import json

import openai

import ask_http


def openai_client(ask, calls):
    return openai.OpenAI(
        api_key=ask["key"],
        base_url=ask["baseURL"],
        max_retries=ask["retries"],
        http_client=ask_http.client(ask, calls),
    )


def chat(ask, calls, texts):
    with openai_client(ask, calls) as client:
        if ask["streamed"]:
            return streamed(client, ask, texts)
        return whole(client.chat.completions.create(**ask["body"], extra_headers=ask["headers"]))


def whole(answer):
    choice = answer.choices[0]
    called = choice.message.tool_calls or []
    return {
        "text": choice.message.content or "",
        "tools": [tool(call.id, call.function.name, call.function.arguments) for call in called],
        "finish": choice.finish_reason,
        "tokens": answer.usage.total_tokens,
        "requestId": answer._request_id,
    }


def streamed(client, ask, texts):
    finish, tokens, tools = None, None, {}
    stream = client.chat.completions.create(
        **ask["body"], stream=True, stream_options={"include_usage": True}, extra_headers=ask["headers"]
    )
    for chunk in stream:
        if chunk.usage:
            tokens = chunk.usage.total_tokens
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta.content:
                texts.append(choice.delta.content)
            for call in choice.delta.tool_calls or []:
                held = tools.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
                held["arguments"] += call.function.arguments or ""
        if ask["leaveAfter"] and len(texts) >= ask["leaveAfter"]:
            stream.close()
            break
    return {
        "text": "".join(texts),
        "tools": [tool(**held) for held in tools.values()],
        "finish": finish,
        "tokens": tokens,
    }


def tool(id, name, arguments):
    return {"id": id, "name": name, "arguments": json.loads(arguments)}
