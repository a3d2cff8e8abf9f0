# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Deciding, with every result in the store: nothing to do, a changed leaf, a changed hub, no memo at all;
# questions about the graph; ninja and nix-instantiate over the same graph. KILN_GRAPH: a real distribution's
# graph (world.py says how it is written; .zst too), of which 10,000 and all are taken; without, one is made up.
# BENCH_RECIPES (10000) is for trying the section itself: its targets are about 10,000. To make the worlds
# takes most of the time: BENCH_WORLDS names a directory in which they are kept for the next run.

target "nothing to do among 10,000, beside ninja" most plan-noop plan-ninja 5
target "nothing to do among 10,000, beside nix-instantiate" most plan-noop plan-nix 1
target "nothing to do among 10,000" value plan-noop - 500000
target "its memory" value plan-memory - 102400
target "nothing to do among 34,000" value plan-noop-all - 2000000
target "one changed leaf among 10,000" value plan-leaf - 600000
target "a changed hub among 10,000" reported plan-hub -
target "a changed hub, for each recipe above it, beside a leaf" reported plan-hub-each plan-leaf
target "no memo: a fresh clone on a filled store, for each recipe" reported plan-clone-each -
target "its memory" reported plan-clone-memory -
target "kiln graph over 10,000" value plan-graph - 100000
target "kiln why over 10,000" value plan-why - 100000
target "kiln affected over 10,000" value plan-affected - 100000

plan_world() { # plan_world NAME COUNT: a workspace, its store filled and its memo written
	w=$worlds/$1
	export KILN_STORE="$worlds/store-$1" KILN_KEYS="$worlds/keys"
	if [ ! -e "$w/filled" ]; then
		python3 "$here/world.py" "$w" "$2" ${graph:+"$graph"} || return 1
		[ -d "$KILN_KEYS" ] || "$kiln" -C "$w" key init >"$S/try" 2>&1 || return 1
		"$tools/fill" "$w" "$KILN_STORE" "$KILN_KEYS" >"$S/try" 2>&1 || return 1
		touch "$w/filled"
	fi
	plan_restore
	for i in 1 2; do # the lock is made, then every proof is there to be taken
		"$kiln" -C "$w" build >"$S/try" 2>&1 || return 1
	done
	grep -q 'nothing to build' "$S/try"
}

plan_peers() {
	plan_ninja=: plan_nix=:
	if need plan-ninja ninja ninja-build && ninja -C "$w" >"$S/try" 2>&1; then
		plan_ninja="ninja -C $w"
	fi
	need plan-nix nix-instantiate nix-bin || return 0
	mkdir -p "$S/plan/nix/conf"
	export NIX_STORE_DIR="$S/plan/nix/store" NIX_STATE_DIR="$S/plan/nix/state" NIX_LOG_DIR="$S/plan/nix/log"
	export NIX_CONF_DIR="$S/plan/nix/conf" NIX_REMOTE=
	echo 'build-users-group =' >"$NIX_CONF_DIR/nix.conf"
	tries plan-nix "nix-instantiate $w/default.nix" && plan_nix="nix-instantiate $w/default.nix"
}

# Changes the source's digest of a recipe to one it never had, and asks what is to be done.
plan_changer() { # plan_changer SCRIPT NAME
	cp -p "$w/recipes/$2/recipe.yaml" "$w/before-$2"
	cat >"$1" <<-END
		n=\$(cat "$1.n" 2>/dev/null || echo 1)
		echo \$((n + 1)) >"$1.n"
		sed -i "s/sha256: .*/sha256: \$(printf '%064x' \$((n + 900000000)))/" "$w/recipes/$2/recipe.yaml"
		exec "$kiln" -C "$w" build --dry-run
	END
}

plan_restore() { # what changers changed, in this run or in one that was stopped
	for before in "$w"/before-*; do
		[ ! -e "$before" ] || mv "$before" "$w/recipes/${before##*/before-}/recipe.yaml"
	done
}

plan_memory() { # KiB, of the largest process
	python3 - "$kiln" "$w" <<-'END'
		import os, subprocess, sys
		p = subprocess.Popen([sys.argv[1], "-C", sys.argv[2], "build"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		print("plan-memory", os.wait4(p.pid, 0)[2].ru_maxrss)
	END
}

plan_clone() { # once, for it takes as long as everything else here
	rm -f "$w"/.kiln/plan-*
	python3 - "$kiln" "$w" <<-'END'
		import os, subprocess, sys, time
		began = time.monotonic()
		p = subprocess.Popen([sys.argv[1], "-C", sys.argv[2], "build", "--dry-run"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		used = os.wait4(p.pid, 0)[2]
		print("plan-clone", (time.monotonic() - began) * 1e6)
		print("plan-clone-cpu", (used.ru_utime + used.ru_stime) * 1e6)
		print("plan-clone-memory", used.ru_maxrss)
	END
}

plan_graph() { # the file named by KILN_GRAPH, as plain text
	graph=
	[ -n "${KILN_GRAPH:-}" ] || return 0
	graph=$S/plan/graph.tsv
	case "$KILN_GRAPH" in
	*.zst) zstdcat "$KILN_GRAPH" >"$graph" ;;
	*) cp "$KILN_GRAPH" "$graph" ;;
	esac
}

plan_questions() {
	in_turn $((builds * 4)) plan-graph "$kiln -C $w graph" \
		plan-why "$kiln -C $w why $leaf $hub" \
		plan-affected "$kiln -C $w affected $hub"
}

# What costs more than a decision of nothing, over what it touched.
plan_each() { # plan_each SERIES NAME COUNT
	awk -v s="$1" -v name="$2" -v n="$3" '$1 == s { print name, $2 / n }' "$S/samples" >"$S/each"
	cat "$S/each" >>"$S/samples"
}

section_plan() {
	worlds=${BENCH_WORLDS:-$S/plan}
	mkdir -p "$worlds"
	recipes=${BENCH_RECIPES:-10000}
	mkdir -p "$S/plan"
	if ! plan_graph || ! plan_world some "$recipes"; then
		miss plan-noop "the world was not made: $(tail -n 1 "$S/try")"
		return 0
	fi
	leaf=$(sed -n 's/^leaf //p' "$w/shape") hub=$(sed -n 's/^hub //p' "$w/shape")
	users=$(sed -n 's/^users //p' "$w/shape")
	fact "plan: $recipes recipes ${graph:+of a real distribution}, leaf $leaf, hub $hub needed by $users directly"
	unit plan-memory KiB
	unit plan-clone-memory KiB
	plan_memory >>"$S/samples"
	plan_peers
	in_turn $((builds * 4)) plan-noop "$kiln -C $w build" plan-ninja "$plan_ninja"
	[ "$plan_nix" = : ] || in_turn "$builds" plan-nix "$plan_nix"
	[ "$plan_ninja" != : ] || sed -i '/^plan-ninja/d' "$S/samples"
	plan_questions
	plan_changer "$S/plan/leaf.sh" "$leaf"
	plan_changer "$S/plan/hub.sh" "$hub"
	in_turn "$builds" plan-leaf "sh $S/plan/leaf.sh"
	in_turn 3 plan-hub "sh $S/plan/hub.sh"
	plan_each plan-hub plan-hub-each "$users"
	plan_restore
	plan_clone >>"$S/samples"
	plan_each plan-clone plan-clone-each "$recipes"
	if [ -z "$graph" ]; then
		miss plan-noop-all "no graph of a distribution: name one in KILN_GRAPH"
	elif plan_world all 1000000; then
		in_turn "$builds" plan-noop-all "$kiln -C $w build"
	else
		miss plan-noop-all "the world was not made: $(tail -n 1 "$S/try")"
	fi
}
