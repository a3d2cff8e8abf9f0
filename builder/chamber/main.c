/* SPDX-License-Identifier: Apache-2.0 */
/* The helper as a program of its own: see builder/sandbox_image.c. */
#include "builder/sandbox_priv.h"

int
main(void)
{
	sandbox_helper_main();
}
