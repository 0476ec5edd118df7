"""Reference verifier of a Customhouse log, written from docs/ledger.md alone: standard library, no code shared with the gateway.

Usage: verify.py <state>/ledger
Prints one JSON line {"status", "size", "root", "open", "why"}; exit 0 verified, 4 tampered, 2 a newer state. The standard library has no Ed25519, so
signatures are not checked: the root is compared with the one that the checkpoint states.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys


class Damage(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Damage(why)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tree:
    """RFC 6962 2.1, by the roots of the perfect subtrees."""

    def __init__(self):
        self.size, self.stack = 0, []

    def append(self, leaf):
        size = self.size
        while size % 2:
            leaf = hashlib.sha256(b"\x01" + self.stack.pop() + leaf).digest()
            size //= 2
        self.stack.append(leaf)
        self.size += 1

    def root(self):
        if not self.stack:
            return hashlib.sha256(b"").digest()
        root = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root


RECORD = re.compile(rb'\{"l":"([A-Za-z0-9_-]{43})","e":(\{.*"v":1\})(?:,"d":(\{"k":"[^"]+","x":"[A-Za-z0-9_-]+"\}))?\}', re.S)
STATE_VERSION = 3
KINDS = {"access.refused", "call.denied", "call.displaced", "call.intent", "call.progress", "config.activated", "config.rejected", "identity.revoked"}
KINDS |= {"ledger.closed", "ledger.opened", "ledger.restored", "policy.activated", "policy.rejected"}
CLOSING = {"call.attempt_failed", "call.outcome", "call.abandoned"}


def in_order(value):
    """Whether members are sorted by UTF-16 code units, at any depth (RFC 8785 3.2.3). Numbers are not written anew here."""
    if isinstance(value, list):
        return all(map(in_order, value))
    if not isinstance(value, dict):
        return True
    names = [name.encode("utf-16-be") for name in value]
    return names == sorted(names) and all(map(in_order, value.values()))


def no_doubles(pairs):
    need(len({name for name, _ in pairs}) == len(pairs), "a member twice")
    return dict(pairs)


def verify(folder):
    head = (folder / "checkpoint").read_text()
    log, signed_size, signed_root = head.split("\n")[:3]
    tree, tenants, intents, epoch, sealed = Tree(), {}, {}, 0, True
    roots = {0: tree.root()}
    for path in sorted(folder.glob("*.seg")):
        need(sealed, f"{path.name}: the segment before has no trailer")
        sealed, group = False, []
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
            where = f"{path.name} line {number}"
            need(not sealed, f"{where}: after the trailer")
            if number == 1:
                header = json.loads(line)["h"]
                need(header["log"] == log and header["first"] == tree.size == int(path.stem), f"{where}: header")
                need(header["root"] == b64(tree.root()), f"{where}: root of the header")
            elif line.startswith(b'{"l":'):
                match = RECORD.fullmatch(line)
                need(match, f"{where}: form")
                leaf_hash = hashlib.sha256(b"\x00" + match[2]).digest()
                need(b64(leaf_hash) == match[1].decode(), f"{where}: leaf hash")
                leaf = json.loads(match[2], object_pairs_hook=no_doubles)
                need(in_order(leaf) and not re.search(rb'[{,:\[]\s', re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', match[2])), f"{where}: not canonical")
                bound = match[3] and b64(hashlib.sha256(match[3]).digest())
                need(leaf.get("sealed") == bound and ("_sd" in leaf) == ("sealed" in leaf), f"{where}: sealed part")
                group.append((where, leaf, leaf_hash))
            elif line.startswith(b'{"c":'):
                first = tree.size
                for at, leaf, leaf_hash in group:
                    need(leaf["log"] == log and leaf["seq"] == tree.size, f"{at}: seq")
                    need(leaf["tseq"] == tenants.get(leaf["tenant"], 0), f"{at}: tseq")
                    need(leaf["epoch"] in (epoch, epoch + 1) or leaf["epoch"] == header["epoch"], f"{at}: epoch")
                    need(leaf["kind"] in KINDS | CLOSING, f"{at}: kind")
                    if leaf["kind"] == "call.intent":
                        intents[leaf["seq"]] = (leaf["call"], leaf["tenant"])
                    if leaf["kind"] in CLOSING:
                        need(intents.pop(leaf["of"], None) == (leaf["call"], leaf["tenant"]), f"{at}: closes no open intent")
                    tenants[leaf["tenant"]] = leaf["tseq"] + 1
                    epoch = leaf["epoch"]
                    tree.append(leaf_hash)
                    roots[tree.size] = tree.root()
                commit = json.loads(line)["c"]
                need(commit == {"from": first, "root": b64(tree.root()), "size": tree.size}, f"{where}: commit")
                group = []
            elif line.startswith(b'{"t":'):
                trailer = json.loads(line)["t"]
                need((trailer["root"], trailer["size"]) == (b64(tree.root()), tree.size), f"{where}: trailer")
                sealed = True
            else:
                need(False, f"{where}: none of the format")
    need(int(signed_size) in roots, f"{signed_size} records were signed, {tree.size} are there")
    need(roots[int(signed_size)] == base64.b64decode(signed_root), "the root is not the one that was signed")
    return tree, intents


def main():
    folder = pathlib.Path(sys.argv[1])
    version = folder.parent / "version"
    if version.exists() and json.loads(version.read_text())["version"] > STATE_VERSION:
        print(json.dumps({"status": "incomplete", "size": 0, "root": None, "open": 0, "why": "a newer program wrote it"}))
        sys.exit(2)
    try:
        tree, intents = verify(folder)
        print(json.dumps({"status": "verified", "size": tree.size, "root": b64(tree.root()), "open": len(intents), "why": None}))
    except (Damage, ValueError, KeyError, OSError) as damage:
        print(json.dumps({"status": "tampered", "size": 0, "root": None, "open": 0, "why": str(damage)}))
        sys.exit(4)


main()
