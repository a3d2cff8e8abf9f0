#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What dnf installs from our repository into an empty root runs there.
# usage: tests/distribution/run.sh BUILD packages.sh
set -u
. "$(dirname "$0")/lib.sh"
repo=$KILN_WS/out/repo
root=$scratch/box/rootfs
mkdir -p "$root" "$scratch/none"
printf '[main]\nplugins=0\n' >"$scratch/dnf.conf"
ok "dnf installs a shell, Python, curl and the compilers into an empty root" dnf -y --installroot "$root" --releasever 1 --forcearch x86_64 \
	--setopt=reposdir="$scratch/none" --setopt=cachedir="$scratch/cache" --setopt=install_weak_deps=0 --config "$scratch/dnf.conf" \
	--repofrompath="kiln,file://$repo" --setopt=kiln.gpgcheck=1 --setopt=kiln.repo_gpgcheck=1 \
	--setopt=kiln.gpgkey="file://$repo/keys/packages.asc file://$repo/keys/metadata.asc" --disablerepo='*' --enablerepo=kiln \
	install baselayout bash ca-certificates coreutils curl gcc openssl python3
ok "rpm finds every file as it should be" rpm -Va --root "$root"
same "and says nothing" "$(cat "$scratch/out")" ""

(cd "$scratch/box" && runc spec)
edit box "$harden"' | .process.user = {uid: 65532, gid: 65532} | .process.cwd = "/tmp" | .process.env = ["PATH=/usr/sbin:/usr/bin", "HOME=/tmp"]'
mount_at box "$scratch" /mnt
box() { run box /usr/bin/bash -euc "$1"; }

ok "bash runs" box 'declare -A a=([x]=1 [y]=2); for i in "${!a[@]}"; do echo "$i${a[$i]}"; done | sort | tr "\n" " "; id -u'
same "as nonroot" "$(cat "$scratch/out")" "x1 y2 65532"

cat >"$scratch/t.c" <<'E'
#include <pthread.h>
#include <stdio.h>
#include <math.h>
static void *half(void *x) { *(double *)x = sqrt(*(double *)x); return x; }
int main(int n, char **v)
{
	pthread_t t;
	double d = 1764.0 * n;
	pthread_create(&t, NULL, half, &d);
	pthread_join(t, NULL);
	printf("%s %.0f\n", v[0] ? "C" : "", d);
}
E
cat >"$scratch/t.cc" <<'E'
#include <iostream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
static std::mutex m;
static std::map<std::string, int> caught;
static void work(int i) { try { throw std::out_of_range(i % 2 ? "odd" : "even"); } catch (const std::logic_error &e) { std::lock_guard<std::mutex> l(m); caught[e.what()]++; } }
int main()
{
	std::vector<std::thread> all;
	for (int i = 0; i < 10; i++) all.emplace_back(work, i);
	for (auto &t : all) t.join();
	for (auto &[k, v] : caught) std::cout << k << v << ' ';
}
E
ok "gcc compiles C with threads" box 'gcc -O2 -pthread -o c /mnt/t.c -lm && ./c'
says "and it runs" "C 42"
ok "g++ compiles C++ with exceptions and threads" box 'g++ -std=c++17 -O2 -pthread -o x /mnt/t.cc && ./x'
says "and it runs" "even5 odd5"
ok "gcc links across files" box 'gcc -O2 -flto -static-libgcc -pthread -o c /mnt/t.c -lm && ./c'
says "and that runs" "C 42"
ok "gcc makes static programs" box 'gcc -O2 -static -pthread -o c /mnt/t.c -lm && ./c'
says "and they run" "C 42"

tls_server
chmod 644 "$scratch/tls/key.pem"
cat >"$scratch/t.py" <<'E'
import http.server, sqlite3, ssl, subprocess, threading
db = sqlite3.connect(":memory:")
print(db.execute("select sqlite_version() > '3', 6 * 7").fetchone())
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page over TLS\n")
    def log_message(self, *a): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/mnt/tls/cert.pem", "/mnt/tls/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"https://localhost:{server.server_port}/"
print(subprocess.run(["curl", "-sS", "--cacert", "/mnt/tls/ca.pem", url], capture_output=True, text=True).stdout, end="")
print(subprocess.run(["curl", "-sS", url], capture_output=True).returncode)
E
ok "Python has SQL and TLS, and serves curl" box 'python3 /mnt/t.py'
same "which believes whom it is told to, and nobody else" "$(cat "$scratch/out")" "(1, 42)
a page over TLS
60"
finish
