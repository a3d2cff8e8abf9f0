#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For 48-cache.sh: entries of a shared cache that lie, and servers that misbehave.

cache.py show DIR KEY             the files of an entry: "path sha256 size", sorted
cache.py forge DIR KEY HOW        rewrites the entry of KEY so that it lies in this way
cache.py serve HOW [DIR] PORTFILE a server on a free port of 127.0.0.1, its number in PORTFILE
cache.py port                     a port that nobody listens on
"""
import hashlib
import json
import os
import re
import socket
import sys
import time


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def read_varint(data, i):
    n = shift = 0
    while True:
        n |= (data[i] & 0x7F) << shift
        shift += 7
        i += 1
        if not data[i - 1] & 0x80:
            return n, i


def fields(data):
    i = 0
    while i < len(data):
        tag, i = read_varint(data, i)
        value, i = read_varint(data, i)
        if tag & 7 == 2:
            value, i = data[i : i + value], i + value
        yield tag >> 3, value


def member(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def parse(data):
    files = {}
    for number, value in fields(data):
        if number != 2:
            continue
        f = dict(fields(value))
        d = dict(fields(f[2]))
        files[f[1].decode()] = (d[1].decode(), d.get(2, 0))
    return files


def write(files):
    out = b""
    for path in sorted(files):
        hexdigest, size = files[path]
        digest = member(1, hexdigest.encode()) + varint(2 << 3) + varint(size)
        out += member(2, member(1, path.encode()) + member(2, digest))
    return out + member(9, member(1, b"kiln"))


class Entry:
    def __init__(self, top, key):
        self.top, self.path = top, os.path.join(top, "ac", key)
        with open(self.path, "rb") as f:
            self.files = parse(f.read())

    def blob(self, path):
        with open(os.path.join(self.top, "cas", self.files[path][0]), "rb") as f:
            return f.read()

    def put(self, path, data):
        old = self.files[path][0] if path in self.files else None
        new = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.top, "cas", new), "wb") as f:
            f.write(data)
        self.files[path] = (new, len(data))
        return old, new

    def save(self):
        with open(self.path, "wb") as f:
            f.write(write(self.files))


def change_result(e, change):
    e.put("result.json", change(e.blob("result.json").decode()).encode())


def new_bundle(e, bundle):
    old, new = e.put("bundle.json", json.dumps(bundle, separators=(",", ":"), sort_keys=True).encode())
    change_result(e, lambda text: text.replace(old, new))


def forge(top, key, how):
    e = Entry(top, key)
    package = [p for p in e.files if p.startswith("packages/")][0]
    if how == "no-bundle":
        del e.files["bundle.json"]
    elif how == "no-result":
        del e.files["result.json"]
    elif how == "no-package":
        del e.files[package]
    elif how == "bad-signature":
        bundle = json.loads(e.blob("bundle.json"))
        sig = bundle["dsseEnvelope"]["signatures"][0]["sig"]
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = sig[:20] + ("A" if sig[20] != "A" else "B") + sig[21:]
        new_bundle(e, bundle)
    elif how == "no-signature":
        bundle = json.loads(e.blob("bundle.json"))
        bundle["dsseEnvelope"]["signatures"] = []
        new_bundle(e, bundle)
    elif how == "facts":
        change_result(e, lambda t: re.sub(r'"installed_size":\d+', '"installed_size":1', t))
    elif how == "other-log":
        change_result(e, lambda t: re.sub(r'"log":"\w+"', '"log":"%s"' % e.files["record.json"][0], t))
    elif how == "environment":
        change_result(e, lambda t: re.sub(r'"environment":\[.*?\],"format"', '"environment":[],"format"', t))
    elif how == "purl":
        change_result(e, lambda t: t.replace("pkg:rpm/", "pkg:deb/", 1))
    elif how == "size":
        e.files[package] = (e.files[package][0], 1 << 32)
    elif how == "huge-size":
        e.files["build.log"] = (e.files["build.log"][0], 1 << 60)
    elif how == "path":
        e.files["../" + package] = e.files.pop(package)
    elif how == "no-json":
        e.put("result.json", b"{")
    e.save()
    if how == "garbage":
        open(e.path, "wb").write(b"\xff\x07 this is no message")
    elif how == "html":
        open(e.path, "wb").write(b"<html>log in first</html>")
    elif how == "empty":
        open(e.path, "wb").close()
    elif how == "long":
        open(e.path, "wb").write(open(e.path, "rb").read() + member(3, b"x" * (2 << 20)))


def answer(conn, how, top):
    data = b""
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more:
            return
        data += more
    path = data.split()[1].decode()
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    if how == "hang":
        while conn.recv(65536):
            pass
    elif how == "drip":
        conn.sendall(head % 100000)
        while True:
            conn.sendall(b"x")
            time.sleep(0.2)
    elif how in ("drip-blobs", "endless"):
        name = os.path.join(top, path.lstrip("/"))
        body = open(name, "rb").read() if os.path.exists(name) else b""
        if how == "endless" and path.startswith("/cas/"):
            conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            while True:
                conn.sendall(b"x" * 65536)
        conn.sendall(head % len(body))
        if path.startswith("/ac/"):
            conn.sendall(body)
        for i in range(len(body) if path.startswith("/cas/") else 0):
            conn.sendall(body[i : i + 1])
            time.sleep(0.2)
    elif how == "cut":
        conn.sendall(head % 100000 + b"x" * 1000)
    elif how == "error":
        conn.sendall(b"HTTP/1.1 500 Broken\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    elif how == "redirect":
        conn.sendall(b"HTTP/1.1 302 Elsewhere\r\nConnection: close\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    elif how == "nonsense":
        conn.sendall(b"220 ESMTP\r\n")


def serve(how, top, portfile):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(64)
    with open(portfile + ".new", "w") as f:
        f.write("%d\n" % s.getsockname()[1])
    os.rename(portfile + ".new", portfile)
    while True:
        conn, _ = s.accept()
        if os.fork() == 0:
            s.close()
            try:
                answer(conn, how, top)
            except OSError:
                pass
            os._exit(0)
        conn.close()


if __name__ == "__main__":
    if sys.argv[1] == "show":
        for path, (digest, size) in sorted(Entry(sys.argv[2], sys.argv[3]).files.items()):
            print(path, digest, size)
    elif sys.argv[1] == "forge":
        forge(*sys.argv[2:5])
    elif sys.argv[1] == "port":
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        print(s.getsockname()[1])
    else:
        import signal

        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        serve(sys.argv[2], sys.argv[3] if len(sys.argv) > 4 else "", sys.argv[-1])
