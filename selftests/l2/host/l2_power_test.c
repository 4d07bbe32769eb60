// SPDX-License-Identifier: GPL-2.0
/*
 * L2 is suspended to idle and woken, some times, and then starts its kernel
 * anew by kexec. After each its CPUs have the clock event device that they are
 * to have (l2_clockevent_test), whose timers are as late as they were before,
 * and not early; and its time never goes back, nor gains on L1's.
 */
#include <stdlib.h>

#include "../late.h"

#define SUSPENDS	2
#define SECONDS		2	/* of a suspend, or more if L2 takes so long to get there */
#define GAIN_PPM	1	/* KVM hands the frequency of the TSC to L2 in kHz */
/* Less than that is the noise of any machine. */
#define NOISE_NS	10000000

static struct l2 vm;

static void run(const char *where)
{
	l2_order(&vm, L2_TEST_CLOCKEVENTS, 0);
	l2_timers_start(&vm, L2_TIMERS_SHORT);
	timers = *l2_timers_end(&vm);
	check_timers();
	if (!noise) {
		set_noise();
		if (noise < NOISE_NS)
			noise = NOISE_NS;
	}
	report(where);
	judge(where);
}

/* Time goes on in suspend to idle: a CPU that can only be halted has no state for which its timers are stopped. */
static void suspend(void)
{
	struct l2_sample a = l2_sample(&vm, 0), b;
	int64_t gain;

	l2_order(&vm, L2_SUSPEND, SECONDS);
	b = l2_sample(&vm, 0);
	gain = b.mono.min - a.mono.max;
	printf("L2's time stood still in suspend: %.1f ms\n", (a.mono.min - b.mono.max) / 1e6);
	printf("time from before to after suspend: %.1f ms\n", (b.at - a.at) / 1e6);
	if (gain > (b.at - a.at) / 1000000 * GAIN_PPM)
		l2_fail("in suspend L2 has gained %lld ns", (long long)gain);
	if (a.at + a.mono.min > b.at + b.mono.max)
		l2_fail("in suspend the time of L2 has gone back");
	run("after suspend");
}

static void kexec(void)
{
	int64_t before = l2_sample(&vm, 0).mono.max;

	l2_order(&vm, L2_KEXEC, 0);
	if (l2_sample(&vm, 0).mono.min >= before)
		l2_fail("L2 has not started its kernel");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	l2_kexec = true;
	l2_init(getenv("TEST"));
	l2_set_limit();
	l2_boot(&vm, "clock_server");
	l2_until_served(&vm);
	run("at first");
	for (int i = 0; i < SUSPENDS; i++)
		suspend();
	kexec();
	run("after kexec");
	l2_finish(&vm);
	if (*failure)
		l2_fail("%s", failure);
	return 0;
}
