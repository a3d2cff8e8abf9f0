#!/bin/sh
# An image that lies in out/images/NAME is judged by tools that have never heard of Kiln, and kiln
# refuses it after one bit changed. The image: $1, or $KILN_IMAGE. Keys, if not the workspace's
# own: $KILN_VERIFY_KEY.
# usage: tests/system/40-image-judges.sh [out/images/NAME]
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$KILN_BUILD/kiln
image=${1:-${KILN_IMAGE:-$top/out/images/busybox}}
work=$SCRATCH

check() { # check SENTENCE COMMAND...
	what=$1
	shift
	if "$@" >"$work/log" 2>&1; then pass "$what"; else fail "$what" "$(tail -n 20 "$work/log")"; fi
}
need() { # need TOOL
	command -v "$1" >/dev/null 2>&1 || { skip "$1" "the image before $1" && return 1; }
}

if [ ! -f "$image/index.json" ]; then
	skip image "an image at $image, which make quickstart leaves"
	finish
fi
image=$(cd "$image" && pwd)
name=$(basename "$image")
root=$work/bundle/rootfs

# --- skopeo reads and copies it; the manifest stays what it is
if need skopeo; then
	check "skopeo inspects the image" skopeo inspect "oci:$image:latest"
	check "skopeo inspects it without a tag, so the layout holds one image" skopeo inspect "oci:$image"
	check "skopeo copies it" skopeo --insecure-policy copy "oci:$image:latest" "dir:$work/copy"
	want=$(sed -n 's/.*"digest":"sha256:\([0-9a-f]*\)".*/\1/p' "$image/index.json")
	have=$(sha256sum <"$work/copy/manifest.json" | cut -d' ' -f1)
	check "the copy has the same manifest" test "$want" = "$have"
fi

# --- umoci unpacks it; rpm reads its database, and every file is as the database says
if need umoci; then
	rootless=
	[ "$(id -u)" = 0 ] || rootless=--rootless
	check "umoci unpacks the image" umoci unpack $rootless --image "$image:latest" "$work/bundle"
	check "os-release names the distribution" grep -q '^ID=' "$root/usr/lib/os-release" "$root/etc/os-release"
	if need rpm; then
		rpm -qa --root "$root" --dbpath /usr/lib/sysimage/rpm >"$work/packages" 2>"$work/errors"
		check "rpm lists the packages of the image" test -s "$work/packages"
		check "rpm has nothing to complain about" test ! -s "$work/errors"
		check "baselayout is among them" grep -q '^baselayout-' "$work/packages"
		check "rpm finds the database where it looks by default" \
			rpm -q baselayout --root "$root" --dbpath /var/lib/rpm
		rpm -Va --root "$root" --dbpath /usr/lib/sysimage/rpm >"$work/changed" 2>&1
		[ -z "$rootless" ] || sed -i '/^.....UG/d; /^.....U/d; /^......G/d' "$work/changed"
		check "no file differs from what its package says" test ! -s "$work/changed"
		[ ! -s "$work/changed" ] || sed 's/^/#   /' "$work/changed" | head -n 20
		# The proof names what the database holds, neither more nor less.
		if need jq; then
			jq -r .dsseEnvelope.payload "$image.attest/provenance.sigstore.json" | base64 -d |
				jq -r '.predicate.buildDefinition.resolvedDependencies[] | select(.uri | startswith("pkg:rpm/")) | .name' |
				sort >"$work/proved"
			sed 's/$/.rpm/' "$work/packages" | sort >"$work/installed"
			check "provenance lists exactly the packages of the database" cmp "$work/proved" "$work/installed"
		fi
	fi
	check "nothing in the image bears the time of its making" \
		test -z "$(find "$root" -newermt '2 minutes ago' ! -path "$root" -print -quit)"
fi

# --- podman takes it; a shell in it answers, under podman, or in a plain chroot where podman's
# runtime cannot work (crun refuses hybrid cgroups, for one)
in_podman() {
	podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs "$@"
}
run_in_container() {
	if command -v podman >/dev/null 2>&1 &&
		in_podman run --rm --network none --cgroups=disabled --ulimit nofile=1024:1024 \
			--ulimit nproc=1024:1024 "oci:$image" /bin/sh -c "$1" 2>"$work/podman.err"; then
		echo podman >"$work/runner"
	elif [ "$(id -u)" = 0 ]; then
		echo "chroot, podman says: $(tail -n 1 "$work/podman.err")" >"$work/runner"
		chroot "$root" /bin/sh -c "$1"
	else
		echo "unshare and chroot, podman says: $(tail -n 1 "$work/podman.err")" >"$work/runner"
		unshare -r chroot "$root" /bin/sh -c "$1"
	fi
}
if need podman; then
	check "podman pulls the image" in_podman pull "oci:$image"
fi
if [ -e "$root/bin/sh" ] || [ -L "$root/bin/sh" ]; then
	answer=$(run_in_container 'echo $((6*7))')
	check "a shell of the image answers" test "$answer" = 42
	echo "# asked under $(cat "$work/runner")"
	check "it knows its users" test "$(run_in_container 'echo ~root')" = /root
else
	echo "# $name has no shell to ask"
fi

# --- one bit elsewhere and kiln says no, naming what
tamper() { # tamper SENTENCE FILE REASON
	rm -rf "$work/bad" && mkdir "$work/bad" && cp -R "$image" "$image.attest" "$work/bad/"
	chmod -R u+w "$work/bad"
	size=$(stat -c %s "$work/bad/$2")
	byte=$(od -An -tu1 -j $((size / 2)) -N 1 "$work/bad/$2" | tr -d ' ')
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$work/bad/$2" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
	verify "$work/bad/$name" >"$work/log" 2>&1
	rc=$?
	if [ $rc = 3 ] && grep -q "$3" "$work/log"; then
		pass "$1 is refused with exit 3 and its name"
	else
		fail "$1: exit $rc, wanted 3 and '$3'" "$(cat "$work/log")"
	fi
}
verify() {
	if [ -n "${KILN_VERIFY_KEY:-}" ]; then
		"$kiln" verify --key "$KILN_VERIFY_KEY" "$1"
	else
		(cd "$top" && "$kiln" verify "$1")
	fi
}
if [ -x "$kiln" ]; then
	manifest=$(sed -n 's/.*"digest":"sha256:\([0-9a-f]*\)".*/\1/p' "$image/index.json")
	layer=$(sed -n 's/.*"layers":\[{"digest":"sha256:\([0-9a-f]*\)".*/\1/p' "$image/blobs/sha256/$manifest")
	config=$(sed -n 's/.*"config":{"digest":"sha256:\([0-9a-f]*\)".*/\1/p' "$image/blobs/sha256/$manifest")
	check "kiln verifies the image" verify "$image"
	tamper "a changed layer" "$name/blobs/sha256/$layer" "$layer"
	tamper "a changed configuration" "$name/blobs/sha256/$config" "$config"
	tamper "a changed manifest" "$name/blobs/sha256/$manifest" "$manifest"
	tamper "a changed index" "$name/index.json" "index.json"
	tamper "changed provenance" "$name.attest/provenance.sigstore.json" "provenance.sigstore.json"
	tamper "a changed inventory" "$name.attest/inventory.json" "inventory"
	# The attacker swaps the layer and mends every digest up to the index: the signature is missing.
	rm -rf "$work/bad" && mkdir "$work/bad" && cp -R "$image" "$image.attest" "$work/bad/"
	chmod -R u+w "$work/bad"
	sed "s/image.title\":\"$name\"/image.title\":\"evil\"/" "$image/blobs/sha256/$manifest" >"$work/evil"
	evil=$(sha256sum <"$work/evil" | cut -d' ' -f1)
	cp "$work/evil" "$work/bad/$name/blobs/sha256/$evil"
	rm -f "$work/bad/$name/blobs/sha256/$manifest"
	sed -i "s/sha256:$manifest/sha256:$evil/; s/\"size\":[0-9]*/\"size\":$(stat -c %s "$work/evil")/" "$work/bad/$name/index.json"
	verify "$work/bad/$name" >"$work/log" 2>&1
	rc=$?
	said=$(cat "$work/log")
	check "a consistent forgery is refused: nobody trusted signed it" test $rc = 3
	assert_contains "and the message names the provenance" provenance.sigstore.json "$said"
else
	fail "kiln verifies the image" "no program at $kiln: run make"
fi
finish
