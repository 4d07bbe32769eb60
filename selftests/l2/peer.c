// SPDX-License-Identifier: GPL-2.0
/*
 * The serial line between two L1 hosts, in lines of text. The first host asks;
 * the second one answers "= ...", has "| ..." printed, or fails by "! ...".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <termios.h>

#include "peer.h"

#define LINE		"/dev/ttyS1"
#define HELLO_MS	100	/* what is sent before the other end is open may be lost */

static int line = -1;

void peer_open_line(void)
{
	struct termios raw;

	line = open(LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line < 0 || tcgetattr(line, &raw))
		l2_fail("%s: %s", LINE, strerror(errno));
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	raw.c_cflag |= CLOCAL;
	if (tcsetattr(line, TCSAFLUSH, &raw))
		l2_fail("%s: %s", LINE, strerror(errno));
}

void peer_send(const char *fmt, ...)
{
	char text[1200];
	size_t len, done = 0;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	len = strlen(text);
	text[len++] = '\n';
	while (done < len) {
		n = write(line, text + done, len - done);
		if (n < 0 && errno != EINTR)
			l2_fail("%s: %s", LINE, strerror(errno));
		if (n > 0)
			done += n;
	}
}

/* Returns NULL when there is none in that time. */
char *peer_receive(int timeout_ms)
{
	static char text[1200], rest[1200];
	static size_t len;
	struct pollfd pfd = { .fd = line, .events = POLLIN };
	char *end;
	ssize_t n;

	while (!(end = memchr(rest, '\n', len))) {
		if (len == sizeof(rest))
			len = 0;
		if (!poll(&pfd, 1, timeout_ms))
			return NULL;
		n = read(line, rest + len, sizeof(rest) - len);
		if (n < 0 && errno != EINTR)
			l2_fail("%s: %s", LINE, strerror(errno));
		if (n > 0)
			len += n;
	}
	n = end - rest;
	memcpy(text, rest, n);
	text[n] = '\0';
	len -= n + 1;
	memmove(rest, end + 1, len);
	return text;
}

/* ---- the disk */

void *disk(size_t *size)
{
	static size_t all;
	static void *map;

	if (!map)
		map = map_ivshmem(&all);
	if (!map)
		l2_fail("this host has no disk");
	*size = all;
	return map;
}

int state_file(void)
{
	int fd = open("/tmp/state", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		l2_fail("/tmp/state: %s", strerror(errno));
	return fd;
}

size_t disk_put(int fd)
{
	off_t all = lseek(fd, 0, SEEK_END), at = 0;
	size_t size;
	ssize_t n;
	char *to = disk(&size);

	if (all <= 0 || (size_t)all > size)
		l2_fail("a state of %lld bytes does not fit on the disk", (long long)all);
	for (at = 0; at < all; at += n) {
		n = pread(fd, to + at, all - at, at);
		if (n <= 0)
			l2_fail("the state cannot be read");
	}
	close(fd);
	return all;
}

int disk_get(size_t all)
{
	size_t size, done;
	char *from = disk(&size);
	int fd = state_file();
	ssize_t n;

	for (done = 0; done < all; done += n) {
		n = write(fd, from + done, all - done);
		if (n <= 0)
			l2_fail("the state cannot be written");
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* ---- the first host's side */

/* With its first character: "=", or "!" */
static char *any_answer(void)
{
	char *text;

	for (;;) {
		text = peer_receive(-1);
		switch (text[0]) {
		case '|':
			l2_say(text + 2);
			break;
		case '!':
			return text;
		case '=':
			if (strcmp(text, "= hello"))
				return text;
		}
	}
}

static char *answer(void)
{
	char *text = any_answer();

	if (text[0] == '!')
		l2_fail("on the second host: %s", text + 2);
	return text + 1;
}

void peer_open(void)
{
	char *text;

	peer_open_line();
	do {
		peer_send("hello");
		text = peer_receive(HELLO_MS);
	} while (!text || strcmp(text, "= hello"));
}

void peer_load(const struct l2 *vm, int fd)
{
	size_t size = disk_put(fd);

	peer_send("load %s %s %zu", l2_name, vm->nonce, size);
	answer();
}

const char *peer_refuses(const struct l2 *vm, int fd)
{
	size_t size = disk_put(fd);
	char *text;

	peer_send("load %s %s %zu", l2_name, vm->nonce, size);
	text = any_answer();
	return text[0] == '!' ? text + 2 : NULL;
}

int peer_save(void)
{
	peer_send("save");
	return disk_get(strtoull(answer(), NULL, 10));
}

void peer_boot(struct l2 *vm)
{
	memset(vm, 0, sizeof(*vm));
	peer_send("boot %s", l2_name);
	if (sscanf(answer(), "%16s", vm->nonce) != 1)
		l2_fail("the second host's answer to 'boot' is none");
}

void peer_timers_start(enum l2_timer_set set)
{
	peer_send("start %u", set);
	answer();
}

void peer_timers_end(struct l2_timers *timers)
{
	size_t size;

	peer_send("end");
	answer();
	memcpy(timers, disk(&size), sizeof(*timers));
}

struct l2_sample peer_sample(unsigned int cpu)
{
	long long v[5];

	peer_send("sample %u", cpu);
	if (sscanf(answer(), "%lld %lld %lld %lld %lld", &v[0], &v[1], &v[2], &v[3], &v[4]) != 5)
		l2_fail("the second host's answer to 'sample' is none");
	return (struct l2_sample){ v[0], { v[1], v[2] }, { v[3], v[4] } };
}

void peer_run(double seconds)
{
	peer_send("run %f", seconds);
	answer();
}

void peer_finish(void)
{
	peer_send("finish");
	answer();
}
