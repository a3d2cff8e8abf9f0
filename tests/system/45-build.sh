#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a build run promises: nothing is built twice, a failure is told with cause, line and log, a
# stopped or killed run leaves nothing half-done, and two runs at once share the work. Uses the seed
# that the workspace's store already holds, and changes nothing in it but by adding.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
export KILN_STORE
KILN_KEYS=$scratch/keys
export KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n') # results of earlier runs of this test do not count
recipe() { # recipe NAME: stdin is everything after the head
	mkdir -p "ws/recipes/$1"
	{
		printf 'format: 1\nname: %s\nversion: "1"\nrelease: 1\nlicense: MIT\nhomepage: https://example.org/\nepoch: 2026-01-01\n' "$1"
		cat
	} >"ws/recipes/$1/recipe.yaml"
}
kb() { "$kiln" -C ws build "$@"; }
ok "development keys" "$kiln" -C ws key init

recipe greet <<E
summary: Greets
description: $salt
build:
  steps:
    - name: make
      run: |
        printf '#include <stdio.h>\nint main(void) { puts("$salt"); return 0; }\n' > greet.c
        gcc -O2 -o greet greet.c
        mkdir -p "\$DESTDIR/usr/bin"
        cp greet "\$DESTDIR/usr/bin/"
  check: test "\$(./greet)" = $salt
E
recipe user <<'E'
summary: Runs what another recipe built
build:
  needs: [greet]
  steps:
    - name: make
      run: |
        mkdir -p "$DESTDIR/usr/share/user"
        greet > "$DESTDIR/usr/share/user/said"
E

# Nothing twice.
ok "both are built, the user after what it needs" kb user
says "two were built" "2 built, 0 served"
ok "a second run" kb user
says "builds nothing" "nothing to build: 2 recipes"
ok "the graph" "$kiln" -C ws graph
says "has a line for each" "user: greet"
ok "why" "$kiln" -C ws why user greet
says "names the line" "recipes/user/recipe.yaml:10:11: user needs greet"
ok "what an advisory asks" "$kiln" -C ws affected greet
says "what carries it" "greet                    carries greet"
says "what was built with it" "user                     built with greet"
ok "a package of the seed" "$kiln" -C ws affected gcc-12
says "is in all" "user                     built with"
made=$(basename "$(find "$KILN_STORE/refs/action" -newer ws/recipes/user/recipe.yaml -type f | head -1)")
ok "anything that was made, by digest" "$kiln" -C ws affected "sha256:$made"
says "is found" "carries what it last made"
sed -i 's/^summary: Greets/summary: Greets well/' ws/recipes/greet/recipe.yaml
ok "a new summary" kb --why user
says "rebuilds the package, but not its user" "1 built, 1 served"
assert_contains "and --why says what changed" "changed: recipe (summary)" "$(cat "$scratch/err")"
assert_contains "field by field" "recipe.summary: 'Greets' -> 'Greets well'" "$(cat "$scratch/err")"

# Early cut-off, told beforehand and kept. A comment, the order of a map, a limit: not even the key.
cp ws/recipes/greet/recipe.yaml "$scratch/greet.yaml"
{ echo "# nobody builds for a comment"; sed 's/^homepage:.*//' "$scratch/greet.yaml"; echo "homepage: https://www.example.org/"; } >ws/recipes/greet/recipe.yaml
ok "a comment, another order and a new homepage" kb user
says "build nothing" "nothing to build: 2 recipes"
cp "$scratch/greet.yaml" ws/recipes/greet/recipe.yaml
sed -i 's/^license: MIT/license: ISC/; s/mkdir -p "\$DESTDIR/mkdir -p  "$DESTDIR/' ws/recipes/greet/recipe.yaml
ok "another licence and another step: a dry run" kb --dry-run --why user
says "says which is built" "greet: changed: recipe (build, license)"
says "with every field" "  recipe.license: 'MIT' -> 'ISC'"
says "down to the line of a script" "recipe.build.steps[make].run, line 3:"
says "what may be cut off" "user: waits for greet; built again only if that comes out different"
says "how many" "would build 1, serve 0 from the store; 1 more only if what they need comes out different"
says "and how long it takes" "takes about"
ok "the run" kb user
says "builds the one, and serves its user" "1 built, 1 served"
sed -i 's/puts("/puts("really /' ws/recipes/greet/recipe.yaml
sed -i 's/^  check:.*/  check: ".\/greet"/' ws/recipes/greet/recipe.yaml
ok "a change that reaches the program" kb --why user
says "rebuilds its user" "2 built, 0 served"
assert_contains "for the one package that differs" "environment.greet: " "$(cat "$scratch/err")"
ok "it is published" "$kiln" -C ws publish
ok "and verified: what the user was built with is still known" "$kiln" -C ws verify "$PWD/ws/out/repo"

# What left the store comes back, with the same bytes.
rpm=$(find ws/out/repo/packages -name 'user-1-1*.rpm')
sum=$(sha256sum "$rpm" | cut -d' ' -f1)
KILN_KEYS=$scratch/other-keys
ok "another key set" "$kiln" -C ws key init
ok "a run under other keys" kb --why user
says "does not take what the first keys signed" "2 built, 0 served"
assert_contains "and says so" "signed by another builder key" "$(cat "$scratch/err")"
KILN_KEYS=$scratch/keys
ok "under the first keys again" kb user
ok "published again" "$kiln" -C ws publish
same "the package has the same bytes, signature included" "$(sha256sum "$rpm" | cut -d' ' -f1)" "$sum"

# Failures.
recipe bad <<E
summary: Fails
description: $salt
build:
  steps:
    - name: first
      run: echo fine
    - name: second
      run: |
        for i in \$(seq 100); do echo "line \$i"; done
        exit 7
E
recipe blocked <<'E'
summary: Needs what fails
build:
  needs: [bad]
  steps:
    - {name: make, run: "true"}
E
refused "a failing step" 1 "failed: bad (build): step 'second' exited 7" kb blocked
assert_contains "names its line" "at ws/recipes/bad/recipe.yaml:15" "$(sed 's,at recipes,at ws/recipes,' "$scratch/err")"
same "shows the last 40 lines" "$(grep -c '^line ' "$scratch/err")" 40
assert_line "the last of them is there" "line 100" "$(cat "$scratch/err")"
assert_contains "who needs it is blocked, and by what" "blocked: needs bad" "$(cat "$scratch/err")"
ok "the log" "$kiln" -C ws log bad
says "is kept whole" "line 1"
recipe unchecked <<E
summary: Its check fails
description: $salt
build:
  steps:
    - {name: make, run: "mkdir -p \$DESTDIR/usr/share/x"}
  check: |
    echo about to fail
    false
E
refused "a failing check" 1 "step 'check' exited 1" kb unchecked
recipe slow <<E
summary: Sleeps
description: $salt
build:
  limits: {time: 2s}
  steps:
    - {name: make, run: sleep 60}
E
refused "a build that takes too long" 1 "failed: slow (timeout)" kb slow
recipe hungry <<E
summary: Eats memory
description: $salt
build:
  limits: {memory: 64MiB}
  steps:
    - {name: make, run: "head -c 300000000 /dev/zero | tail -c 299999999 | wc -c"}
E
refused "a build that takes too much" 1 "failed: hungry (memory)" kb hungry
recipe stray <<E
summary: Installs outside
description: $salt
build:
  steps:
    - {name: make, run: "mkdir -p \$DESTDIR/usr/local/bin && touch \$DESTDIR/usr/local/bin/x"}
E
refused "a file where none may be" 1 "/usr/local belongs to the administrator" kb stray

# Patches, in order; a bad one at its line.
rm -rf ws/recipes/bad ws/recipes/blocked ws/recipes/unchecked ws/recipes/slow ws/recipes/hungry ws/recipes/stray
mkdir -p ws/recipes/patched src/d
echo one >src/d/text
tar -C src -cf ws/recipes/patched/d.tar d
printf -- '--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two\n' >ws/recipes/patched/z.patch
printf -- '--- a/text\n+++ b/text\n@@ -1 +1 @@\n-two\n+three\n' >ws/recipes/patched/a.patch
recipe patched <<E
summary: Is patched twice
sources:
  - url: file:d.tar
    sha256: $(sha256sum ws/recipes/patched/d.tar | cut -d' ' -f1)
patches: [z.patch, a.patch]
build:
  steps:
    - name: make
      run: |
        grep -qx three text
        mkdir -p "\$DESTDIR/usr/share/patched"
        cp text "\$DESTDIR/usr/share/patched/"
E
ok "patches are applied in the order of the recipe" kb patched
printf -- '--- a/text\n+++ b/text\n@@ -1 +1 @@\n-four\n+five\n' >ws/recipes/patched/a.patch
refused "a patch that does not fit" 1 "step 'patches' exited 1" kb patched
assert_contains "names the line of the patches" "recipes/patched/recipe.yaml:12" "$(cat "$scratch/err")"
rm -rf ws/recipes/patched

# Two at once, stopped, killed.
recipe long <<E
summary: Takes a while
description: $salt
build:
  steps:
    - {name: make, run: "sleep 4; mkdir -p \$DESTDIR/usr/share/long; echo x > \$DESTDIR/usr/share/long/x"}
E
kb long >"$scratch/one" 2>&1 &
kb long >"$scratch/two" 2>&1
wait $!
same "two runs at once build it once" "$(cat "$scratch/one" "$scratch/two" | grep -c '1 built, 0 served')" 1
same "and the other is served" "$(cat "$scratch/one" "$scratch/two" | grep -c "nothing to build: 1 recipe")" 1
left() { find "$KILN_STORE/tmp" -mindepth 1 -maxdepth 1 -type d | wc -l; }
before=$(left)
sed -i 's/sleep 4/sleep 5317/' ws/recipes/long/recipe.yaml
python3 - "$kiln" <<'P' >"$scratch/stopped" 2>&1
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "-C", "ws", "build", "long"])
time.sleep(3)
start = time.time()
p.send_signal(signal.SIGINT)
print("exit", p.wait(20), "soon" if time.time() - start < 5 else "late")
P
assert_line "an interrupted run ends soon, with exit 1" "exit 1 soon" "$(cat "$scratch/stopped")"
assert_contains "and says that what was finished is kept" "kept" "$(cat "$scratch/stopped")"
same "no chamber's directory is left" "$(left)" "$before"
"$kiln" -C ws build long >/dev/null 2>&1 &
pid=$!
sleep 3
kill -9 $pid
wait $pid 2>/dev/null
sleep 1
same "after kill -9 nothing of it runs" "$(pgrep -f 'sleep 5317' | wc -l)" 0
sed -i 's/sleep 5317/sleep 0/' ws/recipes/long/recipe.yaml
ok "and the next run builds" kb long
same "and has removed what the killed one left" "$(left)" "$before"
done_testing
