/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence of a process that holds keys of which some are behind a module or a program. It is
 * raised after all that only files say was read (descriptions, PINs, public halves, keys in
 * files) and before any foreign code runs. Beyond the system's libraries and programs that code
 * reaches what the descriptions name:
 *
 *   reads: [/etc/vendor]        files and directories to read and to run from
 *   writes: [/var/lib/tokens]   to read and write
 *   sockets: true               sockets of this machine (AF_UNIX): all that the user may call
 *   network: true               any socket
 *
 * Landlock does not ask who calls a socket that has a name in files, so without the last two
 * there is no socket at all; nor does its first version know truncate(2), which is gone always.
 * A path that would open the key set itself is refused, and so is a kernel without Landlock.
 */
#pragma once

#include "base/proc.h"
#include "base/vec.h"
#include "trust/key_backend_priv.h"

struct key_reach { /* of one description, or of several together */
	VEC(struct proc_gate) gates;
	bool sockets, network;
};
void key_reach_release(struct key_reach *r);
DEFINE_RELEASE(struct key_reach, key_reach_release);
/* A file or directory that must be there, named with its whole path. */
int key_reach_add(struct key_reach *r, const char *path, unsigned rights,
		  struct err *err) MUST_CHECK;
/* `reads`, `writes`, `sockets` and `network` of a description. */
int key_reach_read(struct key_reach *r, const struct key_described *how, const struct doc *d,
		   struct err *err) MUST_CHECK;
/* Moves what from has into to. */
void key_reach_join(struct key_reach *to, struct key_reach *from);
/* Raises it around this process; set: the directory of the keys. */
int key_fence(const struct key_reach *r, int set, struct err *err) MUST_CHECK;
