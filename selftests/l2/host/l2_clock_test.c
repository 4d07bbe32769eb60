// SPDX-License-Identifier: GPL-2.0
/*
 * The clocks of L2 follow CLOCK_MONOTONIC_RAW of L1, on each vCPU, and again
 * after L2 has been saved and has gone on in another QEMU: they do not go
 * back, and lose the time that L2 was in the file. QEMU takes the clock with
 * it: it reads it when L2 stops or, with newer machine types, when its state
 * is written, and sets it to that when L2 goes on.
 */
#include <stdlib.h>

#include "../peer.h"

#define SECONDS		2	/* that a rate is measured over */
#define DRIFT_NS	2000	/* in as long, at 1 ppm: see RATE_PPM */

int main(void)
{
	struct l2_sample s[4], other;
	struct l2_range a, b, lost;
	int64_t begin, saved;
	struct l2 vm, next;
	int fd;

	l2_init(getenv("TEST"));
	l2_set_limit();
	l2_boot(&vm, "clock_server");
	l2_until_served(&vm);

	s[0] = l2_sample(&vm, 0);
	l2_run(&vm, SECONDS);
	s[1] = l2_sample(&vm, 0);
	l2_same_rate(&s[0], &s[1], "in L2");

	/* The same clock on the other vCPU: the ranges meet. */
	other = l2_sample(&vm, 1);
	a = s[1].mono;
	b = other.mono;
	printf("offset known to: %lld ns\n", (long long)(a.max - a.min));
	if (a.min > b.max + DRIFT_NS || b.min > a.max + DRIFT_NS)
		l2_fail("vCPU 0 is ahead of L1 by %lld to %lld ns, vCPU 1 by %lld to %lld",
			(long long)a.min, (long long)a.max, (long long)b.min, (long long)b.max);

	fd = state_file();
	begin = clock_ns(CLOCK_MONOTONIC_RAW);
	l2_save(&vm, fd);
	saved = clock_ns(CLOCK_MONOTONIC_RAW);
	lseek(fd, 0, SEEK_SET);
	l2_load(&next, fd, &vm);
	s[2] = l2_sample(&next, 0);
	l2_run(&next, SECONDS);
	s[3] = l2_sample(&next, 0);
	l2_same_rate(&s[2], &s[3], "after the migration");

	/* The clock was read before the saving was over, and set after the loading had begun. */
	lost.min = s[1].mono.min - s[2].mono.max;
	lost.max = s[1].mono.max - s[2].mono.min;
	printf("lost in the migration: %.1f ms\n", (lost.min + lost.max) / 2e6);
	printf("away: %.1f ms\n", (s[2].at - begin) / 1e6);
	printf("of it between QEMU and QEMU: %.1f ms\n", (next.loading - saved) / 1e6);
	if (lost.max < next.loading - saved || lost.min > s[2].at - begin)
		l2_fail("L2 has lost %lld ns in the migration, not %lld to %lld",
			(long long)lost.min, (long long)(next.loading - saved),
			(long long)(s[2].at - begin));
	l2_finish(&next);
	return 0;
}
