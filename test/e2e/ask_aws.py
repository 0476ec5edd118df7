"""boto3: Converse, and InvokeModel for Anthropic's models."""

import json
import os
import time

import boto3
from botocore.config import Config


def client(ask, calls):
    """A client of Bedrock's that is proved by a bearer token, or by a signature with a pair."""
    pair = ask.get("pair")
    os.environ.pop("AWS_BEARER_TOKEN_BEDROCK", None)
    credentials = {}
    if pair is None:
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = ask["key"]
    else:
        credentials = {"aws_access_key_id": pair["accessKeyId"], "aws_secret_access_key": pair["secretAccessKey"]}
    made = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=ask["baseURL"],
        config=Config(retries={"total_max_attempts": ask["retries"] + 1, "mode": "standard"}),
        **credentials,
    )
    watch(made, ask, calls)
    made.meta.events.register("before-call.bedrock-runtime", lambda params, **_: params["headers"].update(ask["headers"]))
    return made


def watch(made, ask, calls):
    """Counts what the client sends."""

    def before(**_):
        calls.append({"status": 0, "call": None, "requestId": None, "at": time.monotonic() * 1000})

    def after(response_dict, **_):
        if response_dict is not None:
            headers = response_dict["headers"]
            calls[-1].update(
                status=response_dict["status_code"],
                call=headers.get("x-customhouse-call"),
                requestId=headers.get(ask["idHeader"]),
            )

    made.meta.events.register("before-send.bedrock-runtime", before)
    made.meta.events.register("response-received.bedrock-runtime", after)


def converse(ask, calls, texts):
    made = client(ask, calls)
    if not ask["streamed"]:
        answer = made.converse(**ask["body"])
        content = answer["output"]["message"]["content"]
        return {
            "text": "".join(block["text"] for block in content if "text" in block),
            "tools": [tool(**block["toolUse"]) for block in content if "toolUse" in block],
            "finish": answer["stopReason"],
            "tokens": answer["usage"]["totalTokens"],
            "requestId": answer["ResponseMetadata"]["RequestId"],
        }
    answer = made.converse_stream(**ask["body"])
    finish, tokens, tools = None, None, {}
    for event in answer["stream"]:
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            tools[start["contentBlockIndex"]] = {**start["start"]["toolUse"], "input": ""}
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            if "text" in delta:
                texts.append(delta["text"])
            else:
                tools[event["contentBlockDelta"]["contentBlockIndex"]]["input"] += delta["toolUse"]["input"]
        elif "messageStop" in event:
            finish = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            tokens = event["metadata"]["usage"]["totalTokens"]
        if ask["leaveAfter"] and len(texts) >= ask["leaveAfter"]:
            answer["stream"].close()
            break
    return {
        "text": "".join(texts),
        "tools": [tool(**{**held, "input": json.loads(held["input"])}) for held in tools.values()],
        "finish": finish,
        "tokens": tokens,
        "requestId": answer["ResponseMetadata"]["RequestId"],
    }


def tool(toolUseId, name, input):
    return {"id": toolUseId, "name": name, "arguments": input}


def invoke(ask, calls, texts):
    made = client(ask, calls)
    body = {**ask["body"], "anthropic_version": "bedrock-2023-05-31"}
    asked = {"modelId": body.pop("model"), "body": json.dumps(body), "contentType": "application/json"}
    if not ask["streamed"]:
        answer = made.invoke_model(**asked)
        message = json.loads(answer["body"].read())
        return {
            **heard(message["content"]),
            "finish": message["stop_reason"],
            "tokens": message["usage"]["input_tokens"] + message["usage"]["output_tokens"],
            "requestId": answer["ResponseMetadata"]["RequestId"],
        }
    answer = made.invoke_model_with_response_stream(**asked)
    finish, tokens, blocks = None, 0, []
    for item in answer["body"]:
        event = json.loads(item["chunk"]["bytes"])
        if event["type"] == "message_start":
            tokens = event["message"]["usage"]["input_tokens"]
        elif event["type"] == "message_delta":
            finish = event["delta"]["stop_reason"]
            tokens += event["usage"]["output_tokens"]
        elif event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "said": ""})
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            if "text" in delta:
                texts.append(delta["text"])
            blocks[-1]["said"] += delta.get("text", delta.get("partial_json", ""))
        if ask["leaveAfter"] and len(texts) >= ask["leaveAfter"]:
            answer["body"].close()
            break
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["said"])
        else:
            block["text"] = block["said"]
    return {
        **heard(blocks),
        "finish": finish,
        "tokens": tokens,
        "requestId": answer["ResponseMetadata"]["RequestId"],
    }


def heard(content):
    return {
        "text": "".join(block["text"] for block in content if block["type"] == "text"),
        "tools": [
            {"id": block["id"], "name": block["name"], "arguments": block["input"]}
            for block in content
            if block["type"] == "tool_use"
        ],
    }
