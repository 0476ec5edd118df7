"""Reads bodies, base64 one a line, with Python's own json, and prints the digest of a canonical dump of each.

The dump is the one of dump.ts: members sorted by their names in UTF-8, numbers as they were written, strings as the hexadecimal of their UTF-8
with U+FFFD for lone surrogates.
"""

import base64
import hashlib
import json
import sys


class Number(str):
    pass


def text(value):
    whole = "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in value)
    return '"' + whole.encode("utf-8").hex() + '"'


def members(pairs):
    names = [text(name) for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a name twice")
    return dict(pairs)


def constant(name):
    raise ValueError(name)


def dump(value):
    if isinstance(value, Number):
        return "#" + value
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return {None: "n", True: "t", False: "f"}[value]
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return "{" + ",".join(sorted(text(name) + ":" + dump(member) for name, member in value.items())) + "}"


for line in sys.stdin:
    try:
        body = base64.b64decode(line).decode("utf-8")
        tree = json.loads(
            body, parse_float=Number, parse_int=Number, parse_constant=constant, object_pairs_hook=members
        )
        print(hashlib.sha256(dump(tree).encode("utf-8")).hexdigest())
    except ValueError as error:
        print("refused:", error)
