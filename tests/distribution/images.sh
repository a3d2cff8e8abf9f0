#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every image of the distribution does what it is for, and weighs what it may.
# usage: tests/distribution/run.sh BUILD images.sh; with IMAGES="nginx redis" only these
set -u
. "$(dirname "$0")/lib.sh"

# What every image promises.
promises() {
	ok "$1 verifies" "$KILN_BUILD/kiln" -C "$KILN_WS" --ground final verify "out/images/$1"
	assert_eq "$1: it starts by number, not as root" yes "$(config "$1" | jq -r 'if .User | test("^[1-9][0-9]*(:[1-9][0-9]*)?$") then "yes" else .User end')"
	assert_eq "$1: it says on what its packages stand" yes "$(config "$1" | jq -r '.Labels["kiln.ground"] | if . and . != "seed" then "yes" else . end')"
	unpack "$1"
	assert_eq "$1: no file becomes another account" "" "$(find "$scratch/$1/rootfs" -xdev -perm /6000 -type f)"
	case $1 in
	debug | postgres) ;;
	*) assert_eq "$1: no shell is in it" "" "$(find "$scratch/$1/rootfs" -name '*sh' \( -type f -o -type l \) -path '*bin/*')" ;;
	esac
	echo "# $1: $(size "$1") bytes compressed, $(find "$scratch/$1/rootfs" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }') unpacked"
	case $1 in
	base) assert_below "base has at most 6 MB" 6000001 "$(size base)" ;;
	nginx) assert_below "nginx has at most 9 MB" 9000001 "$(size nginx)" ;;
	python) assert_below "python has at most 18 MB" 18000001 "$(size python)" ;;
	esac
}

try_base() {
	cat >"$scratch/app.c" <<'E'
#include <dirent.h>
#include <errno.h>
#include <iconv.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	time_t t = 1750000000;
	char text[64];
	struct passwd *p = getpwuid(getuid());
	FILE *ca = fopen(getenv("SSL_CERT_FILE"), "r");
	struct addrinfo *a;
	setenv("TZ", "Europe/Berlin", 1);
	strftime(text, sizeof(text), "%H:%M %Z", localtime(&t));
	printf("%s %s %s %s %s\n", p ? p->pw_name : "?", text, ca ? "certificates" : "-",
	       getaddrinfo("localhost", "80", NULL, &a) == 0 ? "localhost" : "-", fopen("/x", "w") || errno != EROFS ? "written" : "read-only");
	return 0;
}
E
	ok "a C program" gcc -O2 -o "$scratch/app" "$scratch/app.c"
	mount_at base "$scratch" /mnt
	ok "base runs it" run base /mnt/app
	same "with accounts, time zones, certificates, names and a root that cannot be written" "$(cat "$scratch/out")" \
		"nonroot 17:06 CEST certificates localhost read-only"
}

try_cc() {
	cat >"$scratch/app.cc" <<'E'
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
int main()
{
	std::vector<std::future<int>> all;
	for (int i = 0; i < 8; i++)
		all.push_back(std::async(std::launch::async, [i]() -> int { if (i == 5) throw std::runtime_error("thrown in a thread"); return i; }));
	int sum = 0;
	for (auto &f : all)
		try { sum += f.get(); } catch (const std::exception &e) { std::cout << e.what() << '\n'; }
	std::cout << "sum " << sum << '\n';
}
E
	ok "a C++ program" g++ -O2 -pthread -o "$scratch/app++" "$scratch/app.cc"
	mount_at cc "$scratch" /mnt
	ok "cc runs it" run cc /mnt/app++
	same "with exceptions out of threads" "$(cat "$scratch/out")" "thrown in a thread
sum 23"
}

try_python() {
	cat >"$scratch/app.py" <<'E'
import bz2, ctypes, curses, decimal, hashlib, lzma, os, readline, socket, sqlite3, ssl, sys, threading, uuid, zlib, zoneinfo
assert os.getuid() == 65532
db = sqlite3.connect("/tmp/db")
db.execute("create table t(a integer, b text)")
db.executemany("insert into t values(?, ?)", [(i, str(i)) for i in range(1000)])
print("sql", db.execute("select sum(a), count(distinct b) from t").fetchone())
print("roots", ssl.create_default_context().cert_store_stats()["x509_ca"] > 100)
for m in bz2, lzma, zlib:
    assert m.decompress(m.compress(b"kiln" * 1000)) == b"kiln" * 1000
print("zone", zoneinfo.ZoneInfo("Europe/Berlin").key)
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain("/mnt/tls/cert.pem", "/mnt/tls/key.pem")
listener = socket.create_server(("127.0.0.1", 0))
def serve():
    for _ in range(2):
        try:
            with server.wrap_socket(listener.accept()[0], server_side=True) as s:
                s.sendall(b"hello")
        except ssl.SSLError:
            pass
threading.Thread(target=serve, daemon=True).start()
def fetch(context):
    with context.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname="localhost") as s:
        return s.version(), s.recv(5)
print("tls", *fetch(ssl.create_default_context(cafile="/mnt/tls/ca.pem")))
try:
    fetch(ssl.create_default_context())
except ssl.SSLCertVerificationError:
    print("stranger refused")
cached = sum(m.__cached__ is not None and os.path.exists(m.__cached__) for m in list(sys.modules.values()) if getattr(m, "__cached__", None))
wanted = sum(1 for m in list(sys.modules.values()) if getattr(m, "__cached__", None))
print("compiled", cached == wanted > 30)
E
	chmod 644 "$scratch/tls/key.pem" "$scratch/app.py"
	mount_at python "$scratch" /mnt
	ok "python runs a program" run python /usr/bin/python3 /mnt/app.py
	same "with ssl, sqlite3, every compression, time zones and compiled modules" "$(cat "$scratch/out")" "sql (499500, 1000)
roots True
zone Europe/Berlin
tls TLSv1.3 b'hello'
stranger refused
compiled True"
}

try_nginx() {
	ok "nginx starts" start nginx
	[ -n "$pid" ] || return
	if until_true beside curl -fsS http://127.0.0.1:8080/; then pass "it listens"; else fail "it listens" "$(cat "$scratch/nginx.log")"; fi
	unprivileged nginx
	assert_contains "it serves a page over loopback" "Welcome to nginx" "$(beside curl -fsS http://127.0.0.1:8080/ 2>&1)"
	assert_eq "and only what is there" 404 "$(beside curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/none)"
	ok "it ends at its signal" stop nginx
	assert_contains "what was asked is on its output" '"GET /none HTTP/1.1" 404' "$(cat "$scratch/nginx.log")"
}

try_redis() {
	ok "redis starts" start redis
	[ -n "$pid" ] || return
	until_true inside redis redis-cli ping
	assert_eq "it answers PING" PONG "$(inside redis redis-cli ping 2>&1)"
	unprivileged redis
	assert_eq "it keeps" OK "$(inside redis redis-cli set kiln fired 2>&1)"
	assert_eq "and saves" OK "$(inside redis redis-cli save 2>&1)"
	ok "it ends at its signal" stop redis
	ok "it starts again" start redis
	until_true inside redis redis-cli ping
	assert_eq "and has it still" fired "$(inside redis redis-cli get kiln 2>&1)"
	beside ip addr add 192.0.2.1/32 dev lo
	assert_contains "who asks from elsewhere is refused without a password" DENIED "$(inside redis redis-cli -h 192.0.2.1 ping 2>&1)"
	stop redis >/dev/null 2>&1
}

try_postgres() {
	sql() { inside postgres psql -h /tmp -d postgres -Atc "$1" 2>&1; }
	ok "postgres starts" start postgres
	[ -n "$pid" ] || return
	if until_true sql 'select 1'; then pass "it made its data"; else fail "it made its data" "$(tail -n 20 "$scratch/postgres.log")"; fi
	unprivileged postgres
	sql 'create table t(a int primary key, b text); insert into t select i, md5(i::text) from generate_series(1, 1000) i' >/dev/null
	assert_eq "it runs SQL" "1000|500500|c4ca4238a0b923820dcc509a6f75849b" "$(sql "select count(*), sum(a), min(b) filter (where a = 1) from t")"
	assert_eq "with checksums" on "$(sql 'show data_checksums')"
	assert_contains "nobody comes over the network without a password" "fe_sendauth: no password supplied" \
		"$(inside postgres psql -w -h 127.0.0.1 -d postgres -Atc 'select 1' 2>&1)"
	ok "it ends at its signal" stop postgres
	ok "it starts again" start postgres
	until_true sql 'select 1'
	assert_eq "and has it still" 1000 "$(sql 'select count(*) from t')"
	stop postgres >/dev/null 2>&1
}

try_curl() {
	unshare -n sh -c 'ip link set lo up && exec sleep 600' &
	pid=$!
	until_true beside sh -c 'ip -o link show lo | grep -q UP'
	beside openssl s_server -quiet -accept 8443 -cert "$scratch/tls/cert.pem" -key "$scratch/tls/key.pem" -www </dev/null >/dev/null 2>&1 &
	server=$!
	until_true beside sh -c 'echo | openssl s_client -connect 127.0.0.1:8443 2>/dev/null | grep -q CONNECTED'
	edit curl '(.linux.namespaces[] | select(.type == "network")).path = $path' --arg path "/proc/$pid/ns/net"
	mount_at curl "$scratch/tls" /mnt
	ok "curl talks to a TLS server" run curl /usr/bin/curl -sS --cacert /mnt/ca.pem https://localhost:8443/
	says "and prints what it says" "s_server"
	refused "but not to one that nobody vouches for" 60 "SSL certificate problem" run curl /usr/bin/curl -sS https://localhost:8443/
	ok "curl knows its protocols" run curl /usr/bin/curl --version
	assert_contains "of the web, compressed" "HTTP2" "$(cat "$scratch/out")"
	kill $server $pid 2>/dev/null
	wait $server $pid 2>/dev/null
}

try_debug() {
	ok "debug has a shell and tools" run debug /usr/bin/bash -c 'id -un; ls / | sort | head -n 1; echo kiln | sed s/k/K/ | grep -c K; awk "BEGIN { print 6 * 7 }"
		tar --version | head -n 1 | cut -d" " -f1; openssl version | cut -d" " -f1; curl --version | head -n 1 | cut -d" " -f1
		ps -o pid= -p 1 | tr -d " "; ip -o link show lo | cut -d: -f2 | tr -d " "; touch /x 2>/dev/null || echo read-only'
	same "that work" "$(cat "$scratch/out")" "nonroot
bin
1
42
tar
OpenSSL
curl
1
lo
read-only"
}

tls_server
for image in ${IMAGES:-base cc curl debug nginx postgres python redis}; do
	if [ ! -f "$images/$image/index.json" ]; then
		fail "there is an image $image"
		continue
	fi
	promises "$image"
	pid=
	"try_$image"
done
finish
