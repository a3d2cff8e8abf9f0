#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make bench` runs: chambers, packing and no-op builds beside what others use for the same, in
# one run on one machine. Writes build/bench.json, prints a table, exits 1 when a ratio is missed.
#
#   BENCH_ROUNDS (60), BENCH_BUILDS (5): samples of a latency, of a whole build
#   BENCH_ONLY: some of "cycle zlib pack workspace"   KILN_STORE: the filled store for the last
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/bench
tools=${KILN_BUILD:-$top/build/release}/bench
kiln=$top/build/kiln
rounds=${BENCH_ROUNDS:-60}
builds=${BENCH_BUILDS:-5}
only=${BENCH_ONLY:-cycle zlib pack workspace}
filled=${KILN_STORE:-$top/.kiln/store}

S=$(mktemp -d "${TMPDIR:-/tmp}/kiln-bench-XXXXXX") || exit 2
chmod 755 "$S"
cleanup() {
	umount "$S/hold/cgroup2" "$S/hold" "$S/podman/root/overlay" 2>/dev/null
	chmod -R u+rwX "$S" 2>/dev/null
	rm -rf "$S"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
: >"$S/samples"
: >"$S/missing"

miss() { # miss SERIES WHY
	printf '%s: %s\n' "$1" "$2" >>"$S/missing"
}
fact() { printf '# %s\n' "$*" >>"$S/samples"; }
need() { # need SERIES PROGRAM DEBIAN-PACKAGE
	command -v "$2" >/dev/null && return 0
	miss "$1" "no $2 here (Debian package $3)"
	return 1
}
wants() { case " $only " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
# The reason a peer cannot run is its own last line.
tries() { # tries SERIES COMMAND
	if ! sh -c "$2" >"$S/try" 2>&1; then
		miss "$1" "does not run here: $(tail -n 1 "$S/try" | tr -d '\r' | cut -c1-200)"
		return 1
	fi
}

# ---- one chamber: create, exec a static true, destroy ----
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

cycle() {
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

# ---- a real build: zlib, in a chamber of one tree per Debian package, and in those merged ----
toolchain='binutils binutils-common binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu coreutils cpp-12 dash
	diffutils findutils gcc gcc-12 grep hostname libacl1 libattr1 libbinutils libc-dev-bin libc6
	libc6-dev libctf-nobfd0 libctf0 libgcc-12-dev libgcc-s1 libgmp10 libgprofng0 libisl23 libjansson4
	libmpc3 libmpfr6 libpcre2-8-0 libselinux1 libstdc++6 libzstd1 linux-libc-dev make mawk sed zlib1g'

copy_package() { # copy_package NAME: below /usr, links and files, /bin and /lib where they really lie
	mkdir -p "$S/pkg/$1"
	dpkg-query -L "$1" | while read -r path; do
		if [ -L "$path" ] || [ -f "$path" ]; then
			echo "$path" | sed -E 's,^/((bin|sbin|lib|lib64)/),/usr/\1,'
		fi
	done | grep '^/usr/' | grep -v '^/usr/share/\(doc\|man\|locale\|info\)/' | tar -C / -cf - -T - 2>/dev/null |
		tar -C "$S/pkg/$1" -xf -
}

# From what a workspace has fetched, else as a Debian source.
zlib_source() {
	sum=$(sed -n 's/^ *sha256: *//p' "$top/recipes/zlib/recipe.yaml" | head -n 1)
	blob=$filled/blobs/$(echo "$sum" | cut -c1-2)/$sum
	if [ -r "$blob" ]; then
		cp "$blob" "$S/zlib.tar"
		return
	fi
	mkdir -p "$S/ws-fetch" && cp -a "$top/kiln.yaml" "$top/recipes" "$top/bootstrap" "$S/ws-fetch/" &&
		KILN_STORE=$S/fetched "$kiln" -C "$S/ws-fetch" fetch zlib >"$S/try" 2>&1 &&
		cp "$S/fetched/blobs/$(echo "$sum" | cut -c1-2)/$sum" "$S/zlib.tar"
}

build_script() {
	cat <<-'END'
		export CC=gcc CFLAGS=-O2
		./configure >configure.out 2>&1 || { tail -n 3 configure.out configure.log >&2; exit 1; }
		make >make.out 2>&1
		times
	END
}

seconds() { # seconds SERIES: the lines of `times`, summed, as microseconds
	grep -E '^[0-9]+m[0-9.]+s [0-9]+m[0-9.]+s$' | tr 'ms' '  ' | awk -v s="$1" '
		{ t += $1 * 60 + $2 + $3 * 60 + $4; n++ } END { if (n == 2) printf "%s %.0f\n", s, t * 1e6; exit n != 2 }'
}

plain_build() { # in the merged trees; /build is a directory of the same file system
	rm -rf "$S/merged/build" && mkdir "$S/merged/build" &&
		tar -C "$S/merged/build" --strip-components=1 -xf "$S/zlib.tar" &&
		cp "$S/script" "$S/merged/script" &&
		env -i PATH=/usr/bin:/bin HOME=/build LC_ALL=C.UTF-8 "$(command -v chroot)" "$S/merged" \
			/bin/sh -c 'cd /build && exec /bin/sh -e /script'
}

one_build() { # one_build SERIES COMMAND...: the first round does not count
	series=$1
	shift
	if ! "$@" >"$S/log" 2>"$S/try" || ! seconds "$series" <"$S/log" >"$S/one"; then
		miss "$series" "the build failed: $(tail -n 1 "$S/try")"
	elif [ "$i" != 0 ]; then
		cat "$S/one" >>"$S/samples"
	fi
}

merge_trees() { # merge_trees NAME...
	mkdir -p "$S/merged/etc" "$S/merged/tmp" "$S/merged/dev"
	for d in bin sbin lib lib64; do
		mkdir -p "$S/merged/usr/$d" && ln -s "usr/$d" "$S/merged/$d"
	done
	for p; do
		cp -a "$S/pkg/$p/." "$S/merged/"
	done
	mknod -m 666 "$S/merged/dev/null" c 1 3
}

zlib() {
	if [ "$(id -u)" != 0 ]; then
		miss zlib-plain "chroot needs root"
		return
	fi
	if ! zlib_source; then
		miss zlib-chamber "no zlib source: $(tail -n 1 "$S/try")"
		return
	fi
	build_script >"$S/script"
	set --
	for p in $toolchain; do
		dpkg-query -W "$p" >/dev/null 2>&1 || continue
		copy_package "$p"
		"$tools/job" "$S/store" tree "$p" "$S/pkg/$p" || return
		set -- "$@" "$p"
	done
	merge_trees "$@"
	fact "zlib: configure && make, $# trees in the environment, plain directory on the disk of the store"
	i=0
	while [ $i -le "$builds" ]; do
		one_build zlib-chamber "$tools/job" "$S/store" run "$S/zlib.tar" "$S/script" "$@"
		one_build zlib-plain plain_build
		one_build zlib-traced "$tools/job" "$S/store" trace "$S/zlib.tar" "$S/script" "$@"
		i=$((i + 1))
	done
}

# ---- packages and metadata ----
pack() {
	need pack-rpmbuild rpmbuild rpm && need pack-rpmbuild cpp-12 cpp-12 || return 0
	copy_package libc6-dev
	copy_package binutils-common
	mkdir -p "$S/tree" "$S/rpmbuild" "$S/repo/packages" "$S/peer"
	cp -a "$S/pkg/libc6-dev/." "$S/pkg/binutils-common/." "$S/tree/"
	cat >"$S/bench.spec" <<-END
		Name: bench
		Version: 1
		Release: 1
		Summary: bench
		License: MIT
		AutoReqProv: no
		%global debug_package %{nil}
		%global __os_install_post %{nil}
		%global _build_id_links none
		%description
		bench
		%install
		rm -rf %{buildroot}; mkdir -p %{buildroot}; cp -al $S/tree/. %{buildroot}/
		%files
		/usr
	END
	fact "package: $(find "$S/tree" -type f | wc -l) files, $(du -sm "$S/tree" | cut -f1) MiB, zstd 9 in both, processes of their own"
	python3 "$here/spawn.py" "$builds" \
		pack-kiln "$tools/pack rpm $S/tree $S/kiln.rpm" \
		pack-rpmbuild "rpmbuild -bb --define '_topdir $S/rpmbuild' --define '_binary_payload w9.zstdio' $S/bench.spec" \
		>>"$S/samples" 2>"$S/try" || miss pack-rpmbuild "$(tail -n 1 "$S/try")"
	need meta-createrepo createrepo_c createrepo-c || return 0
	for i in $(seq 100); do
		cp "$S/kiln.rpm" "$S/repo/packages/bench-$i.rpm"
	done
	fact "metadata: 100 packages, gzip, one worker"
	python3 "$here/spawn.py" "$builds" \
		meta-kiln "$tools/pack repodata $S/repo" \
		meta-createrepo "createrepo_c -q --no-database --workers 1 -o $S/peer $S/repo" \
		>>"$S/samples" 2>"$S/try" || miss meta-createrepo "$(tail -n 1 "$S/try")"
}

# ---- nothing to do, in this workspace ----
workspace() {
	if [ ! -d "$filled/trees" ]; then
		miss workspace-build "no filled store: run make quickstart, or name one in KILN_STORE"
		return
	fi
	mkdir "$S/ws"
	cp -a "$top/kiln.yaml" "$top/recipes" "$top/bootstrap" "$top/images" "$S/ws/"
	export KILN_STORE="$filled" KILN_KEYS="$S/keys"
	for verb in "key init" build publish; do
		"$kiln" -C "$S/ws" $verb >"$S/try" 2>&1 && continue
		miss workspace-build "kiln $verb failed: $(grep -m1 error "$S/try")"
		return
	done
	python3 "$here/spawn.py" "$builds" workspace-build "$kiln -C $S/ws build" \
		workspace-publish "$kiln -C $S/ws publish" >>"$S/samples" 2>"$S/try" ||
		miss workspace-publish "$(tail -n 1 "$S/try")"
	fact "workspace: a second kiln build and kiln publish, $(find "$S/ws/recipes" -name recipe.yaml | wc -l) recipes"
}

for part in cycle zlib pack workspace; do
	wants "$part" && "$part"
done
mkdir -p "$top/build"
python3 "$here/report.py" "$S/samples" "$S/missing" "${BENCH_OUT:-$top/build/bench.json}"
