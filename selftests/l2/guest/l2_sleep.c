// SPDX-License-Identifier: GPL-2.0
/* In L2, for scripts/cost: sets timers until it is ended, by each clocksource in turn. */
#include <stdio.h>
#include <time.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define SLEEPS 5

int main(void)
{
	static const char * const clocksources[] = { "kvm-clock", "tsc" };
	struct timespec ts = { .tv_nsec = 20000000 };
	FILE *f;

	setbuf(stdout, NULL);
	for (int i = 0; !clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL); i++) {
		if (i % SLEEPS)
			continue;
		f = fopen(CLOCKSOURCE, "w");
		if (!f || fputs(clocksources[i / SLEEPS % 2], f) < 0 || fclose(f))
			return 1;
		printf("asleep %d\n", i);
	}
	return 1;
}
