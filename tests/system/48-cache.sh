#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shared cache, with a real nginx: what one machine built another takes, when it trusts the key; every
# lie and every failure of the server is a miss that is named, and the build is right all the same. Also
# proxies and authorities of one's own, for the cache and for fetching. Needs a store that holds the seed.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
tool=$top/tests/system/cache.py
from=${KILN_STORE:-$top/.kiln/store}
from_keys=${KILN_KEYS:-$top/.kiln/keys}
unset KILN_KEYS KILN_CACHE KILN_CACHE_WRITE KILN_CACHE_LOGIN KILN_CACHE_CERT KILN_CACHE_KEY KILN_CACHE_CA
unset http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY all_proxy ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR
for program in nginx tinyproxy; do
	command -v $program >/dev/null && continue
	skip $program "the shared cache"
	finish
done
cd "$scratch" || exit 2
pids=
trap 'kill $pids 2>/dev/null; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT

# ---- a server, two machines ----
mkdir -p ng/ac ng/cas ng/tmp logs
chmod 777 ng ng/ac ng/cas ng/tmp logs
port=$($tool port)
sport=$($tool port)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=our-authority >/dev/null 2>&1
certificate() { # certificate NAME [EXTENSION]
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" >/dev/null 2>&1
	echo "${2:-basicConstraints=CA:FALSE}" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.crt" >/dev/null 2>&1
	chmod 600 "$1.key"
}
certificate server subjectAltName=IP:127.0.0.1,DNS:localhost
certificate writer
printf 'ci:%s\n' "$(openssl passwd -apr1 secret)" >htpasswd
printf 'ci:secret\n' >login
printf 'ci:wrong\n' >login.wrong
chmod 600 login login.wrong
chmod 644 htpasswd
user=
[ "$(id -u)" != 0 ] || user='user www-data;'
dav='dav_methods PUT; create_full_put_path on; dav_access user:rw group:r all:r;'
cat >nginx.conf <<N
$user worker_processes 1; daemon on; pid $scratch/nginx.pid; error_log $scratch/logs/error;
events { worker_connections 128; }
http {
	types {} default_type application/octet-stream; access_log $scratch/logs/access; client_max_body_size 0;
	client_body_temp_path $scratch/ng/tmp; proxy_temp_path $scratch/ng/tmp; fastcgi_temp_path $scratch/ng/tmp;
	uwsgi_temp_path $scratch/ng/tmp; scgi_temp_path $scratch/ng/tmp;
	server {
		listen 127.0.0.1:$port; root $scratch/ng;
		location ~ "^/(ac|cas)/[0-9a-f]{64}\$" { $dav }
		location ~ "^/basic/((ac|cas)/[0-9a-f]{64})\$" { alias $scratch/ng/\$1; $dav
			limit_except GET HEAD { auth_basic cache; auth_basic_user_file $scratch/htpasswd; } }
		location ~ "^/refusing/(cas/[0-9a-f]{64})\$" { alias $scratch/ng/\$1; $dav }
		location ~ "^/refusing/(ac/[0-9a-f]{64})\$" { alias $scratch/ng/\$1; limit_except GET HEAD { deny all; } }
		location /files/ { alias $scratch/files/; }
	}
	server {
		listen 127.0.0.1:$sport ssl; root $scratch/ng; ssl_certificate $scratch/server.crt; ssl_certificate_key $scratch/server.key;
		ssl_client_certificate $scratch/ca.crt; ssl_verify_client optional;
		location ~ "^/(ac|cas)/[0-9a-f]{64}\$" { set \$d "\$request_method\$ssl_client_verify"; if (\$d = "PUTNONE") { return 403; } $dav }
		location /files/ { alias $scratch/files/; }
	}
}
N
chmod 755 "$scratch"
nginx -c "$scratch/nginx.conf" -p "$scratch" -e "$scratch/logs/error" 2>nginx.err || { cat nginx.err; fail "nginx starts"; finish; }
pids="$pids $(cat nginx.pid)"

copy_store "$from" seeded || exit 2
mkdir -p ws/recipes/greet ws/recipes/user ws/images/catalog
cp -a "$top/bootstrap" ws/
grep -v '^ca:' "$top/kiln.yaml" | sed '/^cache:/,$d' >base.yaml
cp base.yaml ws/kiln.yaml
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
heading() {
	printf 'format: 1\nname: %s\nversion: "1"\nrelease: 1\nlicense: MIT\nhomepage: https://example.org/\nepoch: 2026-01-01\nsummary: A test\n' "$1"
}
greet() { # greet WORD
	{
		heading greet
		cat <<R
build:
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/bin"
        printf '#!/bin/sh\necho $1 $salt\n' > "\$DESTDIR/usr/bin/greet"
        chmod 755 "\$DESTDIR/usr/bin/greet"
R
	} >ws/recipes/greet/recipe.yaml
}
greet hello
{
	heading user
	cat <<'R'
build:
  needs: [greet]
  steps:
    - name: make
      run: |
        mkdir -p "$DESTDIR/usr/share/user"
        greet > "$DESTDIR/usr/share/user/said"
R
} >ws/recipes/user/recipe.yaml
for who in ci me; do
	KILN_KEYS=$scratch/keys.$who "$kiln" -C ws key init >/dev/null 2>&1
done
cp keys.ci/builder.pub ci-builder.pub
cache() { # cache LINE...: what kiln.yaml says of it
	{
		cat base.yaml
		printf 'cache:\n'
		printf '  %s\n' "$@"
	} >ws/kiln.yaml
}
as() { # as WHO STORE COMMAND...: under the keys of WHO
	who=$1 store=$2
	shift 2
	KILN_KEYS=$scratch/keys.$who KILN_STORE=$scratch/$store "$kiln" -C ws "$@"
}
key() { sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' "$1/refs/last/$2"; } # key STORE RECIPE
files() { # files STORE RECIPE: digests of its packages
	grep -o '"file":"[0-9a-f]*","header"' "$1/refs/action/$(key "$1" "$2")" | sort
}
count() { grep -o "\"$1\":[0-9]*" out | tail -n 1 | sed 's/.*://'; } # count WORD: in the JSON of the last command
open="url: http://127.0.0.1:$port"
trusting="keys: [$scratch/ci-builder.pub]"

# ---- one builds, another takes ----
cp -a --reflink=auto seeded ci
cache "$open" "write: true"
ok "CI builds" as ci ci build user
says "two recipes" "2 built"
says "and sends both" "2 sent, 0 not sent"
G=$(key ci greet) U=$(key ci user)
same "entries are under the action keys" "$(ls ng/ac | sort | tr '\n' ' ')" "$(printf '%s\n' "$G" "$U" | sort | tr '\n' ' ')"
$tool show ng "$G" >entry
same "an entry lists whatever proves it" "$(awk '{print $1}' entry | tr '\n' ' ')" \
	"action.json build.log bundle.json packages/greet-1-1.x86_64.rpm record.json result.json statement.json "
bad=$(cd ng/cas && sha256sum ./* | awk '{ sub("./", "", $2); if ($1 != $2) print $2 }')
same "every blob has its digest for a name" "$bad" ""
cp -a ng good
greetings=$(files ci greet) uses=$(files ci user)

cp -a --reflink=auto seeded me
cache "$open" "$trusting"
ok "another machine asks what would be built" as me me build --dry-run user
says "it would be served" "greet: would be served from the shared cache"
says "and so would what needs it" "user: would be served from the shared cache"
same "nothing of it was taken" "$(ls me/refs/action/"$G" 2>/dev/null)" ""
ok "it builds" as me me build user --json
same "nothing at all" "$(count built) $(count hits)" "0 2"
assert_contains "and says whose work it uses" "from the shared cache, built under key SHA256:" "$(cat out err)"
same "the packages are CI's" "$(files me greet) $(files me user)" "$greetings $uses"
for what in bundle.json statement.json record.json build.log action.json; do
	hex=$($tool show ng "$U" | awk -v p=$what '$1 == p {print $2}')
	ok "$what is there as CI made it" cmp "ng/cas/$hex" "me/blobs/$(echo "$hex" | cut -c1-2)/$hex"
done
ok "its store is sound" as me me store check
ok "again without a cache" as me me build --no-cache user
says "has nothing to do: it lies in the store" "nothing to build"
cache none
rm -rf ws/.kiln
ok "without the key" as me me build user
says "it counts no longer" "2 built"
same "what was built instead is the same" "$(files me greet) $(files me user)" "$greetings $uses"

# ---- every lie ----
# The store forgets what it knew of both recipes; the server gets its good files back.
forget() { # forget STORE
	for f in good/cas/* ng/cas/*; do
		hex=${f##*/}
		rm -f "$1/blobs/$(echo "$hex" | cut -c1-2)/$hex"
	done
	rm -rf "$1"/refs/action/"$G" "$1"/refs/action/"$U" "$1"/refs/*/greet "$1"/refs/*/user ws/.kiln
}
fresh() {
	rm -rf ng/ac/* ng/cas/*
	cp -a good/ac good/cas ng/
	forget me
}
blob_of() { $tool show good "$G" | awk -v p="$1" 'index($1, p) {print "ng/cas/" $2}'; }
rpm=$(blob_of packages/)
log=$(blob_of record.json)
lie() { # lie NAME 'reason'
	ok "$1: the build" as me me build user
	assert_contains "$1: is named" "$2" "$(cat err)"
	assert_contains "$1: with the recipe" "cache    greet: entry not taken: " "$(cat err)"
	same "$1: the packages are right" "$(files me greet) $(files me user)" "$greetings $uses"
}
cache "$open" "$trusting" "timeout: 60s"
fresh
chmod u+w "$rpm"
printf 'X' | dd of="$rpm" bs=1 seek=100 conv=notrunc 2>/dev/null
lie "wrong bytes" "packages/greet-1-1.x86_64.rpm holds other bytes: their sha256 is "
fresh
truncate -s 500 "$rpm"
lie "a truncated blob" "packages/greet-1-1.x86_64.rpm has 500 bytes, the entry says "
fresh
head -c 100 /dev/zero >>"$rpm"
lie "a blob that is too long" "packages/greet-1-1.x86_64.rpm is longer than the "
fresh
rm "$rpm"
lie "an evicted package" "packages/greet-1-1.x86_64.rpm is gone from the cache"
fresh
rm "$log"
lie "an evicted record" "record.json is gone from the cache"
fresh
cp ng/ac/"$U" ng/ac/"$G"
lie "the entry of another key" "the statement speaks of action $U"
for how in "no-bundle:the entry has no bundle.json" "no-result:the entry has no result.json" \
	"no-package:the entry does not list packages/greet-1-1.x86_64.rpm" "no-json:result.json is no result" \
	"bad-signature:bundle: " "no-signature:bundle: " "facts:the facts of the packages are not those of the statement" \
	"other-log:log or record are not those of the statement" "size:packages/greet-1-1.x86_64.rpm has 4294967296 bytes in the entry, the statement says " \
	"huge-size:of the entry is malformed" "path:of the entry is malformed" "garbage:the entry is no ActionResult" \
	"html:the entry is no ActionResult" "empty:the entry is no ActionResult" "long:more than 1048576 bytes came"; do
	fresh
	$tool forge ng "$G" "${how%%:*}"
	lie "${how%%:*}" "${how#*:}"
done
fresh
for how in environment purl; do
	fresh
	$tool forge ng "$U" $how
	ok "$how: the build" as me me build user
	assert_contains "$how: is named" "cache    user: entry not taken: " "$(cat err)"
	same "$how: the packages are right" "$(files me greet) $(files me user)" "$greetings $uses"
done
fresh
cache "$open"
lie "a key that is not trusted" "bundle: "
ok "after all these lies the store is sound" as me me store check
# An older entry of the same recipe, under the key it has now.
cp -a --reflink=auto seeded ci2
fresh
greet goodbye
cache "$open" "write: true"
ok "CI builds a change" as ci ci2 build greet
new=$(key ci2 greet)
greetings_now=$(files ci2 greet)
cp ng/ac/"$G" ng/ac/"$new"
cache "$open" "$trusting"
forget me
ok "a replayed entry: the build" as me me build greet
assert_contains "a replayed entry: is named" "greet: entry not taken: the statement speaks of action $G" "$(cat err)"
same "a replayed entry: the package is right" "$(files me greet)" "$greetings_now"
# Whoever writes repairs what lied.
forget ci2
rm -f ci2/refs/action/"$new" ci2/refs/*/greet
for f in $($tool show ng "$new" | awk '{print $2}'); do rm -f "ci2/blobs/$(echo "$f" | cut -c1-2)/$f"; done
cache "$open" "write: true"
ok "CI meets the lie" as ci ci2 build greet
says "and sends again" "1 sent"
cache "$open" "$trusting"
forget me
rm -f me/refs/action/"$new" me/refs/*/greet
ok "then" as me me build greet --json
same "it is served" "$(count built) $(count hits)" "0 1"
greet hello

# ---- a server that fails ----
failing() { # failing NAME 'words' [TIMEOUT]: a server of cache.py
	fresh
	rm -f port
	$tool serve "$1" "$scratch/ng" "$scratch/port" &
	server=$!
	pids="$pids $server"
	while [ ! -s port ]; do sleep 0.05; done
	cache "url: http://127.0.0.1:$(cat port)" "$trusting" "timeout: 1s" "write: true"
	ok "$1: the build" as me me build user
	says "$1: both are built" "2 built"
	assert_contains "$1: is named" "$2" "$(cat err)"
	same "$1: the packages are right" "$(files me greet) $(files me user)" "$greetings $uses"
	kill $server
	wait $server 2>/dev/null
}
failing hang "greet: no answer: "
assert_contains "hang: what was not sent is told" "2 results were not sent: " "$(cat err)"
failing drip "greet: no answer: "
failing drip-blobs "greet: no answer: result.json: "
failing endless "entry not taken: result.json is longer than the "
failing cut "greet: no answer: "
failing error "greet: no answer: the server answered 500"
failing redirect "greet: no answer: the server answered 302"
failing nonsense "greet: no answer: "
fresh
cache "url: http://127.0.0.1:$($tool port)" "$trusting"
mkdir -p ws/recipes/third ws/recipes/fourth
sed 's/name: greet/name: third/; s/greet/third/' ws/recipes/greet/recipe.yaml >ws/recipes/third/recipe.yaml
sed 's/name: greet/name: fourth/; s/greet/fourth/' ws/recipes/greet/recipe.yaml >ws/recipes/fourth/recipe.yaml
ok "nobody listens: the build" as me me build
says "nobody listens: all are built" "4 built"
assert_contains "nobody listens: is asked no more" "the shared cache is not asked again in this run" "$(cat err)"
same "nobody listens: the packages are right" "$(files me greet) $(files me user)" "$greetings $uses"
rm -rf ws/recipes/third ws/recipes/fourth

# ---- who may write ----
absent() { same "$1: no entry lies there" "$(ls ng/ac)" ""; }
empty() {
	rm -rf ng/ac/* ng/cas/*
	forget ci
}
certain="ca: $scratch/ca.crt"
empty
cache "url: https://127.0.0.1:$sport" "$certain" "write: true"
ok "without a certificate: the build" as ci ci build user
assert_contains "without a certificate: is refused" "2 results were not sent: greet: " "$(cat err)"
assert_contains "without a certificate: by the server" "the server answered 403" "$(cat err)"
absent "without a certificate"
empty
cache "url: https://127.0.0.1:$sport" "$certain" "write: true" "client_cert: $scratch/writer.crt" "client_key: $scratch/writer.key"
ok "with a certificate: the build" as ci ci build user
says "with a certificate: both are sent" "2 sent, 0 not sent"
forget me
cache "url: https://127.0.0.1:$sport" "$certain" "$trusting"
ok "whoever reads needs none" as me me build user --json
same "and is served" "$(count built) $(count hits)" "0 2"
forget me
cache "url: https://127.0.0.1:$sport" "$trusting"
ok "an authority that is not trusted: the build" as me me build user
says "an authority that is not trusted: all is built" "2 built"
assert_contains "an authority that is not trusted: is named" "certificate" "$(cat err)"
forget me
ok "SSL_CERT_FILE" env SSL_CERT_FILE="$scratch/ca.crt" sh -c 'KILN_KEYS=$1/keys.me KILN_STORE=$1/me "$2" -C ws build user --json' - "$scratch" "$kiln"
same "is heeded" "$(count built) $(count hits)" "0 2"

empty
cache "url: http://127.0.0.1:$port/basic" "write: true"
ok "without a password: the build" as ci ci build user
assert_contains "without a password: is refused" "the server answered 401" "$(cat err)"
absent "without a password"
empty
KILN_CACHE_LOGIN=$scratch/login.wrong
export KILN_CACHE_LOGIN
ok "with a wrong password: the build" as ci ci build user
assert_contains "with a wrong password: is refused" "the server answered 401" "$(cat err)"
absent "with a wrong password"
empty
KILN_CACHE_LOGIN=$scratch/login
ok "with the password: the build" as ci ci build user
says "with the password: both are sent" "2 sent, 0 not sent"
empty
chmod 644 login
ok "a password that others may read: the build" as ci ci build user
assert_contains "a password that others may read: is not used" "others may read '$scratch/login'" "$(cat err)"
absent "a password that others may read"
unset KILN_CACHE_LOGIN
refused "a password in the address" 1 "an address without a password" env KILN_CACHE=http://ci:secret@127.0.0.1/ "$kiln" -C ws build --dry-run
refused "a password in the clear" 1 "would travel unprotected" env KILN_CACHE=http://cache.invalid KILN_CACHE_LOGIN="$scratch/login" "$kiln" -C ws build --dry-run
cache "$open" "keys: [nowhere.pub]"
refused "a key that is not there" 1 "kiln.yaml: cache.keys" as me me build user
cache "$open" "ca: nowhere.crt"
refused "authorities that are not there" 1 "nowhere.crt" as me me build user
ok "but not without the cache" as me me build --no-cache user

# What the server refuses leaves no half entry: blobs yes, the entry that names them no.
empty
cache "url: http://127.0.0.1:$port/refusing" "write: true"
ok "an entry is refused: the build" as ci ci build user
assert_contains "an entry is refused: is told" "results were not sent" "$(cat err)"
absent "an entry is refused"
cache "$open"
ok "push" as ci ci store push user
says "sends what was not" "sent 2 results"
forget me
cache "$open" "$trusting"
ok "and then" as me me build user --json
same "it is served" "$(count built) $(count hits)" "0 2"
# Many at once, killed in the middle of sending: whatever entry lies there is whole.
empty
cache "$open" "write: true"
ok "CI builds" as ci ci build user
empty_server() { rm -rf ng/ac/* ng/cas/*; }
torn=
for pause in 0.02 0.04 0.06 0.08 0.1 0.12; do
	empty_server
	KILN_KEYS=$scratch/keys.ci KILN_STORE=$scratch/ci "$kiln" -C ws store push user >/dev/null 2>&1 &
	pushing=$!
	sleep $pause
	kill -9 $pushing 2>/dev/null
	wait $pushing 2>/dev/null
	sleep 0.2
	for entry in ng/ac/*; do
		[ -e "$entry" ] || continue
		$tool show ng "${entry##*/}" | while read -r path hex size; do
			[ "$(sha256sum <ng/cas/"$hex" | cut -c1-64)" = "$hex" ] || echo "$pause $path $size"
		done >torn
		torn="$torn$(cat torn)"
	done
done
same "a killed sender leaves no torn entry" "$torn" ""

# ---- the local store: a result planted under another key ----
cache none
forget me
ok "a build" as me me build user
cp me/refs/action/"$U" planted
plant() { # plant FILE: with whatever was remembered of it forgotten, or not
	rm -f me/refs/action/"$G"
	cp "$1" me/refs/action/"$G"
}
sed "s/\"action\":\"$U\"/\"action\":\"$G\"/" planted >resealed
for what in planted resealed; do
	plant $what
	rm -rf ws/.kiln
	ok "the result of another recipe, $what: the build" as me me build --why greet
	says "does not take it" "1 built"
	same "and makes what is right" "$(files me greet)" "$greetings"
done
# The memory of the last run says that greet is decided; its result is read when user is built anew.
cat resealed >me/refs/action/"$G"
sed -i 's/^release: 1/release: 2/' ws/recipes/user/recipe.yaml
refused "planted behind the memory's back: the build above it" 1 "the result of recipe greet in the store was exchanged" as me me build user
ok "and again" as me me build user
says "both are built" "2 built"
same "greet is itself" "$(files me greet)" "$greetings"
sed -i 's/^release: 2/release: 1/' ws/recipes/user/recipe.yaml
# A whole result of a stranger, whose statement does name this action.
forget me
ok "a stranger builds" as ci me build greet
ok "we come after: the build" as me me build --why greet
says "does not take it" "1 built"
assert_contains "and says why" "signed by another builder key" "$(cat err)"

# ---- proxies and authorities for what is fetched, too ----
mkdir files ws/recipes/far
echo "$salt" >files/data
pport=$($tool port)
cat >tinyproxy.conf <<T
Port $pport
Listen 127.0.0.1
Timeout 60
LogFile "$scratch/logs/proxy"
LogLevel Info
PidFile "$scratch/tinyproxy.pid"
MaxClients 50
Allow 127.0.0.1
ConnectPort $sport
T
touch logs/proxy
chmod 666 logs/proxy
tinyproxy -d -c "$scratch/tinyproxy.conf" >/dev/null 2>&1 &
pids="$pids $!"
far() { # far URL
	{
		heading far
		cat <<R
sources:
  - {url: "$1", sha256: $(sha256sum <files/data | cut -c1-64), unpack: false}
build:
  steps:
    - name: make
      run: mkdir -p "\$DESTDIR/usr/share/far"
R
	} >ws/recipes/far/recipe.yaml
	hex=$(sha256sum <files/data | cut -c1-64)
	rm -f "me/blobs/$(echo "$hex" | cut -c1-2)/$hex"
}
fetch() { as me me fetch far; }
wait_for_proxy() { i=0; while [ $i -lt 100 ] && ! python3 -c "import socket; socket.create_connection(('127.0.0.1', $pport))" 2>/dev/null; do i=$((i + 1)); sleep 0.1; done; }
wait_for_proxy
cp base.yaml ws/kiln.yaml
far "https://127.0.0.1:$sport/files/data"
refused "a server of an unknown authority" 1 "certificate" fetch
ok "SSL_CERT_FILE" env SSL_CERT_FILE="$scratch/ca.crt" KILN_KEYS="$scratch/keys.me" KILN_STORE="$scratch/me" "$kiln" -C ws fetch far
far "https://127.0.0.1:$sport/files/data"
echo "ca: $scratch/ca.crt" >>ws/kiln.yaml
ok "ca: of kiln.yaml" fetch
far "https://127.0.0.1:$sport/files/data"
: >logs/proxy
https_proxy=http://127.0.0.1:$pport
export https_proxy
ok "https_proxy" fetch
assert_contains "is used" "CONNECT 127.0.0.1:$sport" "$(cat logs/proxy)"
far "https://127.0.0.1:$sport/files/data"
: >logs/proxy
no_proxy=127.0.0.1
export no_proxy
ok "no_proxy" fetch
assert_lacks "is heeded" "CONNECT" "$(cat logs/proxy)"
unset no_proxy
fresh
: >logs/proxy
cache "url: https://127.0.0.1:$sport" "$certain" "$trusting"
ok "the cache through the proxy" as me me build user --json
same "serves" "$(count built) $(count hits)" "0 2"
assert_contains "through the proxy" "CONNECT 127.0.0.1:$sport" "$(cat logs/proxy)"
unset https_proxy
fresh
: >logs/proxy
http_proxy=http://127.0.0.1:$pport
export http_proxy
cache "$open" "$trusting"
ok "http_proxy" as me me build user --json
same "serves" "$(count built) $(count hits)" "0 2"
assert_contains "through the proxy" "/ac/$G" "$(cat logs/proxy)"
http_proxy=http://127.0.0.1:$($tool port)
fresh
ok "a proxy that is down: the build" as me me build user
says "a proxy that is down: all is built" "2 built"
unset http_proxy
rm -rf ws/recipes/far

# ---- everything that the workspace has built, on a machine that has built nothing ----
if [ -n "$(ls "$from/refs/last" 2>/dev/null)" ] && [ -f "$from_keys/builder.pub" ]; then
	rm -rf all
	cp -a "$top/recipes" all.recipes
	mkdir -p all/images/catalog
	cp -a "$top/bootstrap" all/
	mv all.recipes all/recipes
	{ cat base.yaml; printf 'cache:\n  %s\n  keys: [%s]\n' "$open" "$from_keys/builder.pub"; } >all/kiln.yaml
	both() { # both KEYS STORE COMMAND...
		them=$1 store=$2
		shift 2
		KILN_KEYS=$them KILN_STORE=$scratch/$store "$kiln" -C all "$@"
	}
	rm -rf ng/ac/* ng/cas/*
	both "$from_keys" seeded build --dry-run --json >out 2>err
	if [ "$(count built)" = 0 ]; then
		ok "everything is sent" both "$from_keys" seeded store push
		for f in ng/cas/*; do hex=${f##*/}; rm -f "seeded/blobs/$(echo "$hex" | cut -c1-2)/$hex"; done
		rm -rf seeded/refs/action seeded/refs/last seeded/refs/run all/.kiln
		n=$(ls all/recipes | wc -l)
		ok "a machine that has built nothing" both "$scratch/keys.me" seeded build --json
		same "builds nothing" "$(count built) $(count failed)" "0 0"
		same "and takes everything" "$(count hits)" "$(ls ng/ac | wc -l)"
		assert_lacks "no chamber ran" '"event":"started"' "$(cat out)"
	else
		skip built "a whole set from the cache: $from has not all of it built"
	fi
else
	skip built "a whole set from the cache: $from has built nothing"
fi
done_testing
