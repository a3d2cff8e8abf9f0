#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Stages: a bootstrap in miniature. The shell of the quickstart, built on the seed, is all that the
# second stage has; the third hides a package of its ground by one of its own. What a stage stands on
# is pinned, is what the chamber holds, and is all that it holds; what does not fit is refused.
set -u
. "$(dirname "$0")/workspace.sh"
take busybox musl linux-headers
stage_recipe() { # stage_recipe DIR NAME: stdin is everything after the head
	mkdir -p "ws/$1/$2"
	{
		printf 'format: 1\nname: %s\nversion: 1.0\nlicense: MIT\nepoch: 2026-01-01\nsummary: Words\n' "$2"
		cat
	} >"ws/$1/$2/recipe.yaml"
}
stages() { # stages GROUND-OF-TWO [MORE]
	cat >ws/bootstrap/stages.yaml <<E
format: 1
default: last
fixups:
  links: {bin: usr/bin, sbin: usr/sbin, lib: usr/lib, usr/bin/sh: busybox}
  files: {etc/passwd: "build:x:1000:1000:build:/build:/bin/sh"}
  directories: [tmp]
stages:
  - {name: first, recipes: recipes}
  - name: two
    recipes: bootstrap/two
    ground: [{stage: $1, packages: [busybox]}]
  - name: three
    recipes: bootstrap/three
    ground: [{stage: first, packages: [busybox]}, {stage: two, packages: [words]}]
    shadow: true
  - name: last
    recipes: bootstrap/three
    only: [reader]
    ground: [{stage: first, packages: [busybox]}, {stage: three, packages: [${2:-words}]}]
E
}
stage_recipe bootstrap/two words <<E
build:
  steps:
    - name: nothing of the seed
      run: |
        for f in gcc make bash ld; do if command -v \$f; then exit 1; fi; done
        test ! -e /usr/lib/x86_64-linux-gnu
    - {name: install, run: 'echo said in two; mkdir -p "\$DESTDIR/usr/share" && echo two $salt >"\$DESTDIR/usr/share/words"'}
E
sed -i 's/name: nothing of the seed/name: nothing-of-the-seed/' ws/bootstrap/two/words/recipe.yaml
stage_recipe bootstrap/three words <<'E'
build:
  steps:
    - {name: install, run: 'echo said in three; mkdir -p "$DESTDIR/usr/share" && sed s/two/three/ /usr/share/words >"$DESTDIR/usr/share/words"'}
E
stage_recipe bootstrap/three reader <<'E'
build:
  needs: [words]
  steps:
    - {name: install, run: 'mkdir -p "$DESTDIR/usr/share" && cp /usr/share/words "$DESTDIR/usr/share/read"'}
E
stages first

refused "a stage whose ground is not there" 1 "'busybox' of stage 'first' is not in bootstrap/ground.lock" k build --ground two
said "names the remedy" 'run `kiln bootstrap`'
refused "a stage that nobody wrote" 1 "there is no stage 'tow'" k build --ground tow
said "and the nearest one" "did you mean 'two'?"
refused "a bootstrap of the seed's own stage" 1 "stands on the seed" k bootstrap --ground first
ok "lint reads the recipes of all stages" k lint
assert_contains "each once" "6 recipes" "$(cat "$scratch/out")"
ok "a dry bootstrap" k bootstrap --dry-run
assert_eq "writes nothing" no "$([ -e ws/bootstrap/ground.lock ] && echo yes || echo no)"

ok "a bootstrap" k bootstrap
said "goes through the stages" "stage three: 1 package pinned in bootstrap/ground.lock"
assert_contains "pins packages by digest" "name: words" "$(cat ws/bootstrap/ground.lock)"
pinned=$(sha256sum <ws/bootstrap/ground.lock)
ok "the same again" k bootstrap
assert_lacks "builds nothing" "done " "$(cat "$scratch/err")"
said "and pins nothing" "as pinned in bootstrap/ground.lock"
assert_eq "to the byte" "$pinned" "$(sha256sum <ws/bootstrap/ground.lock)"
ok "the stream of a bootstrap" k bootstrap --json
assert_eq "names the stage in each summary" "first two three" "$(sed -n 's/.*"event":"summary".*"stage":"\([a-z]*\)".*/\1/p' "$scratch/out" | tr '\n' ' ' | sed 's/ $//')"
assert_contains "and ends with what is pinned" '{"complete":true,"event":"bootstrap","stages":[{"changed":false,"packages":1,"stage":"first"}' "$(tail -n 1 "$scratch/out")"
ok "the standard stage stands on them" k build
assert_lacks "without building them" "words" "$(cat "$scratch/err")"

# Two stages have a recipe of one name.
for stage in two three; do
	ok "the log of stage $stage" k --ground $stage log words
	same "is its own" "$(grep '^said' "$scratch/out")" "said in $stage"
	ok "so is what it used" k --ground $stage trace words --json
	assert_contains "of its own action" "$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' "$KILN_STORE/refs/last/words@$stage")" \
		"$(cat "$KILN_STORE/refs/run/words@$stage")"
done

# What each saw, from the store's own words.
read_of() { # read_of STAGE: what reader installed
	"$kiln" -C ws --ground "$1" build reader >/dev/null 2>&1
	env KILN_GROUND="$1" "$kiln" -C ws publish >/dev/null 2>"$scratch/publish" || cat "$scratch/publish"
	rpm2cpio ws/out/repo/packages/reader-1.0-1.x86_64.rpm 2>/dev/null | cpio -i --quiet --to-stdout ./usr/share/read 2>/dev/null
}
ok "a locked run of the last stage" k build --locked
assert_eq "a lock of its own for each stage" yes "$([ -e ws/kiln.lock ] && [ -e ws/kiln-two.lock ] && [ -e ws/kiln-three.lock ] && echo yes)"
assert_eq "a package built in a stage hides that of its ground" "three $salt" "$(read_of three)"
assert_eq "and later stages see it" "three $salt" "$(read_of last)"
ok "the repository of a stage verifies, with all that it stands on" k verify out/repo
printf 'format: 1\ngrounds: [first, three]\n' >policy.yaml
ok "and satisfies a policy that allows its grounds" k verify --policy ../policy.yaml out/repo
printf 'format: 1\ngrounds: [seed, first]\n' >policy.yaml
refused "but not one that lacks one" 3 "reader-1.0-1.x86_64.rpm: it was built on three, which is not allowed" k verify --policy ../policy.yaml out/repo
KILN_GROUND=first "$kiln" -C ws publish >/dev/null 2>"$scratch/err" || cat "$scratch/err"
printf 'format: 1\ngrounds: [first, three]\n' >policy.yaml
refused "which is how packages on the seed are refused" 3 "it was built on seed, which is not allowed" k --ground first verify --policy ../policy.yaml out/repo
ok "status" k status
assert_contains "says what it is built on" "stage last, built on 1 package of first, 1 package of three" "$(cat "$scratch/out")"
ok "also" k --ground first status --json
assert_contains "of the seed" '"ground":{"on":"seed","stage":"first"}' "$(cat "$scratch/out")"

# From a package down to the seed, by what builds saw.
ok "why a package comes from a compiler of the seed" k why reader gcc-12
assert_line "its ground was made by" "reader (stage last) was built with busybox-1.35.0-1.x86_64.rpm, of stage first" "$(cat "$scratch/out")"
assert_contains "which was built with the seed" "busybox-1.35.0-1.x86_64.rpm (stage first) was built with gcc-12 12.2.0" "$(cat "$scratch/out")"
assert_line "generation by generation" "2 generations: gcc-12 built busybox-1.35.0-1.x86_64.rpm, which built reader" "$(cat "$scratch/out")"
ok "as JSON" k why reader gcc-12 --json
assert_contains "too" '{"package":"busybox-1.35.0-1.x86_64.rpm","stage":"first"}' "$(cat "$scratch/out")"
ok "from the stage that stands on the seed" k --ground first why busybox gcc-12
assert_line "it is one" "1 generation: gcc-12 built busybox" "$(cat "$scratch/out")"
refused "a name of neither" 1 "no recipe and no package is named 'gcc-99'" k why reader gcc-99
env KILN_KEYS="$scratch/strange" "$kiln" -C ws key init >/dev/null 2>&1
refused "what others signed proves nothing" 3 "signed by the unknown key" env KILN_KEYS="$scratch/strange" "$kiln" -C ws why reader gcc-12

# Another store, and time.
ok "an export of the last stage" k store export "$scratch/tree"
ok "reaches a store that has nothing" env KILN_STORE="$scratch/bare" "$kiln" -C ws store import "$scratch/tree"
ok "which knows the ground by its pins" env KILN_STORE="$scratch/bare" "$kiln" -C ws build --dry-run
assert_contains "and what stands on it" "build 0, serve 1" "$(cat "$scratch/out")"
copy_store "$KILN_STORE" "$scratch/old"
in_old() { env KILN_STORE="$scratch/old" "$kiln" -C ws "$@"; }
in_old build --ground three >/dev/null 2>&1 && in_old build >/dev/null 2>&1
find "$scratch/old/blobs" "$scratch/old/refs" -type f -exec touch -d 2026-01-01 {} +
ok "a collection, long after" in_old store gc
ok "leaves each stage its own" in_old build --ground three --dry-run
assert_contains "also where a later one has a recipe of that name" "build 0, serve 2" "$(cat "$scratch/out")"
ok "and the ground" in_old build --dry-run
assert_contains "with what stands on it" "build 0, serve 1" "$(cat "$scratch/out")"

# Changes.
sed -i 's/echo two/echo new two/' ws/bootstrap/two/words/recipe.yaml
ok "why a stage is built again" k --ground two build --dry-run --why
assert_contains "is told of its own last action" "words: changed: recipe (build)" "$(cat "$scratch/out")"
ok "after an edit of a stage, builds keep to the pins" k build
assert_contains "and are done" "nothing to build" "$(cat "$scratch/out")"
ok "the next bootstrap" k bootstrap
said "builds the stage anew" "words"
assert_eq "and pins it" changed "$([ "$pinned" = "$(sha256sum <ws/bootstrap/ground.lock)" ] || echo changed)"
ok "which builds its users anew" k build
said "all of them" "reader"

# Packages made again: by what they went into, and from another seed.
cp -a ws/bootstrap/stages.yaml stages.saved
stage_recipe bootstrap/side note <<'E'
build:
  steps: [{name: install, run: 'mkdir -p "$DESTDIR/usr/share" && echo side >"$DESTDIR/usr/share/note"'}]
E
stage_recipe bootstrap/tool tool <<'E'
build:
  steps:
    - name: install
      run: |
        echo 'int main(void) { return 0; }' >main.c
        mkdir -p "$DESTDIR/usr/bin" && gcc -static -s -o "$DESTDIR/usr/bin/tool" main.c
E
sed '/^ *- patch$/d' ws/bootstrap/seed.yaml >ws/bootstrap/seed-other.yaml
awk '/^  - name:/ { skip = $3 == "patch" } !skip' ws/bootstrap/seed.lock >ws/bootstrap/seed-other.lock
cat >>ws/bootstrap/stages.yaml <<'E'
  - {name: side, recipes: bootstrap/side, ground: [{stage: first, packages: [busybox]}]}
  - name: again
    recipes: bootstrap/two
    ground: [{stage: first, packages: [busybox]}, {stage: side, packages: [note]}]
    equals: two
  - {name: tool, recipes: bootstrap/tool}
  - {name: other-tool, recipes: bootstrap/tool, seed: other, equals: tool}
E
ok "lint knows the seeds of all stages" k lint
ok "and each has its lock" k --ground other-tool seed lock
said "of its own name" "bootstrap/seed-other.lock is as it should be"
refused "a seed without a comparison" 2 "belongs to --compare" k bootstrap --seed other
refused "a seed that nothing starts from" 1 "no stage on seed 'otter' says what it must equal" k bootstrap --compare --seed otter
ok "a dry comparison" k bootstrap --compare --dry-run
assert_eq "signs nothing" no "$([ -e ws/out/bootstrap ] && echo yes || echo no)"
ok "what is made again on the same seed" k bootstrap --fixpoint
said "is the same file" "stage again: 1 package, each the same file as in stage two; signed in out/bootstrap/again-equals-two.sigstore.json"
assert_lacks "and nothing else is compared" "other-tool" "$(cat "$scratch/err")"
ok "and from another seed" k bootstrap --compare --seed other --json
cp "$scratch/out" "$scratch/compared"
ok "why a tool of that seed comes from what it lacks" k --ground other-tool why tool patch
assert_line "it does not, and all that is behind it was read" "tool has no path to patch: the statements of all 1 build behind it were read" "$(cat "$scratch/out")"
cp "$scratch/compared" "$scratch/out"
assert_contains "as well" '{"different":[],"equals":"tool","packages":1,"stage":"other-tool","statement":"out/bootstrap/other-tool-equals-tool.sigstore.json"}' "$(tail -n 1 "$scratch/out")"
cat >verdict.py <<'E'
import base64, hashlib, json, subprocess, sys
e = json.load(open(sys.argv[1]))["dsseEnvelope"]
body = base64.b64decode(e["payload"])
pae = b"DSSEv1 %d %s %d %s" % (len(e["payloadType"]), e["payloadType"].encode(), len(body), body)
open("pae", "wb").write(pae)
open("sig", "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
subprocess.run(["openssl", "dgst", "-sha256", "-verify", sys.argv[2], "-signature", "sig", "pae"], check=True, stdout=subprocess.DEVNULL)
s = json.loads(body)
files = {f["name"]: f["digest"]["sha256"] for f in s["predicate"]["configuration"]}
for name, digest in files.items():
    assert hashlib.sha256(open("ws/" + name, "rb").read()).hexdigest() == digest, name
print(s["subject"][0]["name"], s["predicate"]["result"], s["predicate"]["passedTests"][0], " ".join(files))
E
assert_eq "the builder's key says so, of both seeds by digest" \
	"tool-1.0-1.x86_64.rpm PASSED stage other-tool equals tool bootstrap/ground.lock bootstrap/seed-other.lock bootstrap/seed.lock bootstrap/stages.yaml kiln-other-tool.lock kiln-tool.lock" \
	"$(python3 verdict.py ws/out/bootstrap/other-tool-equals-tool.sigstore.json "$KILN_KEYS/builder.pub" 2>&1)"
rm -r ws/out/bootstrap
stage_recipe bootstrap/two peek <<'E'
build:
  steps: [{name: install, run: 'mkdir -p "$DESTDIR/usr/share" && find /usr -name note >"$DESTDIR/usr/share/peek"'}]
E
refused "a package that holds what it was built beside" 4 "1 package made again came out different" k bootstrap --fixpoint
said "is named" "peek: "
assert_eq "and nothing is signed" no "$([ -e ws/out/bootstrap ] && echo yes || echo no)"
rm -r ws/bootstrap/two/peek
sed -i 's/seed: other, equals: tool/seed: other, equals: other-tool/' ws/bootstrap/stages.yaml
refused "a stage that must equal itself" 1 "which is no earlier one" k build
sed -i 's/equals: two/seed: other/' ws/bootstrap/stages.yaml
refused "a seed for a stage that stands on packages" 1 "'seed' is for a stage without a ground of packages" k build
cp stages.saved ws/bootstrap/stages.yaml

# What cannot be.
cp ws/bootstrap/ground.lock lock.saved
sed -i "0,/environment: ../s//environment: 00/" ws/bootstrap/ground.lock
refused "a pin that is not what was built" 1 "is not in the store as it is pinned" k build --ground two
for edit in 's/file: .\{8\}/file: 00000000/' 's/version: "/&9/'; do
	sed "$edit" lock.saved >ws/bootstrap/ground.lock
	refused "one of another $edit" 1 "is not in the store as it is pinned" k build --ground two
done
sed "0,/file: /s//file: x/" lock.saved >ws/bootstrap/ground.lock
refused "a damaged pin" 1 "64 lower-case hex digits" k build --ground two
cp lock.saved ws/bootstrap/ground.lock
stages three
refused "a stage that stands on a later one" 1 "stage 'two' stands on 'three', which comes later" k build
stages two
refused "a stage that stands on itself" 1 "which comes of itself" k build
stages first
sed -i 's/: first,/: seed,/' ws/bootstrap/stages.yaml
refused "packages of a stage that is called as the seed is" 1 "the word for other people's" k build
stages first nothing
refused "a package that a stage does not make" 1 "stage 'three' makes no package 'nothing'" k bootstrap
stages first
stage_recipe bootstrap/three grab <<'E'
ground: [cc]
build:
  steps: [{name: install, run: 'true'}]
E
refused "a recipe that reaches for the seed in a later stage" 1 "'ground' names groups of the seed" k build --ground three
rm -r ws/bootstrap/three/grab
stage_recipe bootstrap/three needy <<'E'
build:
  needs: [musl]
  steps: [{name: install, run: 'true'}]
E
refused "and by lint" 1 "needs 'musl', which no recipe makes" k lint
refused "one that needs what neither stage nor ground has" 1 "needs 'musl', which no recipe makes" k build --ground three
finish
