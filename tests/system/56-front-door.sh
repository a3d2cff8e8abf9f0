#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `kiln build` and `kiln shell` as people treat them: interrupted, killed, run twice at once, asked why,
# entered. Uses the seed that the workspace's store already holds, in a store of its own.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=${KILN:-$top/build/kiln}
from=${KILN_STORE:-$top/.kiln/store}
KILN_KEYS=${KILN_KEYS:-$top/.kiln/keys}
KILN_STORE=$scratch/store
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
copy_store "$from" store || exit 2
rm -rf store/refs/last store/refs/action store/failed

recipe() { # recipe NAME [NEED]: stdin is the script of its one step
	mkdir -p "ws/recipes/$1"
	{
		printf 'format: 1\nname: %s\nversion: 1\nsummary: A test\nlicense: MIT\nbuild:\n' "$1"
		[ $# -lt 2 ] || printf '  needs: [%s]\n' "$2"
		printf '  steps:\n    - name: make\n      run: |\n'
		sed 's/^/        /'
		printf 'packages:\n  - name: %s\n    files: ["/**"]\n' "$1"
	} >"ws/recipes/$1/recipe.yaml"
}
# shellcheck disable=SC2016 # for the recipe's shell
installs='mkdir -p "$DESTDIR/usr/share" && echo x > "$DESTDIR/usr/share/$KILN_NAME"'
mark=$(($$ % 100000 + 3000000)) # how long the sleepers sleep: their name in the process table
alive() { pgrep -f "sleep $mark" | wc -l | tr -d ' '; }

recipe long <<E
trap '' INT TERM HUP
(sleep $mark) &
sleep $mark
E
# A first run may have to unpack the seed; the signals are for a chamber that runs.
for signal in INT TERM; do
	"$kiln" -C ws build long >"$scratch/out" 2>"$scratch/err" &
	pid=$!
	n=0
	while [ "$(alive)" = 0 ] && [ $n -lt 600 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	start=$(date +%s%N)
	# sh starts what runs in the background with SIGINT ignored; the handler is set all the same.
	kill -$signal $pid
	wait $pid
	rc=$?
	took=$((($(date +%s%N) - start) / 1000000))
	same "SIG$signal: exit 1" "$rc" 1
	assert_contains "SIG$signal: says so" "error: interrupted" "$(cat "$scratch/err")"
	if [ "$took" -lt 1000 ]; then pass "SIG$signal: ends within a second"; else fail "SIG$signal: ends within a second" "$took ms"; fi
	same "SIG$signal: no process is left" "$(alive)" 0
	same "SIG$signal: nothing temporary is left" "$(ls store/tmp)" ""
done
timeout -s KILL 2 "$kiln" -C ws build long >/dev/null 2>&1
sleep 0.5
same "SIGKILL: no process is left" "$(alive)" 0
rm -r ws/recipes/long

echo "$installs" | recipe one
echo "sleep 1; $installs" | recipe two one
echo "sleep 1; $installs" | recipe three two
ok "the next run works" "$kiln" -C ws build one
same "and has swept what was left" "$(ls store/tmp)" ""

"$kiln" -C ws --json build >out1 2>err1 &
first=$!
"$kiln" -C ws --json build >out2 2>err2 &
second=$!
wait $first
same "two builds at once: the first succeeds" $? 0
wait $second
same "two builds at once: the second succeeds" $? 0
built=$(sed -n 's/.*"built":\([0-9]*\).*/\1/p' out1 out2 | awk '{ n += $1 } END { print n }')
same "two builds at once: each recipe is built once" "$built" 2

ok "a second build does nothing" "$kiln" -C ws build
says "and says so" "nothing to build: 3 recipes served from the store"
assert_lacks "and needs nothing" "needs" "$(cat "$scratch/err")"

echo "sleep 1; $installs; true" | recipe two one
ok "dry run" "$kiln" -C ws build --dry-run
says "what and why" "two: changed: recipe (build)"
says "what waits" "three: waits for two"
says "how many" "would build 1, serve 1 from the store; 1 more only if what they need comes out different"
ok "dry run again: nothing was built" "$kiln" -C ws build --dry-run
says "still the same" "would build 1, serve 1 from the store; 1 more"
ok "why" "$kiln" -C ws build --why
assert_contains "a build that says why" "two: changed: recipe (build)" "$(cat "$scratch/err")"
assert_contains "and what it needs" "MiB of memory" "$(cat "$scratch/err")"

# Failures: cause, place, log, what to do; others are not begun, or are with --keep-going.
printf 'printf "\\033[31mred\\n"\nexit 7\n' | recipe bad
echo "$installs" | recipe user bad
refused "a failing step" 1 "failed: bad (build): step 'make' exited 7" "$kiln" -C ws build bad
assert_contains "where it stands" "at recipes/bad/recipe.yaml:9" "$(cat "$scratch/err")"
assert_contains "its log cannot draw" "?[31mred" "$(cat "$scratch/err")"
assert_contains "how to go on" "kiln shell --failed bad" "$(cat "$scratch/err")"
ok "the log as it was" "$kiln" -C ws log bad
same "byte for byte" "$(od -An -c "$scratch/out" | tr -d ' \n')" '033[31mred\n'
refused "what needs it is blocked" 1 "blocked  user: needs bad" "$kiln" -C ws build --keep-going
printf 'echo x > /build/trace; exit 1\n' | recipe bad
"$kiln" -C ws build bad >/dev/null 2>&1

# A terminal: the shell stands in it with job control; keys reach it and not Kiln.
cat >term.py <<'P'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
out, keys = b"", sys.argv[1].encode().decode("unicode_escape").encode().split(b"|")
end = time.time() + 30
while time.time() < end:
    ready, _, _ = select.select([fd], [], [], 0.7)
    if ready:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        out += data
    elif keys:
        os.write(fd, keys.pop(0))
else:
    os.kill(pid, 9)
sys.stdout.write(out.decode("utf-8", "replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
ok "a shell in the chamber" python3 term.py "echo at-\$((40+2)) \$(id -u) \$(pwd)\n|sleep $mark\n|\x03|echo still-\$((40+3))\n|exit\n" "$kiln" -C ws shell one
says "it runs as uid 1000 in /build" "at-42 1000 /build"
says "Ctrl-C ends what runs in it, and not the shell" "still-43"
assert_lacks "job control works" "no job control" "$(cat "$scratch/out")"
same "no process is left" "$(alive)" 0
ok "a failed chamber" python3 term.py "cat trace && echo there-\$((40+4)) && test -r /kiln/step-1\n|exit\n" "$kiln" -C ws shell --failed bad
says "holds what the step left" "there-44"
says "names the steps, and the one that failed" "<- failed here"
refused "no failed chamber" 1 "" python3 term.py "" "$kiln" -C ws shell --failed one
says "says so" "no failed chamber of 'one' is kept"
done_testing
