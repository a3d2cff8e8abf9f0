/* SPDX-License-Identifier: Apache-2.0 */
/* What makes packages, as a program of its own: see builder/build_pack_image.c. */
#include "builder/build_pack_priv.h"

int
main(void)
{
	build_pack_serve(NULL);
}
