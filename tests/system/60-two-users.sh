#!/bin/sh
# The same bytes twice: a second clone at another path, built by an ordinary user with another umask,
# locale and time zone, into a store of its own, under the same key set.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
cd "$top" || exit 2
if [ "$(id -u)" != 0 ]; then
	echo "skip: needs root to become a second user"
	case " ${REQUIRE:-} " in *" all "*|*" root "*) fail "root is required" ;; esac
	done_testing
	exit
fi
ok "the first tree is there" "$kiln" verify out/repo out/images/busybox out/images/static

uid=54321
work=$scratch/a/rather/longer/path
mkdir -p "$work"
chmod 755 "$scratch" "$scratch/a" "$scratch/a/rather" "$scratch/a/rather/longer"
git -c safe.directory='*' clone -q "$top" "$work/clone" || fail "clone"
cp -a "${KILN_KEYS:-$top/.kiln/keys}" "$work/keys"
chown -R $uid:$uid "$work"
as_user() {
	env -i HOME="$work" PATH=/usr/bin:/bin LC_ALL=C.UTF-8 TZ=Pacific/Auckland KILN_KEYS="$work/keys" KILN_STORE="$work/store" \
		setpriv --reuid=$uid --regid=$uid --clear-groups --no-new-privs sh -c 'umask 0077; cd "$1" && shift && exec "$@"' - "$work/clone" "$@"
}
ok "an ordinary user compiles Kiln" as_user make -s -j2 all
ok "an ordinary user fetches" as_user build/kiln fetch
ok "an ordinary user builds" as_user build/kiln build
ok "an ordinary user publishes" as_user build/kiln publish
ok "an ordinary user assembles images" as_user build/kiln image busybox static
ok "an ordinary user verifies" as_user build/kiln verify out/repo out/images/busybox out/images/static

other=$work/clone/out
for f in out/repo/packages/*.rpm out/repo/repodata/*.xml.gz out/repo/repodata/repomd.xml out/repo/repodata/repomd.xml.asc out/repo/inventory.json; do
	ok "identical: ${f##*/}" cmp "$f" "$other/${f#out/}"
done
# Signatures by ECDSA, and what log and clock say of them, are made once in each store; what is signed is the same.
# What a run printed and measured is its own, and which walls a machine gives to whom. A line for each part,
# so that a difference has a name.
payload() {
	python3 -c 'import base64, hashlib, json, sys
s = json.loads(base64.b64decode(json.load(open(sys.argv[1]))["dsseEnvelope"]["payload"]))
p = s["predicate"]
p.get("runDetails", {}).pop("byproducts", None)
p.get("buildDefinition", {}).get("internalParameters", {}).get("chamber", {}).pop("walls", None)
own = ("build.log", "record.json", "used.json")
if "configuration" in p:
    p["configuration"] = [c for c in p["configuration"] if c["name"] not in own]
def parts(path, v, depth):
    if isinstance(v, dict) and depth < 5:
        for k in sorted(v):
            parts(path + "." + k, v[k], depth + 1)
    else:
        print(path, hashlib.sha256(json.dumps(v, sort_keys=True).encode()).hexdigest()[:16])
parts("", s, 0)' "$1"
}
for f in out/repo/packages/*.sigstore.json out/repo/inventory.json.sigstore.json out/images/busybox.attest/provenance.sigstore.json \
	out/images/static.attest/provenance.sigstore.json; do
	same "the same statement: ${f##*/}" "$(payload "$f")" "$(payload "$other/${f#out/}")"
done
for f in kiln.repo keys/trusted_root.json keys/builder.pub keys/log.pub keys/timestamp.pem; do
	ok "identical: $f" cmp "out/repo/$f" "$other/repo/$f"
done
same "the same set of packages" "$(cd "$other/repo/packages" && ls)" "$(cd out/repo/packages && ls)"
for image in busybox static; do
	ok "identical index of $image" cmp "out/images/$image/index.json" "$other/images/$image/index.json"
	same "identical blobs of $image" "$(cd "$other/images/$image/blobs/sha256" && sha256sum ./*)" "$(cd "out/images/$image/blobs/sha256" && sha256sum ./*)"
done
done_testing
