#!/bin/sh
# The main job, once: from a fresh Debian 12 machine to a verified repository and image.
set -eu
cd "$(dirname "$0")/.."
start=$(date +%s)
say() { printf '\n== %s\n' "$*"; }

say "1/6 build dependencies"
mk/deps.sh build
say "2/6 compiling Kiln"
make --no-print-directory -j2 all
say "3/6 fetching pinned inputs"
build/kiln fetch
say "4/6 building the recipes, each alone in its chamber"
build/kiln build
say "5/6 publishing the repository, assembling the images"
build/kiln publish
build/kiln image busybox static
say "6/6 verifying, offline"
build/kiln verify out/repo out/images/busybox out/images/static

cat <<TEXT

Done in $(($(date +%s) - start)) seconds.

  out/repo/             signed RPM repository (packages, provenance, metadata, keys, kiln.repo)
  out/images/busybox/   OCI layout of a shell image; proof beside it in busybox.attest/
  out/images/static/    OCI layout for static programs

Try next:
  build/kiln verify out/repo/packages/zlib-1.2.13-1.x86_64.rpm
  skopeo inspect oci:out/images/busybox            (package skopeo)
  build/kiln shell zlib                            step into a chamber
  build/kiln help                                  all commands
TEXT
