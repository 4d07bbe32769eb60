/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The second L1 host, for a test on the first one. Both run side by side: they
 * talk over a serial line, and share a disk (see shm.h). The functions do over
 * there what those of lib.h do here.
 */
#ifndef L2_PEER_H
#define L2_PEER_H

#include "lib.h"

/* A line of text over the serial line; the latter waits for one. */
void peer_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *peer_receive(int timeout_ms);
void peer_open_line(void);

/* A saved L2, to the disk and from it. */
void *disk(size_t *size);
size_t disk_put(int fd);
int disk_get(size_t size);
int state_file(void);

/* Waits for the second host to be there. */
void peer_open(void);
/* Goes on there with an L2 that was saved here, or here with one that was saved there. */
void peer_load(const struct l2 *vm, int fd);
/* The same, but returns why the second host cannot, or NULL if it can. */
const char *peer_refuses(const struct l2 *vm, int fd);
int peer_save(void);
/* Boots an L2 with clock_server there, and waits until it serves. */
void peer_boot(struct l2 *vm);
void peer_timers_start(enum l2_timer_set set);
void peer_timers_end(struct l2_timers *timers);
struct l2_sample peer_sample(unsigned int cpu);
void peer_run(double seconds);
void peer_finish(void);

#endif
