// SPDX-License-Identifier: GPL-2.0
/*
 * Timers of L2 on two hosts with TSCs of 2 and 3 GHz, neither of which scales
 * it: L2 is booted on one of them (first=), moves to the other one while timers
 * run, and back. None may expire early, nor later than it did before L2 moved,
 * by L2's CLOCK_MONOTONIC, which has to run at the rate of the host's
 * CLOCK_MONOTONIC_RAW; and no interrupts may come before there is a timer for
 * them.
 */
#include <stdlib.h>

#include "../late.h"
#include "../peer.h"

/*
 * How late an emulated machine is depends on what else the one does that
 * emulates it. If a timer of an L2 that has not moved was later than this, a
 * deadline that is wrong by the ratio of the frequencies cannot be told.
 */
#define NOISE_NS	100000000

#define MOVE_AFTER	2.0	/* seconds of L2_TIMERS_TRACK */

static struct l2 vm;
static bool there;	/* L2 is on the second host */

static void boot(void)
{
	there = l2_there;
	if (there) {
		peer_boot(&vm);
	} else {
		l2_boot(&vm, "clock_server");
		l2_until_served(&vm);
	}
}

static void move(void)
{
	struct l2 from = vm;
	int fd;

	if (there) {
		fd = peer_save();
		l2_load(&vm, fd, &from);
	} else {
		fd = state_file();
		l2_save(&vm, fd);
		peer_load(&vm, fd);
	}
	there = !there;
}

static struct l2_sample sample(void)
{
	return there ? peer_sample(0) : l2_sample(&vm, 0);
}

static void wait_for(double seconds)
{
	if (there)
		peer_run(seconds);
	else
		l2_run(&vm, seconds);
}

static void timers_start(enum l2_timer_set set)
{
	if (there)
		peer_timers_start(set);
	else
		l2_timers_start(&vm, set);
}

static void timers_end(void)
{
	if (there)
		peer_timers_end(&timers);
	else
		timers = *l2_timers_end(&vm);
	check_timers();
}

static void run_timers(enum l2_timer_set set, const char *where)
{
	timers_start(set);
	timers_end();
	report(where);
}

/* What is late before anything has moved is late by noise. */
static void measure_noise(void)
{
	struct l2_sample a = sample(), b;

	run_timers(L2_TIMERS_ALL, "not moved");
	set_noise();
	judge("not moved");
	run_timers(L2_TIMERS_LONG, "not moved");
	set_noise();
	if (noise > NOISE_NS)
		l2_fail("a timer was late by %lld ns before anything moved: this machine is too busy to tell",
			(long long)noise);
	judge("not moved");
	run_timers(L2_TIMERS_BUSY, "not moved, busy");
	judge("not moved, busy");
	b = sample();
	l2_same_rate(&a, &b, "not moved");
}

static void measure(void)
{
	struct l2_sample a = sample(), b;

	run_timers(L2_TIMERS_ALL, "moved");
	judge("moved");
	run_timers(L2_TIMERS_BUSY, "moved, busy");
	judge("moved, busy");
	run_timers(L2_TIMERS_LONG, "moved");
	judge("moved");
	b = sample();
	l2_same_rate(&a, &b, "moved");
}

/*
 * While timers run. Of those that were armed before, the deadline is a TSC of
 * the host that L2 has left: the first ones that expire are not judged.
 */
static void move_with_timers(const char *where, bool points)
{
	int64_t begin = 0;

	timers_start(L2_TIMERS_TRACK);
	wait_for(MOVE_AFTER);
	move();
	timers_end();
	report(where);
	for (uint32_t i = 0; i < timers.count; i++) {
		struct l2_timer *t = &timers.timer[i];

		if (!begin)
			begin = t->expires;
		if (points && !t->cpu)
			printf("point: %.6f %lld\n", (t->expires - begin) / 1e9,
			       (long long)(t->fired - t->expires));
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	l2_init(getenv("TEST"));
	l2_set_limit();
	peer_open();
	boot();
	measure_noise();
	move_with_timers("during the move", true);
	measure();
	move_with_timers("during the move back", false);
	run_timers(L2_TIMERS_ALL, "moved back");
	judge("moved back");
	if (there)
		peer_finish();
	else
		l2_finish(&vm);
	if (*failure)
		l2_fail("%s", failure);
	return 0;
}
