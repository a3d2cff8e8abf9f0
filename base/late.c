/* SPDX-License-Identifier: Apache-2.0 */
#include "base/late.h"
#include <dlfcn.h>

int
late_load(const char *soname, const struct late_call *calls, size_t n, struct err *err)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		err_set(err, ERR_IO, "cannot load %s: %s", soname, dlerror());
		return err_hint(err, "install the package that holds %s", soname);
	}
	for (size_t i = 0; i < n; i++) {
		void *found = dlsym(library, calls[i].name);

		if (!found)
			return err_set(err, ERR_IO, "%s has no %s", soname, calls[i].name);
		memcpy(calls[i].at, &found, sizeof(found));
	}
	return 0;
}
