#!/bin/sh
# What `make bench` makes of its samples: medians, verdicts, bench.json, and the exit status.
set -u
. "$(dirname "$0")/lib.sh"
report=$(cd "$(dirname "$0")/../bench" && pwd)/report.py
cd "$scratch" || exit 2
mkdir run

value() { # value PYTHON: of the report, as d
	python3 -c 'import json, sys; d = json.load(open("bench.json")); print(eval(sys.argv[1]))' "$1"
}
target() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>run/targets; }
samples() { # samples OURS: three of each series
	printf '@ one\n# a fact\nours %s\nours 30\nours %s\npeer 40\npeer 41\npeer 1000\n= kept files\nkept 0\n! seconds 7\n' \
		"$1" "$1" >run/samples
	printf '@ two\n! seconds 1\n' >>run/samples
}

: >run/missing
samples 20
target one 'against a peer' most ours peer 0.5
target one 'much faster' least ours peer 2
target one 'no more than' more ours peer 0
target one 'nothing left' value kept - 0
target two 'a peer that is not here' most ours absent 2
target two 'only said' reported ours -
echo 'absent: no absent here (Debian package absent)' >>run/missing
ok "all targets met, one unmeasured" python3 "$report" run bench.json 60 5
says "the sum" "4 targets met, 0 missed, 1 unmeasured"
says "why a peer is missing" "no absent here (Debian package absent)"
same "format" "$(value 'd["format"]')" 2
same "medians, not means" "$(value 'd["sections"]["one"]["series"]["peer"]["median"]')" 41.0
same "a target has its section" "$(value '[t["met"] for t in d["sections"]["one"]["targets"]]')" "[True, True, True, True]"
same "unmeasured is neither" "$(value '[(t["met"], t["verdict"]) for t in d["sections"]["two"]["targets"]]')" \
	"[(None, 'unmeasured'), (None, 'reported')]"
same "units" "$(value 'd["sections"]["one"]["series"]["kept"]["unit"], d["sections"]["one"]["series"]["ours"]["unit"]')" "('files', 'us')"
same "the machine" "$(value 'sorted(d["machine"])')" "['arch', 'cpu', 'cpus', 'kernel', 'load', 'memory_mib']"

samples 21
refused "a ratio that is missed" 1 "" python3 "$report" run bench.json 60 5
says "by its words" "MISSED: against a peer"
same "missed is listed" "$(value 'd["missed"]')" "['against a peer', 'much faster']"

samples 20
sed -i 's/^kept 0/kept 1/' run/samples
refused "a count that is not 0" 1 "" python3 "$report" run bench.json 60 5
same "counts have their verdict" "$(value 'd["missed"]')" "['nothing left']"

samples 20
echo 'two: the section ended with status 3' >>run/missing
refused "a section that failed" 1 "" python3 "$report" run bench.json 60 5
same "failed sections are listed" "$(value 'd["failed"]')" "['two']"
done_testing
