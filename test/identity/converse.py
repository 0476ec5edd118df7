"""Calls Bedrock with botocore as the environment says: once by each way of proving who calls. Prints the names of the ways as they are done."""

import os
import sys

import botocore
import botocore.config
import botocore.session

MODEL = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3"
clear, secure, key = sys.argv[1:]


def say(params, **_):
    params["headers"].update({"x-customhouse-task": "reporting", "anthropic-beta": "context-1m-2025-08-07"})


def converse(way, endpoint):
    client = botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=endpoint,
        config=botocore.config.Config(retries={"max_attempts": 0}),
    )
    client.meta.events.register("before-call.bedrock-runtime.Converse", say)
    answer = client.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "Grüße, 世界 🌍"}]}])
    assert answer["stopReason"] == "end_turn"
    print(way, flush=True)


converse("signature", clear)
os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
# botocore sends a token over TLS only, and reads AWS_CA_BUNDLE for whom to trust.
converse("bearer", secure)
