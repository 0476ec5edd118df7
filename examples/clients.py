"""Many SDKs, one gateway: what they need to know stands in the environment, as in the table of the README.

OPENAI_BASE_URL=http://127.0.0.1:8450/openai/v1 OPENAI_API_KEY=chk_... python examples/clients.py openai langchain_openai
"""

import os
import sys


def openai(messages):
    from openai import OpenAI

    return OpenAI().chat.completions.create(model="auto", messages=messages).choices[0].message.content


def azure(messages):
    from openai import AzureOpenAI

    client = AzureOpenAI(
        azure_endpoint="http://127.0.0.1:8450/azure",
        api_key=os.environ["CUSTOMHOUSE_KEY"],
        api_version="2024-10-21",
    )
    return client.chat.completions.create(model="auto", messages=messages).choices[0].message.content


def anthropic(messages):
    from anthropic import Anthropic

    return Anthropic().messages.create(model="auto", max_tokens=256, messages=messages).content[0].text


def anthropic_bedrock(messages):
    from anthropic import AnthropicBedrock

    return AnthropicBedrock().messages.create(model="auto", max_tokens=256, messages=messages).content[0].text


def boto3(messages):
    import boto3

    turns = [{"role": one["role"], "content": [{"text": one["content"]}]} for one in messages]
    answer = boto3.client("bedrock-runtime").converse(modelId="auto", messages=turns)
    return answer["output"]["message"]["content"][0]["text"]


def langchain_openai(messages):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="auto").invoke(messages).text


def langchain_anthropic(messages):
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model="auto", max_tokens=256).invoke(messages).text


def langchain_bedrock(messages):
    from langchain_aws import ChatBedrockConverse

    return ChatBedrockConverse(model="auto", provider="anthropic").invoke(messages).text


CLIENTS = [
    openai,
    azure,
    anthropic,
    anthropic_bedrock,
    boto3,
    langchain_openai,
    langchain_anthropic,
    langchain_bedrock,
]

if __name__ == "__main__":
    for name in sys.argv[1:]:
        ask = {client.__name__: client for client in CLIENTS}[name]
        print(f"{name}: {ask([{'role': 'user', 'content': 'hello'}])}")
