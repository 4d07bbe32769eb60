// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "late.h"

/* The noise of two runs is not the same, and is never negative. */
#define NOISE_FACTOR	2

/*
 * An interrupt may find that what it came for was canceled, or that another one
 * did it: 1 in 100 did before L2 moved. Of those whose deadline is too early,
 * each timer has one at least.
 */
#define EARLY_PERCENT	5

static const uint32_t lengths[] = { 100, 1000, 10000, 50000, 100000, 1000000, 10000000 };
static const char *const kinds[L2_KINDS] = {
	"clock_nanosleep(), relative", "clock_nanosleep(), absolute",
	"timerfd, one-shot", "timerfd, periodic"
};

struct l2_timers timers;
int64_t noise;
char failure[200];

void check_timers(void)
{
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

void report(const char *where)
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
void judge(const char *where)
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

void set_noise(void)
{
	for (uint32_t i = 0; i < timers.count; i++) {
		int64_t late = timers.timer[i].fired - timers.timer[i].expires;

		if (late > noise)
			noise = late;
	}
}
