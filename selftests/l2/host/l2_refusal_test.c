// SPDX-License-Identifier: GPL-2.0
/*
 * A host whose TSC runs faster than the one that an L2 was promised, and which
 * cannot scale it, refuses that L2, and KVM says why.
 */
#include <stdlib.h>

#include "../peer.h"

int main(void)
{
	const char *why;
	struct l2 vm;
	int fd;

	l2_init(getenv("TEST"));
	l2_set_limit();
	peer_open();
	l2_boot(&vm, "clock_server");
	l2_until_served(&vm);
	fd = state_file();
	l2_save(&vm, fd);
	why = peer_refuses(&vm, fd);
	if (!why)
		l2_fail("a TSC of 2 GHz runs on a host with 3 GHz");
	printf("refused: %s\n", why);
	if (!strstr(why, "QEMU ended"))
		l2_fail("QEMU should have ended, because KVM refuses the frequency");
	return 0;
}
