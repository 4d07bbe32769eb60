// SPDX-License-Identifier: GPL-2.0
/*
 * All that the second L1 host runs: does what tests on the first one ask for
 * (see peer.c). Each test has a process of its own here, so that none finds
 * what another left.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "../peer.h"

static void say(const char *line)
{
	peer_send("| %s", line);
}

static void failed(const char *why)
{
	peer_send("! %s", why);
}

static void serve(void)
{
	char name[64], nonce[17], *text;
	struct l2 vm = { 0 }, from = { 0 };
	struct l2_sample s;
	unsigned int cpu, set;
	double seconds;
	size_t size;
	int fd;

	for (;;) {
		text = peer_receive(-1);
		if (!strcmp(text, "hello")) {
			if (vm.qemu)
				exit(0);	/* it will say so again */
			peer_send("= hello");
		} else if (sscanf(text, "load %63s %16s %zu", name, nonce, &size) == 3) {
			l2_init(name);
			l2_set_limit();
			strcpy(from.nonce, nonce);
			fd = disk_get(size);
			l2_load(&vm, fd, &from);
			close(fd);
			peer_send("=");
		} else if (sscanf(text, "boot %63s", name) == 1) {
			l2_init(name);
			l2_set_limit();
			l2_boot(&vm, "clock_server");
			l2_until_served(&vm);
			peer_send("= %s", vm.nonce);
		} else if (!strcmp(text, "save")) {
			fd = state_file();
			l2_save(&vm, fd);
			peer_send("= %zu", disk_put(fd));
		} else if (sscanf(text, "sample %u", &cpu) == 1) {
			s = l2_sample(&vm, cpu);
			peer_send("= %lld %lld %lld %lld %lld", (long long)s.at,
				  (long long)s.mono.min, (long long)s.mono.max,
				  (long long)s.raw.min, (long long)s.raw.max);
		} else if (sscanf(text, "run %lf", &seconds) == 1) {
			l2_run(&vm, seconds);
			peer_send("=");
		} else if (sscanf(text, "start %u", &set) == 1) {
			l2_timers_start(&vm, set);
			peer_send("=");
		} else if (!strcmp(text, "end")) {
			memcpy(disk(&size), l2_timers_end(&vm), sizeof(struct l2_timers));
			peer_send("=");
		} else if (!strcmp(text, "finish")) {
			l2_finish(&vm);
			peer_send("=");
			exit(0);
		}
	}
}

int main(void)
{
	pid_t pid;

	l2_say = say;
	l2_failed = failed;
	peer_open_line();
	for (;;) {
		pid = fork();
		if (!pid)
			serve();
		if (pid < 0 || waitpid(pid, NULL, 0) < 0)
			return 1;
	}
}
