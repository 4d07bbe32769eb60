// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's clock has the rate of CLOCK_MONOTONIC_RAW, whatever NTP does to the
 * other clocks of the host: here it makes them 10 % faster. For hosts without
 * the master clock, where the clock is read from the host's on each call.
 */
#include "guest.h"
#include <sys/timex.h>

#define TICK_NORMAL	10000	/* us, at 100 Hz of user space */
#define TICK_FAST	11000	/* the limit */
#define UPDATE_NS	50000000
#define INTERVAL_NS	(2 * NSEC_PER_SEC)
#define READS		200	/* of which the one with the narrowest bracket counts */

/*
 * How far apart two reads of the raw clock around a KVM_GET_CLOCK may be: at
 * both ends of the interval this is less than 1/1000 of what NTP adds to it.
 */
#define MAX_BRACKET_NS	100000

struct reading {
	int64_t raw[2], mono, clock;
};

static int64_t width(const struct reading *r)
{
	return r->raw[1] - r->raw[0];
}

static struct reading read_clocks(struct guest *g)
{
	struct reading best = { .raw = { 0, INT64_MAX } }, r;
	struct kvm_clock_data data;

	for (int i = 0; i < READS; i++) {
		r.raw[0] = now(CLOCK_MONOTONIC_RAW);
		IOCTL(g->vm, KVM_GET_CLOCK, &data);
		r.mono = now(CLOCK_MONOTONIC);
		r.raw[1] = now(CLOCK_MONOTONIC_RAW);
		r.clock = data.clock;
		if (width(&r) < width(&best))
			best = r;
	}
	ASSERT(width(&best) <= MAX_BRACKET_NS, "%lld ns for a read", (long long)width(&best));
	return best;
}

static double ppm(int64_t delta, int64_t reference)
{
	return 1e6 * (delta - reference) / reference;
}

int main(void)
{
	struct timex tx = { .modes = ADJ_TICK, .tick = TICK_FAST };
	int64_t raw, mono, clock, uncertainty;
	struct reading a, b;
	struct guest g;

	guest_create(&g);
	guest_run(&g);
	ASSERT(adjtimex(&tx) >= 0, "%s", strerror(errno));
	/* The rate changes with the next update of the timekeeping, i.e. a tick. */
	sleep_ns(UPDATE_NS);
	a = read_clocks(&g);
	sleep_ns(INTERVAL_NS);
	b = read_clocks(&g);
	tx.tick = TICK_NORMAL;
	ASSERT(adjtimex(&tx) >= 0, "%s", strerror(errno));

	raw = (b.raw[0] + b.raw[1] - a.raw[0] - a.raw[1]) / 2;
	mono = b.mono - a.mono;
	clock = b.clock - a.clock;
	/* The true distance is within the brackets; 2: each clock rounds down. */
	uncertainty = (width(&a) + width(&b)) / 2 + 2;
	printf("rate of CLOCK_MONOTONIC against CLOCK_MONOTONIC_RAW: %.3f ppm\n", ppm(mono, raw));
	printf("rate of KVM_GET_CLOCK against CLOCK_MONOTONIC_RAW: %.3f ppm\n", ppm(clock, raw));
	printf("uncertainty of the rates: %.3f ppm\n", 1e6 * uncertainty / raw);
	ASSERT(ppm(mono, raw) > 90000, "CLOCK_MONOTONIC is not slewed by 10 %%");
	ASSERT(llabs(clock - raw) <= uncertainty, "%lld ns off after %lld ns, uncertainty %lld ns",
	       (long long)(clock - raw), (long long)raw, (long long)uncertainty);
	return 0;
}
