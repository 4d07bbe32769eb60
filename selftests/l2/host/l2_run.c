// SPDX-License-Identifier: GPL-2.0
/* Under the name of a test in guest/: has that test run in L2. */
#include <stdlib.h>

#include "../lib.h"

int main(void)
{
	struct l2 vm;
	int rc;

	l2_init(getenv("TEST"));
	l2_set_limit();
	l2_boot(&vm, NULL);
	rc = l2_end(&vm);
	if (rc == 4)
		printf("1..0 # SKIP - %s\n", vm.skip);
	return rc;
}
