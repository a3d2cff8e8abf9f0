/* SPDX-License-Identifier: Apache-2.0 */
/* Between rootfs.c (packages in, bodies spooled) and rootfs_place.c (paths, conflicts,
 * parents). */
#pragma once

#include "base/vec.h"
#include "images/rootfs.h"

struct rootfs_fill {
	struct arena *a;
	const struct rootfs_spec *spec;
	VEC(struct rootfs_entry *) raw; /* as the packages name them; paths unresolved */
	struct dict placed;             /* final path -> entry */
	uint64_t spooled;
};
/* Adds an entry of `owner`; the path is copied. */
struct rootfs_entry *rootfs_add(struct rootfs_fill *f, const char *path, mode_t mode,
				const char *owner);
/* A number of an account; the name of one that packages may declare. */
bool rootfs_id_parse(const char *s, size_t n, uint32_t *out);
bool rootfs_name_is_valid(const char *s);
/* Adds the accounts that packages declare to etc/passwd and etc/group; after rootfs_place. */
int rootfs_compose_accounts(struct rootfs_fill *f, struct err *err) MUST_CHECK;
/* Gives every raw entry its final place and adds the parents nobody named. */
int rootfs_place(struct rootfs_fill *f, struct err *err) MUST_CHECK;
