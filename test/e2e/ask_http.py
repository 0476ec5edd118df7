"""The layer below the SDKs that speak through httpx2: it counts what they send."""

import time

import httpx2


def client(ask, calls):
    """An HTTP client as the SDKs take one, over the wire that is asked for."""
    options = {"h1": {}, "h2": {"http2": True}, "h2c": {"http1": False, "http2": True}}[ask["wire"]]
    return httpx2.Client(event_hooks=hooks(ask, calls), **options)


def hooks(ask, calls):
    def before(request):
        calls.append({"status": 0, "call": None, "requestId": None, "at": time.monotonic() * 1000})

    def after(response):
        if (response.http_version == "HTTP/1.1") != (ask["wire"] == "h1"):
            raise AssertionError(f"{response.http_version} was spoken")
        headers = response.headers
        calls[-1].update(
            status=response.status_code,
            call=headers.get("x-customhouse-call"),
            requestId=headers.get(ask["idHeader"]),
        )

    return {"request": [before], "response": [after]}
