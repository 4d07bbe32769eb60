// SPDX-License-Identifier: GPL-2.0
/* Under the name of a test in guest/: has that test run in L2. */
#include "../lib.h"

int main(int argc, char **argv)
{
	struct l2 vm;
	int rc;

	(void)argc;
	l2_init(argv[0]);
	l2_set_limit();
	l2_boot(&vm, NULL);
	rc = l2_end(&vm);
	if (rc == 4)
		printf("1..0 # SKIP - %s\n", vm.skip);
	return rc;
}
