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

#include "../peer.h"

/*
 * How late an emulated machine is depends on what else the one does that
 * emulates it. If a timer of an L2 that has not moved was later than this, a
 * deadline that is wrong by the ratio of the frequencies cannot be told.
 */
#define NOISE_NS	100000000

/* The noise of two runs is not the same, and is never negative. */
#define NOISE_FACTOR	2

/*
 * An interrupt may find that what it came for was canceled, or that another one
 * did it: 1 in 100 did before L2 moved. Of those whose deadline is too early,
 * each timer has one at least.
 */
#define EARLY_PERCENT	5

#define MOVE_AFTER	2.0	/* seconds of L2_TIMERS_TRACK */

static const uint32_t lengths[] = { 100, 1000, 10000, 50000, 100000, 1000000, 10000000 };
static const char *const kinds[L2_KINDS] = {
	"clock_nanosleep(), relative", "clock_nanosleep(), absolute",
	"timerfd, one-shot", "timerfd, periodic"
};

static struct l2_timers timers;
static struct l2 vm;
static bool there;	/* L2 is on the second host */
static int64_t noise;
static char failure[200];	/* the first one; what there is to measure is measured all the same */

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
	if (timers.count > L2_MAX_TIMERS)
		l2_fail("%u timers are too many", timers.count);
	for (uint32_t i = 0; i < timers.count; i++) {
		struct l2_timer *t = &timers.timer[i];

		if (t->fired < t->expires)
			l2_fail("a timer of %u us expired %lld ns early", t->us,
				(long long)(t->expires - t->fired));
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* By how much they were late, from least to most. kind: -1 for all of them */
static unsigned int lateness(uint32_t us, int kind, int64_t *late)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < timers.count; i++) {
		struct l2_timer *t = &timers.timer[i];

		if (t->us == us && (kind < 0 || t->kind == kind))
			late[n++] = t->fired - t->expires;
	}
	qsort(late, n, sizeof(*late), compare);
	return n;
}

static void report(const char *where)
{
	static int64_t late[L2_MAX_TIMERS];
	unsigned int n;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		n = lateness(lengths[i], -1, late);
		if (n)
			printf("%u us, %s, late by: %.1f us\n"
			       "%u us, %s, late by no less than: %.1f us\n"
			       "%u us, %s, late by no more than: %.1f us\n",
			       lengths[i], where, late[n / 2] / 1e3, lengths[i], where, late[0] / 1e3,
			       lengths[i], where, late[n - 1] / 1e3);
	}
	printf("early, %s: %u interrupts\n", where, timers.early);
	printf("of all, %s: %u interrupts\n", where, timers.interrupts);
}

/* Of the timers of a kind, one is the least disturbed. */
static void judge(const char *where)
{
	static int64_t late[L2_MAX_TIMERS];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (int kind = 0; kind < L2_KINDS; kind++) {
			if (!*failure && lateness(lengths[i], kind, late) && late[0] > NOISE_FACTOR * noise)
				snprintf(failure, sizeof(failure),
					 "%s, timers of %u us (%s) were late by no less than %.1f us, noise is %.1f us",
					 where, lengths[i], kinds[kind], late[0] / 1e3, noise / 1e3);
		}
	}
	if (!*failure && timers.early > timers.interrupts * EARLY_PERCENT / 100 + 1)
		snprintf(failure, sizeof(failure), "%s, %u of %u timer interrupts were early",
			 where, timers.early, timers.interrupts);
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
	for (uint32_t i = 0; i < timers.count; i++) {
		int64_t late = timers.timer[i].fired - timers.timer[i].expires;

		if (late > noise)
			noise = late;
	}
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
