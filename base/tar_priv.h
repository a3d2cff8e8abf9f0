/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of unpacking: names (tar_name.c) and what stands on disk (tar_place.c). Neither
 * knows libarchive; tar.c reads and calls both.
 */
#pragma once

#include "base/dict.h"
#include "base/fd.h"
#include "base/tar.h"

#define TAR_NAME_MAX 4096

/*
 * Makes the relative name an archive's raw name stands for: "./", doubled and trailing slashes
 * go, then the leading components to strip. "" means nothing is left. "..", absolute names and
 * names that are not printable UTF-8 are errors.
 */
int tar_name_clean(const char *raw, const struct tar_select *select, unsigned max_depth,
		   char out[TAR_NAME_MAX], struct err *err) MUST_CHECK;
/* Whether a clean name is wanted; marks the globs that matched in hits. */
bool tar_name_selected(const char *name, const struct tar_select *select, bool *hits);
/* Moves bin/ sbin/ lib/ lib32/ lib64/ libx32/ below usr/, in place; true when it moved. */
bool tar_name_merge(char name[TAR_NAME_MAX]);
/* The target a relative symbolic link needs after its own name was moved from `from` to `to`.
 */
int tar_name_retarget(const char *from, const char *to, const char *target,
		      char out[TAR_NAME_MAX], struct err *err) MUST_CHECK;

/* Where entries are placed. Every directory touched is remembered, because its time can only be
 * set when nothing is placed in it any more. */
struct tar_place {
	int root; /* borrowed */
	int64_t mtime;
	int parent; /* the last parent directory, since entries come in groups */
	char parent_path[TAR_NAME_MAX];
	struct dict dirs;
};
void tar_place_init(struct tar_place *p, int dirfd, int64_t mtime);
int tar_place_dir(struct tar_place *p, const char *name, struct err *err) MUST_CHECK;
/* A fresh file open for writing; tar_place_done gives it mode and time and closes it. */
int tar_place_file(struct tar_place *p, const char *name, int *fd, struct err *err) MUST_CHECK;
/* The file an earlier entry made, emptied: cpio stores the bytes of hard links with the last
 * name. */
int tar_place_again(struct tar_place *p, const char *name, int *fd, struct err *err) MUST_CHECK;
int tar_place_done(struct tar_place *p, const char *name, bool exec, int *fd,
		   struct err *err) MUST_CHECK;
int tar_place_symlink(struct tar_place *p, const char *name, const char *target,
		      struct err *err) MUST_CHECK;
int tar_place_link(struct tar_place *p, const char *name, const char *target,
		   struct err *err) MUST_CHECK;
int tar_place_end(struct tar_place *p, struct err *err) MUST_CHECK; /* times of directories */
void tar_place_release(struct tar_place *p);
DEFINE_RELEASE(struct tar_place, tar_place_release);
