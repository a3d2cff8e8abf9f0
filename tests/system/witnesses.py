# SPDX-License-Identifier: Apache-2.0
"""Witnesses that do not do as they should, and clients that do not either.

  witnesses.py serve HOW [FILE]     prints its URL, then answers every add-checkpoint HOW
  witnesses.py attack URL           hostile clients; a line for each with what came back
  witnesses.py crowd URL            200 connections that say nothing, held until stdin ends
"""
import http.server
import socket
import sys
import time
from urllib.parse import urlparse


class Witness(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"

	def log_message(self, *args):
		pass

	def say(self, status, body=b"", kind="text/plain", fields=()):
		self.send_response(status)
		self.send_header("Content-Type", kind)
		self.send_header("Content-Length", str(len(body)))
		for name, value in fields:
			self.send_header(name, value)
		self.end_headers()
		self.wfile.write(body)

	def do_POST(self):
		body = self.rfile.read(int(self.headers["Content-Length"]))
		old = int(body.split(b"\n")[0].split()[1])
		how = sys.argv[2]
		if how == "hang":
			time.sleep(3600)
		elif how == "drip":
			self.send_response(200)
			self.send_header("Content-Length", "1000")
			self.end_headers()
			while True:
				self.wfile.write(b"x")
				time.sleep(0.2)
		elif how == "huge":
			self.say(200, b"x" * 1000000)
		elif how == "garbage":
			self.say(200, bytes(range(256)))
		elif how == "empty":
			self.say(200)
		elif how == "lines":  # somebody else's, or of another checkpoint
			self.say(200, open(sys.argv[3], "rb").read())
		elif how == "elsewhere":
			self.say(302, fields=[("Location", sys.argv[3])])
		elif how == "restless":  # never twice at one size
			self.say(409, b"%d\n" % (old + 1), "text/x.tlog.size")
		elif how == "behind":
			self.say(409, b"%d\n" % old, "text/x.tlog.size")
		elif how == "ahead":
			self.say(409, b"1000000\n", "text/x.tlog.size")
		elif how == "nowhere":
			self.say(409, b"-1\n", "text/x.tlog.size")
		elif how == "escape":
			self.say(500, b"\x1b]0;owned\x07 sorry\n")
		elif how == "cut":
			self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
			self.close_connection = True
		else:
			self.say(int(how), b"no\n")


def reach(url):
	at = urlparse(url)
	s = socket.create_connection((at.hostname, at.port))
	s.settimeout(60)
	return s


def tell(words, s):
	data = b""
	try:
		while b"\r\n" not in data:
			part = s.recv(4096)
			if not part:
				break
			data += part
	except (OSError, socket.timeout) as e:
		data = data or type(e).__name__.encode()
	print("%s: %s" % (words, data.split(b"\r\n")[0].decode("latin-1") if data else "closed"), flush=True)
	s.close()


def attack(url):
	post = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"
	for words, data in [
		("random bytes", bytes(range(256)) * 64),
		("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500),
		("no end of a head", b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 5000),
		("one endless line", b"GET /" + b"a" * 100000),
		("a body too long", post + b"Content-Length: 98305\r\n\r\n" + b"x" * 1000),
		("a length beyond numbers", post + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n"),
		("a negative length", post + b"Content-Length: -1\r\n\r\n"),
		("two lengths", post + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
		("chunks", post + b"Transfer-Encoding: chunked\r\n\r\n5\r\nold 0\r\n0\r\n\r\n"),
		("bare newlines", b"POST /add-checkpoint HTTP/1.1\nContent-Length: 0\n\n"),
		("another path", b"POST /../../etc/passwd HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
		("another method", b"GET /add-checkpoint HTTP/1.1\r\n\r\n"),
		("an empty body", post + b"Content-Length: 0\r\n\r\n"),
		("zeros for a body", post + b"Content-Length: 98304\r\n\r\n" + b"\0" * 98304),
		("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	]:
		s = reach(url)
		try:
			s.sendall(data)
		except OSError:
			pass
		tell(words, s)
	s = reach(url)  # two requests in one packet, two answers
	s.sendall((post + b"Content-Length: 0\r\n\r\n") * 2)
	time.sleep(0.5)
	print("two at once: %d answers" % s.recv(65536).count(b"HTTP/1.1 400"))
	s.close()
	s = reach(url)  # byte by byte
	for b in post + b"Content-Length: 0\r\n\r\n":
		s.sendall(bytes([b]))
	tell("byte by byte", s)
	s = reach(url)  # gone before the answer
	s.sendall(post + b"Content-Length: 0\r\n\r\n")
	s.close()
	s = reach(url)  # the request never ends, though bytes come
	s.sendall(post + b"Content-Length: 1000\r\n\r\n")
	s.settimeout(0.5)
	began, data = time.monotonic(), b""
	while time.monotonic() - began < 60 and not data:
		try:
			s.sendall(b"x")
			data = s.recv(4096)
		except socket.timeout:
			pass
		except OSError:
			break
	print("a trickle: " + data.split(b"\r\n")[0].decode("latin-1"))


def main():
	if sys.argv[1] == "serve":
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Witness)
		server.daemon_threads = True
		print("http://127.0.0.1:%d" % server.server_address[1], flush=True)
		server.serve_forever()
	elif sys.argv[1] == "attack":
		attack(sys.argv[2])
	else:
		crowd = [reach(sys.argv[2]) for _ in range(200)]
		for s in crowd[::2]:
			s.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Le")
		print("here", flush=True)
		sys.stdin.read()


main()
