#!/bin/sh
# Stock clients judge what the workspace makes: rpm, dnf, zypper, gpgv, skopeo, umoci. Builds what is
# not built yet (the store makes that nothing on a second run).
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
repo=$top/out/repo
cd "$top" || exit 2

ok "build" "$kiln" build
ok "publish" "$kiln" publish
ok "images" "$kiln" image busybox static
ok "verify, offline" "$kiln" verify out/repo out/images/busybox out/images/static
ok "build again" "$kiln" build
says "a second build builds nothing and says so" "nothing to build"
ok "publish again" "$kiln" publish
says "a second publish changes nothing" "unchanged"

# --- packages: rpm ---
db=$scratch/keys
ok "rpm imports the exported key" rpmkeys --dbpath "$db" --import "$repo/keys/packages.asc"
for f in "$repo"/packages/*.rpm; do
	ok "rpmkeys accepts ${f##*/}" rpmkeys --dbpath "$db" --define '_pkgverify_level all' -Kv "$f"
	if grep -q 'NOT\|NOKEY\|BAD' "$scratch/out"; then fail "rpmkeys says only OK of ${f##*/}" "$(cat "$scratch/out")"; fi
done
zlib=$(ls "$repo"/packages/zlib-[0-9]*.rpm)
ok "rpm lists provides" rpm -qp --provides "$zlib"
says "zlib provides its soname" "libz.so.1()(64bit)"
ok "rpm lists requires" rpm -qp --requires "$zlib"
says "zlib requires musl's library" "libc.so()(64bit)"
ok "rpm reads the header" rpm -qip "$zlib"
says "the header has the licence" "Zlib"
root=$scratch/root
mkdir -p "$root"
ok "rpm installs a set into a root" rpm -i --root "$root" --dbpath /usr/lib/sysimage/rpm --define '_pkgverify_level digest' \
	"$repo"/packages/baselayout-*.rpm "$repo"/packages/musl-[0-9]*.rpm "$zlib" "$repo"/packages/busybox-*.rpm
ok "rpm verifies every file of it" rpm -V --root "$root" --dbpath /usr/lib/sysimage/rpm baselayout musl zlib busybox
same "rpm -V is silent" "$(cat "$scratch/out")" ""
if [ "$(id -u)" = 0 ]; then
	ok "the installed shell answers" chroot "$root" /bin/sh -c 'echo answer'
	says "it says what it was told" answer
fi

# --- repository: gpgv, dnf, zypper ---
ok "the metadata key is a keyring" sh -c 'gpg --batch --dearmor <"$1" >"$2"' - "$repo/keys/metadata.asc" "$scratch/metadata.gpg"
ok "gpgv accepts repomd.xml.asc" gpgv --keyring "$scratch/metadata.gpg" "$repo/repodata/repomd.xml.asc" "$repo/repodata/repomd.xml"
dnf_install() { # dnf_install TREE ROOT
	cat >"$scratch/dnf.repo" <<R
[kiln]
name=Kiln
baseurl=file://$1
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file://$repo/keys/packages.asc file://$repo/keys/metadata.asc
R
	rm -rf "$scratch/dnfcache"
	dnf -y --installroot "$2" --releasever 1 --forcearch x86_64 --setopt=reposdir="$scratch/none" --setopt=cachedir="$scratch/dnfcache" \
		--setopt=install_weak_deps=0 --config "$scratch/dnf.conf" --repofrompath="kiln,file://$1" --setopt=kiln.gpgcheck=1 \
		--setopt=kiln.repo_gpgcheck=1 --setopt=kiln.gpgkey="file://$repo/keys/packages.asc file://$repo/keys/metadata.asc" \
		--disablerepo='*' --enablerepo=kiln install busybox zlib musl-gcc file
}
printf '[main]\nplugins=0\n' >"$scratch/dnf.conf"
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$scratch/dnfroot" "$scratch/none"
	ok "dnf installs busybox and zlib with gpgcheck and repo_gpgcheck" dnf_install "$repo" "$scratch/dnfroot"
	ok "what dnf installed is there" test -e "$scratch/dnfroot/usr/bin/busybox" -a -e "$scratch/dnfroot/usr/lib/libz.so.1"
	cp -a "$repo" "$scratch/bad"
	f=$(ls "$scratch"/bad/packages/busybox-*.rpm)
	printf 'X' | dd of="$f" bs=1 seek=20000 conv=notrunc 2>/dev/null
	mkdir -p "$scratch/dnfbad"
	if dnf_install "$scratch/bad" "$scratch/dnfbad" >"$scratch/out" 2>&1; then fail "dnf refuses a changed package"; else pass "dnf refuses a changed package"; fi
	rm -rf "$scratch/bad" && cp -a "$repo" "$scratch/bad"
	sed -i 's/<revision>/<revision>1/' "$scratch/bad/repodata/repomd.xml"
	if dnf_install "$scratch/bad" "$scratch/dnfbad" >"$scratch/out" 2>&1; then fail "dnf refuses changed metadata"; else pass "dnf refuses changed metadata"; fi
fi
cp "$repo/repodata/repomd.xml" "$scratch/repomd.xml"
echo >>"$scratch/repomd.xml"
if gpgv --keyring "$scratch/metadata.gpg" "$repo/repodata/repomd.xml.asc" "$scratch/repomd.xml" >"$scratch/out" 2>&1; then
	fail "gpgv refuses changed metadata"
else
	pass "gpgv refuses changed metadata"
fi

# --- image: skopeo, umoci, rpm ---
image=$top/out/images/busybox
ok "skopeo inspects the layout" skopeo inspect "oci:$image"
says "skopeo sees one amd64 linux image" '"Architecture": "amd64"'
ok "skopeo copies it, checking every digest" skopeo copy --insecure-policy "oci:$image" "oci:$scratch/copy:latest"
tag=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["manifests"][0].get("annotations",{}).get("org.opencontainers.image.ref.name",""))' "$image/index.json")
rootless=
[ "$(id -u)" = 0 ] || rootless=--rootless
ok "umoci unpacks it" umoci unpack $rootless --image "$image:$tag" "$scratch/bundle"
ok "rpm lists the image's packages" rpm -qa --root "$scratch/bundle/rootfs" --dbpath /usr/lib/sysimage/rpm
says "busybox is among them" busybox-
ok "rpm verifies the image's files" rpm -Va --root "$scratch/bundle/rootfs" --dbpath /usr/lib/sysimage/rpm ${rootless:+--nouser --nogroup}
if [ "$(id -u)" = 0 ]; then
	ok "the image's shell answers" chroot "$scratch/bundle/rootfs" /bin/sh -c 'echo answer; id -u'
	says "and says what it was told" answer
fi
done_testing
