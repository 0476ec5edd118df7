"""Asks the SDKs for Python, one JSON object a line on stdin, and tells what they made of each on stdout, in the same form."""

import importlib
import json
import sys


def main():
    for line in sys.stdin:
        ask = json.loads(line)
        calls = []
        told = {"calls": calls, "texts": []}
        module, client = ask["client"].split(".")
        try:
            told["heard"] = getattr(importlib.import_module(f"ask_{module}"), client)(ask, calls, told["texts"])
        except Exception as error:
            told["raised"] = raised(error)
        print(json.dumps(told), flush=True)


def raised(error):
    told = {"class": type(error).__name__, "module": type(error).__module__, "message": str(error)}
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        # botocore.exceptions.ClientError
        metadata = response.get("ResponseMetadata", {})
        return {
            **told,
            "status_code": metadata.get("HTTPStatusCode"),
            "code": response["Error"]["Code"],
            "request_id": metadata.get("RequestId"),
        }
    names = ["status_code", "code", "type", "request_id"]
    return {**told, **{name: getattr(error, name, None) for name in names}}


main()
