# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# One chamber: create, exec a static true, destroy; beside the kernel floor and what others use.

target "chamber against the kernel floor" most chamber floor 3.0
target "chamber against bwrap" most chamber bwrap 0.7
target "nix-build against chamber" least chamber nix 15
target "podman run against chamber" least chamber podman 30
target "400 trees more than 10, on kept bases" more chamber-400 chamber-10 300
target "chambers without pause against the floor" reported chamber-row floor-row
target "chamber against unshare(1), no walls" reported chamber unshare

bwrap_peer() {
	need bwrap bwrap bubblewrap || return 0
	mkdir -p "$S/root/usr/bin" && cp "$tools/true" "$S/root/usr/bin/sh"
	command="bwrap --unshare-all --die-with-parent --new-session --hostname kiln --clearenv
		--ro-bind $S/root/usr /usr --symlink usr/bin /bin --proc /proc --dev /dev --tmpfs /build
		--tmpfs /tmp --tmpfs /out --tmpfs /dev/shm --chdir /build /bin/sh"
	command=$(echo $command)
	tries bwrap "$command" && PEERS_bwrap=$command
	fact "bwrap: $(bwrap --version)"
}

unshare_peer() {
	need unshare unshare util-linux || return 0
	command="unshare -r -m -p -f -n -i -u -C $tools/true"
	tries unshare "$command" && PEERS_unshare=$command
}

# Single-user, its own store below the scratch directory, sandboxed: no daemon, nothing of the host's.
nix_peer() {
	need nix nix-build nix-bin || return 0
	need nix busybox busybox-static || return 0
	mkdir -p "$S/nix/store" "$S/nix/state" "$S/nix/log" "$S/nix/conf"
	cat >"$S/nix/conf/nix.conf" <<-END
		sandbox = true
		sandbox-fallback = false
		sandbox-paths = /bin/sh=$(command -v busybox)
		build-users-group =
		substitute = false
	END
	cat >"$S/trivial.nix" <<-'END'
		{ n }: derivation {
		  name = "trivial-${n}";
		  system = builtins.currentSystem;
		  builder = "/bin/sh";
		  args = [ "-c" "echo ${n} > $out" ];
		}
	END
	export NIX_STORE_DIR="$S/nix/store" NIX_STATE_DIR="$S/nix/state" NIX_LOG_DIR="$S/nix/log"
	export NIX_CONF_DIR="$S/nix/conf" NIX_REMOTE=
	command="nix-build --quiet --quiet --no-out-link --argstr n %d $S/trivial.nix"
	tries nix "$(echo "$command" | sed 's/%d/first/')" && PEERS_nix=$command
	fact "nix: $(nix-build --version), sandbox = true, a new derivation each time"
}

podman_at() { # podman_at PREFIX ARGS...: in a storage of its own
	prefix=$1
	shift
	$prefix podman --root "$S/podman/root" --runroot "$S/podman/run" --tmpdir "$S/podman/tmp" \
		--cgroup-manager=cgroupfs --runtime crun "$@"
}

# crun refuses a hybrid cgroup tree: there podman gets a mount namespace with version 2 alone.
cgroup2_only() {
	mkdir -p "$S/hold" && mount --bind "$S/hold" "$S/hold" && mount --make-private "$S/hold" &&
		touch "$S/hold/cgroup2" && unshare --mount="$S/hold/cgroup2" sh -c \
		'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup' 2>/dev/null
}

podman_peer() {
	need podman podman podman || return 0
	need podman crun crun || return 0
	mkdir -p "$S/image/bin" "$S/podman" && cp "$tools/true" "$S/image/bin/sh"
	tar -C "$S/image" -cf "$S/image.tar" .
	if ! podman_at "" import "$S/image.tar" bench:latest >"$S/try" 2>&1; then
		miss podman "cannot import an image: $(tail -n 1 "$S/try")"
		return 0
	fi
	options="run --rm --network none --cgroups=disabled --log-driver none --ulimit nofile=1024:1024
		--ulimit nproc=1024:1024 bench:latest /bin/sh"
	prefix=
	if [ -d /sys/fs/cgroup/unified ] && cgroup2_only; then
		prefix="nsenter --mount=$S/hold/cgroup2"
	fi
	command=$(echo $prefix podman --root "$S/podman/root" --runroot "$S/podman/run" --tmpdir \
		"$S/podman/tmp" --cgroup-manager=cgroupfs --runtime crun $options)
	tries podman "$command" && PEERS_podman=$command
	fact "podman: $(podman --version)${prefix:+, in a mount namespace with cgroup v2 alone}"
}

section_chamber() {
	PEERS_bwrap='' PEERS_unshare='' PEERS_nix='' PEERS_podman=''
	bwrap_peer
	unshare_peer
	nix_peer
	podman_peer
	set --
	[ -z "$PEERS_bwrap" ] || set -- "$@" bwrap 1 "$PEERS_bwrap"
	[ -z "$PEERS_unshare" ] || set -- "$@" unshare 1 "$PEERS_unshare"
	[ -z "$PEERS_nix" ] || set -- "$@" nix 3 "$PEERS_nix"
	[ -z "$PEERS_podman" ] || set -- "$@" podman 3 "$PEERS_podman"
	"$tools/cycle" "$S/store" "$tools/true" "$rounds" "$@" >>"$S/samples" ||
		miss chamber "the driver failed"
}
