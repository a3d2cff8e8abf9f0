#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a user sees of planning and running: the live lines of a terminal, `kiln status` from outside, the
# stream of `kiln build --json`, reasons, estimates, what is refused beforehand. Uses the seed that the
# workspace's store already holds, in a store of its own.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/system
kiln=${KILN:-$top/build/kiln}
from=${KILN_STORE:-$top/.kiln/store}
KILN_KEYS=$scratch/keys
KILN_STORE=$scratch/store
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
workspace() { # workspace DIR
	mkdir -p "$1/recipes"
	cp "$top/kiln.yaml" "$1/"
	cp -a "$top/bootstrap" "$1/"
}
recipe() { # recipe NAME [NEED [LIMITS]]: stdin is the script of its one step
	mkdir -p "$ws/recipes/$1"
	{
		printf 'format: 1\nname: %s\nversion: 1\nsummary: A test\nlicense: MIT\nbuild:\n' "$1"
		[ -z "${2:-}" ] || printf '  needs: [%s]\n' "$2"
		[ -z "${3:-}" ] || printf '  limits: {%s}\n' "$3"
		printf '  steps:\n    - name: make\n      run: |\n'
		sed 's/^/        /'
		printf 'packages:\n  - name: %s\n    files: ["/**"]\n' "$1"
	} >"$ws/recipes/$1/recipe.yaml"
}
# shellcheck disable=SC2016 # for the recipe's shell
installs='mkdir -p "$DESTDIR/usr/share" && echo x > "$DESTDIR/usr/share/$KILN_NAME"'
until_true() { # until_true COMMAND: at most a minute
	n=0
	until eval "$1" || [ $n -ge 600 ]; do
		sleep 0.1
		n=$((n + 1))
	done
}

# Nothing is made for a workspace that cannot build.
ws=bare
workspace bare
rm bare/bootstrap/seed.lock
echo "$installs" | recipe one
refused "a first build without seed.lock" 1 "seed.lock" "$kiln" -C bare build
if [ -e keys ]; then fail "makes no keys before it says so"; else pass "makes no keys before it says so"; fi
cp "$top/bootstrap/seed.lock" bare/bootstrap/
refused "a name that no recipe has" 1 "'none'" "$kiln" -C bare build none
if [ -e keys ]; then fail "makes no keys for that either"; else pass "makes no keys for that either"; fi

copy_store "$from" store || exit 2
rm -rf store/refs/last store/refs/action store/refs/failed
ws=ws
workspace ws
ok "development keys" "$kiln" -C ws key init

# ---- the stream ----
echo "$installs" | recipe one
echo "$installs" | recipe two one
echo "$installs" | recipe three two
echo "exit 7" | recipe bad
echo "$installs" | recipe worse bad
echo "$installs" | recipe worst worse
"$kiln" -C ws build --keep-going --json >stream 2>err
same "a failed build as a stream: exit 1" $? 1
python3 - "$PWD" <<'P' >said 2>&1
import json, os, sys
lines = [json.loads(x) for x in open("stream")]
for x in lines:
    assert json.dumps(x, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" in open("stream"), x
    assert "event" in x and (x["event"] == "summary" or isinstance(x["time_ms"], int)), x
times = [x["time_ms"] for x in lines if "time_ms" in x]
print("in order of time:", times == sorted(times))
def of(name):
    return " ".join(x["event"] + (":" + x["phase"] if x["event"] == "phase" else "") for x in lines if x.get("recipe") == name)
for name in ("one", "three", "bad", "worse", "worst"):
    print(name + ":", of(name))
plan = next(x for x in lines if x["event"] == "plan")
print("plan:", plan["recipes"], plan["todo"])
print("blocked by:", *(x["by"] for x in lines if x["event"] == "blocked"))
bad = next(x for x in lines if x["event"] == "failed")
print("failed:", bad["cause"], bad["where"], bad["message"], os.path.isfile(bad["log"]))
last = lines[-1]
print("summary:", last["event"], last["built"], last["failed"], last["blocked"], last["served"], len(last["failures"]))
print("the failure again:", {k: v for k, v in bad.items() if k not in ("event", "time_ms")} == last["failures"][0])
position = {(x.get("recipe"), x["event"]): i for i, x in enumerate(lines)}
print("after what it needs:", position["one", "phase"] < position["two", "started"])
P
text=$(cat said)
assert_line "events come in order" "in order of time: True" "$text"
assert_line "a build" "one: started phase:build phase:package done" "$text"
assert_line "one that waited" "three: started phase:build phase:package done" "$text"
assert_line "a failure" "bad: started phase:build failed" "$text"
assert_line "what it blocks" "worse: blocked" "$text"
assert_line "what that blocks" "worst: blocked" "$text"
assert_line "both by the root cause" "blocked by: bad bad" "$text"
assert_line "the plan" "plan: 6 6" "$text"
assert_line "cause, place, words and the log" "failed: build recipes/bad/recipe.yaml:9 step 'make' exited 7 True" "$text"
assert_line "the summary is the last line" "summary: summary 3 1 2 0 1" "$text"
assert_line "and has the failures" "the failure again: True" "$text"
assert_line "what is needed comes first" "after what it needs: True" "$text"
assert_lacks "without a terminal nothing is drawn" "$(printf '\033')" "$(cat err)"

# ---- how the recipes stand ----
ok "status" "$kiln" -C ws status
says "names what failed, and how" "failed   bad (build): step 'make' exited 7"
says "and where" "at recipes/bad/recipe.yaml:9"
says "what is new" "new      worse: waits for bad; not built before"
says "and counts" "6 recipes: 3 built, 0 stale, 2 new, 1 failed"
echo "$installs; true" | recipe one
echo "$installs; true" | recipe bad
ok "status after edits" "$kiln" -C ws status --json
python3 - <<'P' >said 2>&1
import json
d = json.load(open("out"))
print("runs:", d["runs"])
w = d["workspace"]
print(w["built"], w["stale"], w["new"], w["failed"])
for r in w["recipes"]:
    print(r["recipe"], r["state"], r.get("reason"), r.get("cause"))
P
text=$(cat said)
assert_line "nobody runs" "runs: []" "$text"
assert_line "counts" "0 3 3 0" "$text"
assert_line "what was edited is stale" "one stale changed: recipe (build) None" "$text"
assert_line "so is what needs it, perhaps" "two stale waits for one; built again only if that comes out different None" "$text"
assert_line "an edited failure is no failure any more" "bad new not built before None" "$text"
ok "all of it" "$kiln" -C ws build
ok "status, with those that are built" "$kiln" -C ws status --all
says "lists them" "built    one"
says "and counts" "6 recipes: 6 built, 0 stale, 0 new, 0 failed"
rm -f ws/.kiln/plan-*
ok "status of a workspace that nobody decided about" "$kiln" -C ws status
says "is the same" "6 recipes: 6 built, 0 stale, 0 new, 0 failed"

# ---- from outside ----
rm -r ws/recipes/bad ws/recipes/worse ws/recipes/worst
mkdir hold
for name in one two three; do
	echo "$installs; sleep 3" | recipe $name "$(sed -n 's/.*needs: \[\(.*\)\]/\1/p' ws/recipes/$name/recipe.yaml)"
done
echo "$installs; sleep 3" | recipe apart
ws=other
workspace other
cp -a ws/recipes/apart other/recipes/
echo "$installs; sleep 30" | recipe long
"$kiln" -C ws build -j1 >/dev/null 2>run.err &
run=$!
until_true '"$kiln" -C ws status | grep -q "for a free place"'
ok "status while one runs" "$kiln" -C ws status
says "how far it is" "0 of 4 done, about "
says "what waits for a place" "(for a free place)"
until_true '"$kiln" -C ws status | grep -q "  one "'
"$kiln" -C other build -j2 >/dev/null 2>other.err &
other=$!
until_true '"$kiln" -C other status | grep -q "other$" && "$kiln" -C other status --json | grep -q "\"recipe\":\"long\""'
ok "status while two run" "$kiln" -C ws status
says "the one" "builds $PWD/ws"
says "and the other" "builds $PWD/other"
says "what runs, how long and of what" "  one  build    "
says "what waits for a recipe" "two (for one)"
assert_lacks "and not how recipes stand, which is being decided" "stale" "$(cat out)"
ok "the same as JSON" "$kiln" -C ws status --json
python3 - <<'P' >said 2>&1
import json
d = json.load(open("out"))
r = next(r for r in d["runs"] if r["workspace"].endswith("/ws"))
print(len(d["runs"]), r["doing"], r["todo"], [x["recipe"] for x in r["running"]], r["remaining_ms"] >= 0)
print(sorted(r["running"][0]), r["waiting"][0])
P
assert_line "with the same" "2 building 4 ['one'] True" "$(cat said)"
kill -9 $other
wait $other 2>/dev/null
ok "status after one was killed" "$kiln" -C other status
assert_lacks "tells it no more" "builds $PWD/other" "$(cat out)"
says "but what runs elsewhere" "builds $PWD/ws"
says "and how its recipes stand" "2 recipes: 1 built, 0 stale, 1 new, 0 failed"
wait $run
same "the run ends well" $? 0
ok "status afterwards" "$kiln" -C ws status
says "tells no run" "4 recipes: 4 built"
assert_lacks "none at all" "builds" "$(cat out)"
same "and nothing temporary is left" "$(ls store/tmp)" ""

# Two that want the same: the second waits for the lock, and says so.
echo "$installs; sleep 4" | recipe long
cp -a other twin
"$kiln" -C other build long >/dev/null 2>&1 &
other=$!
until_true '"$kiln" -C other status --json | grep -q "\"phase\":\"build\""'
ok "a second run of the same" "$kiln" -C twin build --json long
same "waits" "$(grep -c '"event":"phase","phase":"lock","recipe":"long"' out)" 1
says "names who has it" "\"event\":\"lock\",\"recipe\":\"long\",\"text\":\"process $other of $PWD/other has it\""
says "and takes what the other built" '"event":"served","reason":"another Kiln built it just now"'
wait $other

# Memory: the limits of what runs stay below what there is.
ws=ws
have=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
echo "$installs; sleep 2" | recipe fat "" "memory: $((have * 2 / 3))MiB"
echo "$installs; sleep 2" | recipe wide "" "memory: $((have * 2 / 3))MiB"
"$kiln" -C ws build -j4 >/dev/null 2>run.err &
run=$!
until_true '"$kiln" -C ws status | grep -q "for memory"'
ok "status while memory is short" "$kiln" -C ws status
says "says so" "(for memory)"
wait $run
same "and both are built" "$(grep -c ' done ' run.err)" 2

# ---- live, on a terminal ----
rm -rf ws/recipes
echo "$installs; sleep 1" | recipe one
echo "$installs; sleep 1" | recipe two one
echo "$installs; sleep 2" | recipe a-recipe-with-a-very-long-name-as-there-are-some
echo "exit 1" | recipe bad
live() { # live SIZES: builds everything anew; the transcript is checked below
	find ws/recipes -name recipe.yaml -exec sed -i 's/; sleep/; true; sleep/' {} +
	TERM=${term-xterm} python3 "$here/terminal.py" "$1" "$kiln" -C ws build -k -j2 >seen 2>&1
	python3 - <<'P'
import re
screens, last = [], None
for part in open("seen").read().split("screen\n")[1:]:
    screens.append(re.sub(r"\n(escapes|exit|size)[^\n]*", "", part).split("\n"))
head = re.compile(r"\[ *\d+:\d\d\] \d+ of \d+ do")
counts = [sum(bool(head.match(x)) for x in s) for s in screens]
live = [i for i, n in enumerate(counts) if n]
print("drawn:", bool(live))
if live:
    print("at most once:", max(counts) == 1)
    print("never gone:", all(counts[live[0] : live[-1] + 1]))
    print("next at most once:", max(sum(x.startswith("  next:") for x in s) for s in screens) <= 1)
    print("gone at the end:", counts[-1] == 0 and not any(x.startswith("  ") for x in screens[-1]))
    words = "\n".join("\n".join(screens[i]) for i in live)
    print("runs:", bool(re.search(r"^  one +build +\d+ s of (perhaps|about) ", words, re.M)))
    print("waits:", "two (for one)" in words)
    print("left:", bool(re.search(r"of 4 done, about [\d:]+ (s|min) left", words)))
P
	grep '^escapes\|^exit' seen
}
live 100x30 >said
text=$(cat said)
for words in "drawn: True" "at most once: True" "never gone: True" "next at most once: True" "gone at the end: True" \
	"runs: True" "waits: True" "left: True" "escapes: AJKm" "exit: 1"; do
	assert_line "live: $words" "$words" "$text"
done
live 34x12 >said
text=$(cat said)
for words in "drawn: True" "at most once: True" "never gone: True" "next at most once: True" "gone at the end: True"; do
	assert_line "in a narrow window: $words" "$words" "$text"
done
live 100x30,1.2:40x30,2.2:20x10,3:90x20 >said
text=$(cat said)
for words in "drawn: True" "at most once: True" "next at most once: True" "gone at the end: True"; do
	assert_line "in a window that changes: $words" "$words" "$text"
done
NO_COLOR=1 live 100x30 >said
assert_line "NO_COLOR: no weights" "escapes: AJK" "$(cat said)"
term=dumb live 100x30 >said
assert_line "a dumb terminal: nothing is drawn" "drawn: False" "$(cat said)"
assert_line "and no sequence sent" "escapes: " "$(cat said)"
term=xterm

echo "$installs; sleep 60" | recipe a-recipe-with-a-very-long-name-as-there-are-some
live 80x20,4:INT >said
assert_line "stopped: exit 1" "exit: 1" "$(cat said)"
assert_line "what was drawn is gone" "gone at the end: True" "$(cat said)"
assert_contains "it says what it does" "stop     ending what runs; what was finished is kept" "$(cat seen)"
assert_line "and what comes of it" "error: interrupted" "$(cat seen)"

# ---- why, and how long ----
rm -rf ws/recipes
echo "$installs; sleep 1" | recipe one
echo "$installs" | recipe two one
ok "two recipes" "$kiln" -C ws build
ok "a dry run of what is built" "$kiln" -C ws build --dry-run
says "has nothing to do" "would build 0, serve 2 from the store"
sed -i 's/sleep 1/sleep 1.5/; s/^license: MIT/license: ISC/' ws/recipes/one/recipe.yaml
ok "a dry run after an edit" "$kiln" -C ws build --dry-run --why two
says "says what and why" "one: changed: recipe (build, license)"
says "field by field" "  recipe.license: 'MIT' -> 'ISC'"
says "what may be cut off" "two: waits for one; built again only if that comes out different"
says "counts" "would build 1, serve 0 from the store; 1 more only if what they need comes out different"
says "and reckons with what it took last time" "takes about 1 s"
assert_lacks "guesses nothing" "never built here" "$(cat out)"
ok "the same as JSON" "$kiln" -C ws build --dry-run --why --json
same "reasons are events, and stand in the summary" "$(grep -c '"reason":"changed: recipe (build, license)"' out)" 2

rm -rf ws/recipes
for name in guess-small guess-large; do
	echo "$installs" | recipe $name
	truncate -s $([ $name = guess-small ] && echo 1M || echo 27M) ws/recipes/$name/blob
	echo $name | dd of=ws/recipes/$name/blob conv=notrunc 2>/dev/null
	sed -i "s/^build:/sources: [{url: \"file:blob\", sha256: $(sha256sum ws/recipes/$name/blob | cut -d' ' -f1), unpack: false}]\nbuild:/" \
		ws/recipes/$name/recipe.yaml
done
ok "a dry run of what was neither built nor fetched" "$kiln" -C ws build -j1 --dry-run
says "guesses the same for each" "takes about 1:00 min (2 recipes never built here"
ok "fetch" "$kiln" -C ws fetch
ok "a dry run once the sources are there" "$kiln" -C ws build -j1 --dry-run
says "guesses by their sizes" "takes about 2:00 min (2 recipes never built here"

# ---- who waits for nothing is told once ----
for i in $(seq 25); do echo "$installs" | recipe user$i sick; done
echo "exit 3" | recipe sick
refused "a failure that blocks many" 1 "blocked  15 more that need sick" "$kiln" -C ws build -k
same "names ten of them" "$(grep -c 'needs sick' err)" 10
refused "without --keep-going" 1 "failed: sick (build)" "$kiln" -C ws build
rm -rf ws/recipes

# ---- as many processors as ever, whoever builds beside it ----
if [ "$(nproc)" -ge 2 ]; then
	for name in sees looks; do echo "nproc; echo \$JOBS; sleep 1; $installs" | recipe $name; done
	ok "two builds that look at the machine" "$kiln" -C ws build -j2
	for name in sees looks; do
		ok "the log of $name" "$kiln" -C ws log $name
		same "has the number of the action key" "$(tr '\n' ' ' <out)" "2 2 "
	done
	rm -rf ws/recipes/sees ws/recipes/looks
else
	skip cpus "the number of processors seen inside"
fi

# ---- the preflight ----
echo "$installs" | recipe one
for i in $(seq 40); do echo "$installs" | recipe many$i one; done
ok "forty recipes" "$kiln" -C ws build -j4
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=1600m,mode=755 small small 2>/dev/null; then
	cp -a store small/store
	rm -f ws/.kiln/plan-* && rm -rf small/store/refs/offers
	KILN_STORE=small/store ok "what the store serves needs no room, remembered or not" "$kiln" -C ws build
	says "and nothing is built" "nothing to build: 41 recipes"
	rm -rf small/store/refs/last small/store/refs/action ws/.kiln/plan-*
	KILN_STORE=small/store refused "what it cannot serve does" 1 "MiB of disk where the store is (small/store)" "$kiln" -C ws build
	assert_contains "with a remedy" "hint: free disk space, or set KILN_STORE" "$(cat err)"
	umount small
else
	skip root "the preflight of a small disk"
fi
echo "$installs" | recipe huge "" "memory: 4000000MiB"
ok "a limit beyond the machine's memory is a limit, no need" "$kiln" -C ws build huge
done_testing
