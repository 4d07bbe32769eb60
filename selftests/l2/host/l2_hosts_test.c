// SPDX-License-Identifier: GPL-2.0
/*
 * L2 moves to a host whose TSC runs half as fast again, and which cannot scale
 * it. By kvm-clock its time goes on from where it was, at the right rate.
 */
#include <stdlib.h>

#include "../peer.h"

#define SECONDS	2	/* that a rate is measured over */

int main(void)
{
	struct l2_sample a[2], b[2];
	int64_t now, moved;
	struct l2 vm;
	int fd;

	l2_init(getenv("TEST"));
	l2_set_limit();
	l2_boot(&vm, "clock_server");
	peer_open();
	l2_until_served(&vm);

	a[0] = l2_sample(&vm, 0);
	l2_run(&vm, SECONDS);
	a[1] = l2_sample(&vm, 0);
	l2_same_rate(&a[0], &a[1], "on the first host");

	fd = state_file();
	l2_save(&vm, fd);
	peer_load(&vm, fd);
	b[0] = peer_sample(0);
	now = clock_ns(CLOCK_MONOTONIC_RAW);
	peer_run(SECONDS);
	b[1] = peer_sample(0);
	l2_same_rate(&b[0], &b[1], "on the second host");

	/* From the last reading over here to the first one over there. */
	moved = b[0].at + b[0].mono.max - (a[1].at + a[1].mono.min);
	printf("L2's time moved in the migration: %.1f ms\n", moved / 1e6);
	printf("L1's time moved in the migration: %.1f ms\n", (now - a[1].at) / 1e6);
	if (moved < 0)
		l2_fail("time in L2 has gone back by %lld ns", (long long)-moved);
	if (b[0].at + b[0].mono.min - (a[1].at + a[1].mono.max) > now - a[1].at)
		l2_fail("time in L2 has moved by %lld ns, but in L1 only by %lld",
			(long long)moved, (long long)(now - a[1].at));
	peer_finish();
	return 0;
}
