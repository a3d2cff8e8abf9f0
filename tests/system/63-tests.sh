#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of recipes: what came out, installed in a fresh chamber with what it requires and what the test needs, and
# nothing else. The outcome is signed, logged, kept by key, shown by `kiln status`, published and verified.
set -u
. "$(dirname "$0")/workspace.sh"
take busybox musl linux-headers
recipe() { # recipe NAME BUILD-STEP [MORE]: MORE stands at the recipe's end
	mkdir -p "ws/recipes/$1"
	printf '%s\n' "format: 1" "name: $1" "version: 1.0" "license: MIT" "epoch: 2026-01-01" "summary: Words $salt" \
		"build: {needs: [musl-gcc], env: {CC: musl-gcc}, steps: [{name: install, run: '$2'}]}" "${3:-}" >"ws/recipes/$1/recipe.yaml"
}
program='mkdir -p "$DESTDIR/usr/bin"; echo "int puts(const char *); int main(void) { return puts(\"words\") < 0; }" >x.c; $CC -static -s -o "$DESTDIR/usr/bin/'
recipe words "$program"'words" x.c' 'test:
  run: |
    words | grep -qx words
    echo "words of $KILN_NAME were said"
    for f in gcc make ld musl-gcc; do if command -v $f; then exit 1; fi; done
    test ! -e /usr/include && test ! -e /usr/bin/sh && test "$(id -u)" = 1000
    test "$KILN_NAME-$KILN_VERSION" = words-1.0
    if touch /usr/x 2>/dev/null; then exit 1; fi
    test "$(cat /proc/net/dev 2>/dev/null | grep -c eth)" = 0'
recipe other "$program"'other" x.c'
recipe silent "$program"'silent" x.c' 'test: {run: "silent | grep -q other", needs: [other]}'
ok "a recipe with a test is built and tested" k build --test words
says "the sum" "1 test: 1 passed, 0 had passed before, 0 failed; 0 recipes without a test"
said "and told by name" "tested   words: its test passed"
ok "once more" k build --test words
says "it is known to have passed" "1 test: 0 passed, 1 had passed before, 0 failed"
refused "one that fails" 1 "1 test failed" k build --test silent
said "is told with its place" "at recipes/silent/recipe.yaml:8"
said "and the step" "step 'test' exited 1"
ok "status" k status
says "names it" "built    silent, test failed"
says "and counts" "2 tests: 1 passed, 1 failed, 0 not run"
ok "all of them" k status --json
assert_eq "also for programs" '1 1 0' "$(jq -r '.workspace.tests | "\(.passed) \(.failed) \(.not_run)"' "$scratch/out")"
tests_silent() { recipe silent "$program"'silent" x.c' "test: {run: '$1'${2:-}}"; }
tests_silent 'silent | grep -q words; other' ', needs: [other]'
ok "a mended test builds nothing" k build --test
assert_lacks "since it is no part of the build" "done " "$(cat "$scratch/err")"
says "but runs" "2 tests: 1 passed, 1 had passed before, 0 failed; 4 recipes without a test"
k build --test --json silent >stream 2>/dev/null
assert_eq "the stream ends with the sum" '{"event":"test","failed":0,"passed":0,"served":1,"without":0}' "$(tail -n 1 stream)"
tests_silent 'silent | grep -q words; other'
refused "without what it needs" 1 "1 test failed" k build --test silent
said "it does not pass" "not found"

# --- its own key: the packages, what they stand on, the test; nothing else
tests_silent 'silent | grep -q words; other' ', needs: [other]'
ok "with it again" k build --test silent
says "it had passed before" "0 passed, 1 had passed before"
ok "published at once" k publish
assert_eq "though another test failed meanwhile" PASSED \
	"$(statement_in ws/out/repo/packages/silent-1.0-1.x86_64.rpm.installed.sigstore.json | jq -r .predicate.result)"
# A statement about these packages is one of this test only when it names it.
now=$(statement_in ws/out/repo/packages/silent-1.0-1.x86_64.rpm.installed.sigstore.json |
	jq -r '.predicate.configuration[] | select(.name == "test.json") | .digest.sha256')
tests_silent 'silent | grep words; other' ', needs: [other]'
ok "another test of the same package" k build --test silent
says "runs" "1 passed, 0 had passed before"
(cd "$KILN_STORE/refs/test" && cp "$(ls -t | head -n 1)" "$now")
tests_silent 'silent | grep -q words; other' ', needs: [other]'
ok "the former, known by the other's statement" k build --test silent
says "is not known" "1 passed, 0 had passed before"
sed -i 's/summary: Words/summary: More words/' ws/recipes/other/recipe.yaml
ok "a new summary of what it needs" k build --test silent
says "changes nothing" "0 passed, 1 had passed before"
sed -i '/^build/s/words/words, too/' ws/recipes/other/recipe.yaml
ok "other bytes of what it needs" k build --test silent
says "are tested with" "1 passed, 0 had passed before"

# --- what is said of it
ok "publishing" k publish
rpm=ws/out/repo/packages/words-1.0-1.x86_64.rpm
s=$(statement_in $rpm.installed.sigstore.json)
assert_eq "a test result lies beside the package" 'https://in-toto.io/attestation/test-result/v0.1 PASSED test' \
	"$(echo "$s" | jq -r '"\(.predicateType) \(.predicate.result) \(.predicate.passedTests[0])"')"
assert_eq "about the signed package" "$(sha256sum <$rpm | cut -d' ' -f1)" "$(echo "$s" | jq -r '.subject[] | select(.name == "words-1.0-1.x86_64.rpm") | .digest.sha256')"
test=$(echo "$s" | jq -r '.predicate.configuration[] | select(.name == "test.json") | .digest.sha256')
assert_contains "it names what was run, by digest" "words | grep -qx words" "$(cat "$KILN_STORE/blobs/$(echo "$test" | cut -c1-2)/$test")"
assert_contains "in what" "words-1.0-1.x86_64.rpm" "$(echo "$s" | jq -r '.predicate.configuration[].name')"
record=$(echo "$s" | jq -r '.predicate.configuration[] | select(.name == "record.json") | .digest.sha256')
assert_contains "behind which walls" '"name":"seccomp"' "$(cat "$KILN_STORE/blobs/$(echo "$record" | cut -c1-2)/$record")"
assert_eq "its log entry and bare envelope too" yes "$([ -s $rpm.installed.tlog-proof ] && [ -s $rpm.installed.intoto.jsonl ] && echo yes)"
assert_eq "none beside what has no test" no "$([ -e ws/out/repo/packages/other-1.0-1.x86_64.rpm.installed.sigstore.json ] && echo yes || echo no)"
ok "the repository verifies" k verify out/repo
log=$(cat "$KILN_KEYS"/log/checkpoint)
ok "tested again" k build --test
assert_eq "nothing is logged twice" "$log" "$(cat "$KILN_KEYS"/log/checkpoint)"
# Of what was not published nothing but the store names what a statement was made of.
mkdir aged && (cd "$KILN_STORE" && cp -a blobs refs format "$scratch/aged/" && for d in */; do mkdir -p "$scratch/aged/$d"; done)
d=$(printf 'stray %s' "$salt" | sha256sum | cut -d' ' -f1)
stray=aged/blobs/$(echo "$d" | cut -c1-2)/$d
printf 'stray %s' "$salt" >"$stray"
find aged/blobs aged/refs -type f -exec touch -d '2 days ago' {} +
mv ws/out published
ok "gc of an old store" env KILN_STORE="$scratch/aged" "$kiln" -C ws store gc
assert_eq "took what nothing names" gone "$([ -e "$stray" ] || echo gone)"
for what in test.json test.log record.json; do
	d=$(echo "$s" | jq -r --arg n $what '.predicate.configuration[] | select(.name == $n) | .digest.sha256')
	assert_eq "and left $what of a test that passed" "$what" "$([ -e "aged/blobs/$(echo "$d" | cut -c1-2)/$d" ] && echo $what)"
done
ok "publishing from it" env KILN_STORE="$scratch/aged" "$kiln" -C ws publish
assert_eq "says that the test passed" PASSED "$(statement_in $rpm.installed.sigstore.json | jq -r .predicate.result)"
rm -rf ws/out aged && mv published ws/out
printf 'format: 1\ntested: [words]\n' >policy.yaml
ok "a policy demands the test of a package" k verify --policy ../policy.yaml out/repo
printf 'format: 1\ntested: [words, other]\n' >policy.yaml
refused "which one without is not" 3 "other-1.0-1.x86_64.rpm: no test of it passed" k verify --policy ../policy.yaml out/repo
take baselayout
printf 'format: 1\nname: one\nsummary: An image\npackages: [words, baselayout]\n' >ws/images/catalog/one.yaml
ok "what an image needs" k build
ok "an image of it" k image one
ok "verifies" k verify out/images/one
refused "the policy finds no word of tests in its proof" 3 "an image's proof does not say whether a test of 'words' passed" k verify --policy ../policy.yaml out/images/one
printf 'format: 1\ntested: [other]\n' >policy.yaml
ok "another package's is not asked for" k verify --policy ../policy.yaml out/images/one
printf 'format: 1\nbuilt_twice: required\n' >policy.yaml
refused "nor one of a second build" 3 "an image's proof does not say whether its packages come out the same" k verify --policy ../policy.yaml out/images/one
cp $rpm.sigstore.json kept && cp $rpm.installed.sigstore.json taken
cp ws/out/repo/packages/silent-1.0-1.x86_64.rpm.installed.sigstore.json $rpm.installed.sigstore.json
refused "another package's test result" 3 "words-1.0-1.x86_64.rpm.installed.sigstore.json" k verify $(cd ws && echo out/repo/packages/words-1.0-1.x86_64.rpm)
cp ws/out/repo/packages/words-1.0-1.x86_64.rpm.sbom.sigstore.json $rpm.installed.sigstore.json
refused "another statement of the package" 3 "words-1.0-1.x86_64.rpm.installed.sigstore.json" k verify out/repo/packages/words-1.0-1.x86_64.rpm
cp taken $rpm.installed.sigstore.json

# --- what cannot be
tests_silent 'silent' ', needs: [othre]'
refused "a need that nobody makes" 1 "the test of 'silent' needs 'othre', which no recipe makes" k build --test silent
said "with the nearest" "did you mean 'other'?"
refused "is found by lint" 1 "1 problem" k lint
said "at the same" "recipes/silent/recipe.yaml:8:"
rm -r ws/recipes/silent
recipe shared 'mkdir -p "$DESTDIR/usr/share"; echo x >"$DESTDIR/usr/share/shared"' 'packages: [{name: shared, requires: [libnowhere.so.1]}]
test: {run: "true"}'
refused "what cannot be installed is not tested" 1 "libnowhere.so.1" k build --test shared
said "as the solver says it" "failed   shared:"
recipe shared 'mkdir -p "$DESTDIR/usr/share"; echo x >"$DESTDIR/usr/share/shared"' 'packages: [{name: shared, requires: [busybox]}]
test: {run: "test -x /usr/bin/sh && test ! -e /build/tools && cat /usr/share/shared"}'
ok "what brings a shell is lent none" k build --test shared
rm -r ws/recipes/busybox
sed -i 's/, requires: \[busybox\]//' ws/recipes/shared/recipe.yaml
refused "where none is there to be lent" 1 "nothing that the test of 'shared' installs has a shell" k build --test shared
sed -i 's/run: "test.*"/rnu: "true"/' ws/recipes/shared/recipe.yaml
refused "a misspelt key" 1 "unknown key 'rnu' (did you mean 'run'?)" k build shared
finish
