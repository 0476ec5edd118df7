"""Signs the cases of signatures.json with botocore and writes them back: python3 test/providers/sign.py

Needs `pip install botocore==1.44.5`. Signatures of an implementation that shares nothing with ours are what the test compares with.
"""

import json
import pathlib

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

file = pathlib.Path(__file__).with_name("signatures.json")
cases = json.loads(file.read_text("utf-8"))
for case in cases:
    body = case["body"].encode("utf-8")
    headers = {**case["fields"], "content-length": str(len(body)), "x-amz-date": case["date"]}
    if case["token"] is not None:
        headers["x-amz-security-token"] = case["token"]
    request = AWSRequest("POST", f"https://{case['host']}{case['path']}", headers, body)
    request.context["timestamp"] = case["date"]
    auth = SigV4Auth(Credentials(case["id"], case["secret"], case["token"]), "bedrock", case["region"])
    request.headers["X-Amz-Content-SHA256"] = auth.payload(request)
    case["hash"] = request.headers["X-Amz-Content-SHA256"]
    case["signed"] = auth.signed_headers(auth.headers_to_sign(request))
    case["signature"] = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
file.write_text(json.dumps(cases, indent=2, ensure_ascii=False) + "\n", "utf-8")
