# SPDX-License-Identifier: Apache-2.0
# Containers as an orchestrator that trusts nobody would start them: the image's own account, a root that cannot be written, no
# capability, no new privileges, a network of its own with nothing but loopback. By runc, which needs no daemon and no cgroup rights.
. "$(dirname "$0")/../cli/lib.sh"
images=$KILN_WS/out/images
containers=

# Ends what runs, whatever happened.
end_containers() {
	for c in $containers; do runc --root "$scratch/runc" delete -f "$c" >/dev/null 2>&1; done
}
trap 'end_containers; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT

# Of a bundle: everything an image may ask for, and nothing more than a container needs.
harden='.process.terminal = false | .root.readonly = true | .process.noNewPrivileges = true
	| .process.capabilities = {bounding: [], effective: [], inheritable: [], permitted: [], ambient: []}
	| del(.linux.resources) | .mounts |= map(select(.destination != "/sys/fs/cgroup"))
	| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"]}]'

unpack() { # unpack NAME: the image to $scratch/NAME, ready to run
	rm -rf "${scratch:?}/$1"
	umoci unpack --image "$images/$1:latest" "$scratch/$1" >/dev/null 2>"$scratch/err" || { fail "umoci unpacks $1" "$(cat "$scratch/err")"; return 1; }
	edit "$1" "$harden"
	# A volume begins as what the package has there, as every engine does it.
	for v in $(config "$1" | jq -r '.Volumes // {} | keys[]'); do
		mkdir -p "$scratch/$1.volumes" && cp -a "$scratch/$1/rootfs$v" "$scratch/$1.volumes/$(basename "$v")"
		edit "$1" '.mounts |= map(select(.destination != $v))' --arg v "$v"
		mount_at "$1" "$scratch/$1.volumes/$(basename "$v")" "$v" rw
	done
}

edit() { # edit NAME FILTER [JQ-OPTION...]: the bundle's configuration
	bundle=$scratch/$1 filter=$2
	shift 2
	jq "$filter" "$bundle/config.json" "$@" >"$scratch/config" && mv "$scratch/config" "$bundle/config.json"
}

mount_at() { # mount_at NAME FROM TO [rw]; the place is made, as an engine would
	mkdir -p "$scratch/$1/rootfs$3"
	edit "$1" '.mounts += [{destination: $to, type: "bind", source: $from, options: ["rbind", $how, "nosuid", "nodev"]}]' \
		--arg from "$2" --arg to "$3" --arg how "${4:-ro}"
}

blob() { # blob NAME DIGEST
	cat "$images/$1/blobs/sha256/${2#sha256:}"
}

config() { # config NAME: what the image says of how it starts
	blob "$1" "$(blob "$1" "$(jq -r '.manifests[0].digest' "$images/$1/index.json")" | jq -r .config.digest)" | jq .config
}

size() { # size NAME: compressed bytes, as a registry sends them
	cat "$images/$1"/blobs/sha256/* | wc -c
}

run() { # run NAME WORD...: to its end, with these words instead of the image's arguments; like ok, the output is kept
	container=kiln-$$-$1 bundle=$scratch/$1
	shift
	# Word by word, since --args would take those that begin with a dash for its own.
	words=$(for w; do printf %s "$w" | jq -Rs .; done | jq -s .)
	jq '.process.args = $words' --argjson words "$words" "$bundle/config.json" >"$scratch/config" && mv "$scratch/config" "$bundle/config.json"
	runc --root "$scratch/runc" run --bundle "$bundle" "$container" </dev/null >"$scratch/out" 2>"$scratch/err"
}

start() { # start NAME: in the background; its pid is $pid, its output $scratch/NAME.log
	containers="$containers kiln-$$-$1"
	runc --root "$scratch/runc" run --detach --pid-file "$scratch/$1.pid" --bundle "$scratch/$1" "kiln-$$-$1" \
		</dev/null >>"$scratch/$1.log" 2>&1 || return
	pid=$(cat "$scratch/$1.pid")
}

inside() { # inside NAME WORD...: another program in a container that runs
	container=kiln-$$-$1
	shift
	runc --root "$scratch/runc" exec "$container" "$@"
}

stop() { # stop NAME: by the image's own signal; succeeds when it ended by itself
	signal=$(config "$1" | jq -r .StopSignal)
	runc --root "$scratch/runc" kill "kiln-$$-$1" "${signal#SIG}" || return
	until_true ended "$1" && runc --root "$scratch/runc" delete "kiln-$$-$1"
}

ended() {
	[ "$(runc --root "$scratch/runc" state "kiln-$$-$1" | jq -r .status)" = stopped ]
}

until_true() { # until_true COMMAND...: asks again, for a while
	tries=0
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || return 1
		sleep 0.2
	done
}

beside() { # beside WORD...: a program of this machine in the network of the container started last
	nsenter -t "$pid" -n "$@"
}

unprivileged() { # unprivileged NAME: what the kernel says of the process started last
	status=$(cat "/proc/$pid/status")
	assert_eq "$1: it runs without any capability" "0000000000000000 0000000000000000 0000000000000000" \
		"$(printf '%s\n' "$status" | awk '/^Cap(Prm|Eff|Bnd)/ { print $2 }' | tr '\n' ' ' | sed 's/ $//')"
	assert_lacks "$1: not as root" " 0 " " $(printf '%s\n' "$status" | awk '/^Uid|^Gid/ { print $2, $3, $4, $5 }' | tr '\n' ' ') "
	assert_eq "$1: on a root that cannot be written" ro "$(awk '$5 == "/" { split($6, o, ","); print o[1] }' "/proc/$pid/mountinfo")"
}

tls_server() { # tls_server: a certificate of a CA that nobody else knows, for localhost, in $scratch/tls
	mkdir -p "$scratch/tls" && chmod 755 "$scratch/tls"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Test CA" -keyout "$scratch/tls/ca.key" -out "$scratch/tls/ca.pem" \
		-addext basicConstraints=critical,CA:true 2>/dev/null &&
		openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$scratch/tls/key.pem" -out "$scratch/tls/csr" 2>/dev/null &&
		printf 'subjectAltName=DNS:localhost\n' >"$scratch/tls/ext" &&
		openssl x509 -req -in "$scratch/tls/csr" -CA "$scratch/tls/ca.pem" -CAkey "$scratch/tls/ca.key" -days 2 \
			-extfile "$scratch/tls/ext" -out "$scratch/tls/cert.pem" 2>/dev/null &&
		chmod 644 "$scratch"/tls/*.pem
}
