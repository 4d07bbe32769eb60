/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How late the timers of L2 are, judged by how late those were that ran before
 * anything was done to L2.
 */
#ifndef L2_LATE_H
#define L2_LATE_H

#include "lib.h"

extern struct l2_timers timers;	/* of the last set */
extern int64_t noise;		/* by how much the worst of those was late */
extern char failure[200];	/* the first one; what there is to measure is measured all the same */

/* None is early. */
void check_timers(void);
void set_noise(void);
/* Figures of all timers. */
void report(const char *where);
/* Sets failure. */
void judge(const char *where);

#endif
