"""Asks the OpenAI SDK for Python, one JSON object a line on stdin, and tells what it made of each on stdout, in the same form."""

import json
import sys
import time

import httpx2
import openai


def main():
    for line in sys.stdin:
        ask = json.loads(line)
        calls = []
        told = {"calls": calls, "texts": []}
        try:
            told["heard"] = answer(ask, calls, told["texts"])
        except Exception as error:
            told["raised"] = raised(error)
        print(json.dumps(told), flush=True)


def answer(ask, calls, texts):
    hooks = {
        "request": [lambda request: calls.append({"status": 0, "call": None, "requestId": None, "at": now()})],
        "response": [lambda response: calls[-1].update(seen(response))],
    }
    client = openai.OpenAI(
        api_key=ask["key"],
        base_url=ask["baseURL"],
        max_retries=ask["retries"],
        http_client=httpx2.Client(event_hooks=hooks),
    )
    with client:
        if ask["streamed"]:
            return streamed(client, ask, texts)
        return whole(client.chat.completions.create(**ask["body"], extra_headers=ask["headers"]))


def whole(answer):
    choice = answer.choices[0]
    return {
        "text": choice.message.content or "",
        "tools": [tool(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or []],
        "finish": choice.finish_reason,
        "tokens": answer.usage.total_tokens,
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


def seen(response):
    headers = response.headers
    return {
        "status": response.status_code,
        "call": headers.get("x-customhouse-call"),
        "requestId": headers.get("x-request-id"),
    }


def now():
    return time.monotonic() * 1000


def raised(error):
    names = ["status_code", "code", "type", "request_id"]
    members = {name: getattr(error, name, None) for name in names}
    return {"class": type(error).__name__, "message": str(error), **members}


main()
