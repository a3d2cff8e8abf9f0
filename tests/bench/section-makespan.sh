# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A distribution's graph, run-time needs included, played through the scheduler's rule with recorded
# durations, against its lower bound (the larger of work / workers and the longest path), and beside
# first come, first served. The graph is not in the tree: KILN_GRAPH names it, plain or .zst
# (tests/bench/world.py says what its columns are).

for workers in 8 64; do
	for series in "" -bound -fifo; do
		unit "makespan-$workers$series" s
	done
	target "makespan at $workers workers, of the lower bound" most "makespan-$workers" "makespan-$workers-bound" 1.01
	target "first come, first served at $workers workers" reported "makespan-$workers-fifo" "makespan-$workers-bound"
done

section_makespan() {
	if [ ! -r "${KILN_GRAPH:-}" ]; then
		for workers in 8 64; do
			miss "makespan-$workers" "no graph: name one in KILN_GRAPH"
			miss "makespan-$workers-fifo" "no graph: name one in KILN_GRAPH"
		done
		return 0
	fi
	case $KILN_GRAPH in
	*.zst)
		need makespan-8 zstd zstd && need makespan-64 zstd zstd || return 0
		zstd -dcq "$KILN_GRAPH" >"$S/graph.tsv"
		;;
	*) cp "$KILN_GRAPH" "$S/graph.tsv" ;;
	esac
	python3 "$here/runtime.py" "$S/graph.tsv" >"$S/lines" 2>"$S/try" || return 1
	fact "graph: $(cat "$S/try")"
	"$tools/makespan" "$S/lines" 8 64 >"$S/made" || return 1
	while read -r workers bound ours fifo longest; do
		for part in "=$ours" "-bound=$bound" "-fifo=$fifo"; do
			echo "makespan-$workers${part%%=*} $(echo "${part#*=}" | awk '{ print $1 / 1000 }')" >>"$S/samples"
		done
		fact "longest path $((longest / 3600000)) h of what $workers workers do in $((bound / 3600000)) h at best"
	done <"$S/made"
}
