#!/bin/sh
# Bad input: each an error with file, line and column (where there is one) and its remedy, exit 1,
# and nothing left half-written. Uses the seed that the workspace's store already holds.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
KILN_KEYS=${KILN_KEYS:-$top/.kiln/keys}
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
sum() { sha256sum "$1" | cut -d' ' -f1; }
recipe() { # recipe NAME [NEEDS] : stdin is put under build:
	mkdir -p "ws/recipes/$1"
	{
		printf 'format: 1\nname: %s\nversion: "1"\nrelease: 1\nsummary: A test\nlicense: MIT\nhomepage: https://example.org/\nepoch: 2026-01-01\n' "$1"
		cat
		printf 'packages:\n  - name: %s\n    files: ["/**"]\n' "$1"
	} >"ws/recipes/$1/recipe.yaml"
}
clean() { rm -rf ws/recipes/*; }
steps='build:
  steps:
    - name: make
      run: mkdir -p "$DESTDIR/usr/share" && echo x > "$DESTDIR/usr/share/x-$KILN_NAME"'

echo "$steps" | recipe good
ok "a small good recipe builds" "$kiln" -C ws build good

clean
{ printf 'sources:\n  - url: file:data\n    sha256: %064d\n    unpack: false\n' 0; echo "$steps"; } | recipe wrong
echo data >ws/recipes/wrong/data
refused "wrong digest" 1 "recipes/wrong/recipe.yaml:10:" "$kiln" -C ws build wrong
refused "wrong digest, by fetch" 1 "$(sum ws/recipes/wrong/data)" "$kiln" -C ws fetch wrong

clean
printf 'build:\n  needs: [b]\n  steps:\n    - {name: make, run: "true"}\n' | recipe a
printf 'build:\n  needs: [a]\n  steps:\n    - {name: make, run: "true"}\n' | recipe b
refused "a cycle" 1 "cycle" "$kiln" -C ws build a
same "the cycle is shown with places" "$(grep -c 'recipes/a/recipe.yaml:10:' "$scratch/err")" 1

clean
printf 'build:\n  needs: [no-such-package]\n  steps:\n    - {name: make, run: "true"}\n' | recipe lonely
refused "a missing dependency" 1 "recipes/lonely/recipe.yaml:10:11: " "$kiln" -C ws build lonely
same "it is named" "$(grep -c "no-such-package" "$scratch/err" | sed "s,[1-9][0-9]*,named,")" named

# Hostile tarballs: '..', absolute names, a write through a link of the archive.
clean
hostile() { # hostile NAME PYTHON: makes a source tarball
	mkdir -p "ws/recipes/$1"
	python3 - "ws/recipes/$1/src.tar" "$2" <<'P'
import io, sys, tarfile
out = tarfile.open(sys.argv[1], "w")
def add(name, data=b"x", **kw):
    info = tarfile.TarInfo(name)
    info.size = len(data) if not kw.get("type") else 0
    for k, v in kw.items():
        setattr(info, k, v)
    out.addfile(info, io.BytesIO(data) if info.size else None)
exec(sys.argv[2])
out.close()
P
	{ printf 'sources:\n  - url: file:src.tar\n    sha256: %s\n' "$(sum "ws/recipes/$1/src.tar")"; echo "$steps"; } | recipe "$1"
}
hostile dotdot 'add("src/../../evil")'
refused "a tarball with '..'" 1 "'..' in its name" "$kiln" -C ws build dotdot
same "the source's place is named" "$(grep -c 'at recipes/dotdot/recipe.yaml:10:5' "$scratch/err")" 1
hostile absolute 'add("/etc/evil")'
refused "a tarball with an absolute name" 1 "absolute name" "$kiln" -C ws build absolute
hostile link 'add("src/d", type=tarfile.SYMTYPE, linkname="/tmp"); add("src/d/evil")'
refused "a tarball that writes through its link" 1 "leads through a symbolic link" "$kiln" -C ws build link
hostile device 'add("src/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)'
refused "a tarball with a device" 1 "devices, pipes and sockets are not allowed" "$kiln" -C ws build device
ok "its cause is the source" "$kiln" -C ws log device

# A failing build: cause, log, line of the step.
clean
printf 'build:\n  steps:\n    - name: first\n      run: echo one\n    - name: second\n      run: |\n        echo about-to-fail\n        false\n' | recipe broken
refused "a failing step" 1 "about-to-fail" "$kiln" -C ws build broken
same "the step is named" "$(grep -c "step 'second'" "$scratch/err")" 1
same "the recipe's line is named" "$(grep -c 'recipes/broken/recipe.yaml:1[45]' "$scratch/err")" 1
same "its class is build" "$(grep -c 'broken (build)' "$scratch/err")" 1

# A chamber that tries to get out.
clean
printf 'build:\n  steps:\n    - name: write\n      run: echo x > /usr/escape\n' | recipe writes
refused "writing outside the writable trees" 1 "Read-only file system" "$kiln" -C ws build writes
printf 'build:\n  steps:\n    - name: read\n      run: cat %s/kiln.yaml\n' "$top" | recipe reads
refused "reading a host path" 1 "No such file or directory" "$kiln" -C ws build reads
printf 'build:\n  steps:\n    - name: connect\n      run: |\n        exec 3<>/dev/tcp/192.0.2.1/80\n' | recipe connects
refused "connecting outside" 1 "Network is unreachable" "$kiln" -C ws build connects

# A seed file that is gone.
clean
echo "$steps" | recipe good
cp ws/bootstrap/seed.lock seed.lock
python3 - ws/bootstrap/seed.lock <<'P'
import re, sys
text = open(sys.argv[1]).read()
digest = re.search(r"sha256: *\"?([0-9a-f]{64})", text).group(1)
open(sys.argv[1], "w").write(text.replace(digest, "0" * 63 + "1"))
P
printf 'mirrors: {debian: "file:///nonexistent", debian-security: "file:///nonexistent", debian-snapshot: "file:///nonexistent"}\n' >>ws/kiln.yaml
refused "a seed file that is gone" 1 "seed.lock" "$kiln" -C ws fetch
same "the remedy is named" "$(grep -c 'kiln seed lock --update' "$scratch/err")" 1
ok "the store is whole afterwards" "$kiln" -C ws store check
done_testing
