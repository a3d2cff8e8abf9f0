# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Builds that do nothing: what Kiln itself costs per action, with chamber, harvest, package, statement,
# signature and durable store. BENCH_ACTIONS (500) recipes, two at a time; a chamber back to back beside it.

target "an action that does nothing (step ':', package without files), -j2" value flat - 5000
target "the same, CPU, against a bare chamber" reported flat-cpu chamber-row
target "an action that makes a directory by mkdir" reported mkdir flat
target "the same, CPU" reported mkdir-cpu flat-cpu
target "an action against a bare chamber" reported flat chamber-row
target "the last actions against the first, CPU" most flat-late-cpu flat-early-cpu 1.1
target "the same where each needs another" most fan-late-cpu fan-early-cpu 1.1

section_actions() {
	if [ ! -d "$filled/trees" ]; then
		miss flat "no filled store at $filled: run make quickstart, or name one in KILN_STORE"
		return 0
	fi
	store_copy "$S/copy" || return 1
	export KILN_STORE="$S/copy" KILN_KEYS="$S/action-keys"
	mkdir -p "$S/action-ws" && cp -a "$top/kiln.yaml" "$top/bootstrap" "$S/action-ws/" &&
		mkdir -p "$S/action-ws/recipes" "$S/action-ws/images"
	tries flat "$kiln -C $S/action-ws key init" || return 0
	count=${BENCH_ACTIONS:-500}
	fact "actions: $count recipes of one package each, -j2, every one in a chamber of the standard ground"
	for shape in flat fan mkdir; do
		python3 "$here/actions.py" "$kiln" "$S/action-ws" "$count" 2 $shape >>"$S/samples" 2>"$S/try" ||
			miss $shape "$(tail -n 1 "$S/try")"
	done
	"$tools/cycle" "$S/store-row" "$tools/true" 30 2>"$S/try" | grep '^chamber-row ' >>"$S/samples" ||
		miss chamber-row "the driver failed: $(tail -n 1 "$S/try")"
}
