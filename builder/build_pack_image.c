/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that has packages made, before it is one: a fork of the loop that gives up what
 * it may not have and becomes a program of its own (base/image.h, builder/packer/) with a third
 * of the libraries and nothing of the loop's memory.
 */
#include "builder/build_pack_priv.h"
#include "base/image.h"
#include "base/proc.h"
#include "builder/sandbox_priv.h"
#include <signal.h>
#include <sys/prctl.h>

extern const unsigned char build_pack_image_program[], build_pack_image_program_end[];

/* The ways to signer and chambers and everything but the store are closed, root is left, and
 * no privilege can be had again. */
static int
narrow(const struct cas *store, int sock, struct err *err)
{
	int keep[] = { sock, cas_dirfd(store) };
	struct stat st;

	proc_close_others(keep, ARRAY_LEN(keep));
	if (fstat(cas_dirfd(store), &st) < 0)
		return err_sys(err, "the store");
	if (sandbox_ids_drop(cas_uid(store), st.st_gid, err) < 0 ||
	    sandbox_ids_die_with_parent(err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, "giving up privileges");
	return 0;
}

void
build_pack_image_run(const struct cas *store, int sock)
{
	int fds[BUILD_PACK_IMAGE_FDS] = {
		[BUILD_PACK_SOCK] = sock, [BUILD_PACK_STORE] = cas_dirfd(store)
	};
	struct err refused = { .code = ERR_NONE };
	bool stands;

	(void)signal(SIGINT, SIG_IGN);  /* the parent decides */
	(void)signal(SIGPIPE, SIG_IGN); /* it may have heard enough */
	(void)prctl(PR_SET_NAME, BUILD_PACK_NAME);
	stands = narrow(store, sock, &refused) == 0;
	if (image_place(fds, ARRAY_LEN(fds), &refused) < 0)
		proc_child_exit(0);
	if (stands)
		image_become(BUILD_PACK_NAME, build_pack_image_program,
			     build_pack_image_program_end);
	build_pack_serve(stands ? NULL : &refused);
}
