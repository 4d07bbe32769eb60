// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib.h"

/*
 * KVM hands the frequency of the TSC to L2 in kHz, 1 ppm of 1 GHz; all else is
 * below that.
 */
#define RATE_PPM	1
/* A rate that is known no better than this is not known; a tenth is usual. */
#define UNCERTAINTY_PPM	50
/*
 * A clock is read by no fewer round trips, and until it is known that well or
 * the time is over.
 */
#define ROUND_TRIPS	200
#define SHARP_NS	5000
#define MAX_SECONDS	4
/* On a machine too busy for even that, by those of the next seconds. */
#define USEFUL_NS	50000
#define MAX_SAMPLES	8
/* To say where the CPUs of an L2 are that hangs. */
#define REGISTER_SECONDS 4
#define QEMU		"/l2/bin/qemu-system-x86_64"
#define LIST		"/l2/tests"

struct conf {
	char name[64], cpus[8], memory[16], machine[32], cpu[256], append[512], kernel[8], first[8], preload[32];
	unsigned int seconds;
};

static const struct conf defaults = {
	.cpus = "1",
	.memory = "128M",
	.machine = "q35",
	/* without XSAVE: the sizes in TCG's CPUID disagree, and Linux panics on it */
	.cpu = "EPYC,-xsave,+tsc-deadline,+x2apic",
	/* tsc=reliable: the watchdog of an emulated machine finds fault with it when that is busy */
	.append = "console=ttyS0 loglevel=5 printk.devkmsg=on panic=-1 oops=panic no_timer_check tsc=reliable",
};

static struct conf conf;
const char *const l2_name = conf.name;
bool l2_there, l2_kexec;

static const char *doing = "nothing";	/* what a hang would be in */
static char last_line[sizeof(((struct l2 *)0)->last)];

static void print_line(const char *line)
{
	dprintf(1, "%s\n", line);
}

static void print_failure(const char *why)
{
	dprintf(1, "==== Test Assertion Failure ====\n  %s\n", why);
}

void (*l2_say)(const char *line) = print_line;
void (*l2_failed)(const char *why) = print_failure;

void l2_fail(const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	l2_failed(why);
	_exit(1);
}

static void set(char *to, size_t size, const char *glue, const char *value)
{
	size_t len = *glue ? strlen(to) : 0;

	if (snprintf(to + len, size - len, "%s%s", glue, value) >= (int)(size - len))
		l2_fail("%s: '%s' is too long", LIST, value);
}

static void configure(const char *word)
{
	const char *value = strchr(word, '=');

#define CONF(key, glue) do { \
	if (!strncmp(word, #key "=", sizeof(#key))) { \
		set(conf.key, sizeof(conf.key), glue, value + 1); \
		return; \
	} \
} while (0)
	if (value) {
		CONF(cpus, "");
		CONF(memory, "");
		CONF(machine, "");
		CONF(cpu, ",");
		CONF(append, " ");
		CONF(kernel, "");
		CONF(first, "");
		CONF(preload, "");
	}
	l2_fail("%s: '%s' is no setting of L2", LIST, word);
}

void l2_init(const char *name)
{
	char line[512], *save, *word;
	FILE *f = fopen(LIST, "re");
	int column;

	signal(SIGPIPE, SIG_IGN);
	conf = defaults;
	if (!name)
		l2_fail("there is no test in $TEST");
	set(conf.name, sizeof(conf.name), "", name);
	while (f && fgets(line, sizeof(line), f)) {
		word = strtok_r(line, " \t\n", &save);
		if (!word || strcmp(word, name))
			continue;
		for (column = 1; (word = strtok_r(NULL, " \t\n", &save)); column++) {
			if (column == 2)
				conf.seconds = atoi(word);
			else if (column > 3)
				configure(word);
		}
		fclose(f);
		if (*conf.kernel && strcmp(conf.kernel, "before") && strcmp(conf.kernel, "after"))
			l2_fail("%s: kernel=%s is neither before nor after", LIST, conf.kernel);
		l2_there = !strcmp(conf.first, "there");
		return;
	}
	l2_fail("%s does not have %s", LIST, name);
}

static struct l2 *running;	/* the last one that was started */

static void say_registers(struct l2 *vm);

/* Again if QEMU does not answer. */
static void time_is_over(int sig)
{
	static const char *was;
	static bool again;

	(void)sig;
	if (!again)
		was = doing;
	if (!again && running && !running->gone) {
		again = true;
		alarm(REGISTER_SECONDS);
		say_registers(running);
	}
	l2_fail("L2 hangs: %u s are over in %s; its last line: %s", conf.seconds - 1 - REGISTER_SECONDS, was,
		*last_line ? last_line : "none");
}

/* Before init's limit, which says less. */
void l2_set_limit(void)
{
	struct sigaction action = { .sa_handler = time_is_over, .sa_flags = SA_NODEFER };

	sigaction(SIGALRM, &action, NULL);
	alarm(conf.seconds - 1 - REGISTER_SECONDS);
}

/* ---- what L2 and its QEMU say */

static void console_line(struct l2 *vm, char *line)
{
	char said[sizeof(vm->last) + 8], *text = strstr(line, vm->nonce);

	snprintf(vm->last, sizeof(vm->last), "%s", line);
	strcpy(last_line, vm->last);
	if (!text) {
		snprintf(said, sizeof(said), "L2: %s", line);
		l2_say(said);
		return;
	}
	text += strlen(vm->nonce) + 2;
	if (!strncmp(text, "# end ", 6)) {
		vm->ended = true;
	} else if (!strncmp(text, "# reason: ", 10)) {
		snprintf(vm->reason, sizeof(vm->reason), "%.200s", text + 10);
	} else if (!strncmp(text, "ok ", 3)) {
		char *skip = strstr(text, "# SKIP ");

		vm->result = skip ? 4 : 0;
		if (skip)
			snprintf(vm->skip, sizeof(vm->skip), "%.200s", skip + 7);
	} else if (!strncmp(text, "not ok ", 7)) {
		vm->result = 1;
	} else if (!strncmp(text, "# start ", 8) || !strncmp(text, "# time ", 7)) {
		;
	} else if (!strncmp(text, "# ", 2)) {
		l2_say(text + 2);
	}
}

static void qmp_line(struct l2 *vm, char *line)
{
	char *rip = strstr(line, "RIP="), text[100];

	if (rip) {
		snprintf(text, sizeof(text), "L2's CPU: %.76s", rip);
		l2_say(text);
	}
	if (strstr(line, "\"error\""))
		l2_fail("QEMU: %s", line);
	if (strstr(line, "\"return\""))
		vm->replies++;
	else if (strstr(line, "\"event\": \"SHUTDOWN\"") && !strstr(line, "\"guest-shutdown\""))
		l2_say(line);
	else if (strstr(line, "\"event\": \"RESUME\""))
		vm->resumed = true;
	else if (strstr(line, "\"event\": \"MIGRATION\"") && strstr(line, "\"completed\""))
		vm->saved = true;
	else if (strstr(line, "\"event\": \"MIGRATION\"") && strstr(line, "\"failed\""))
		l2_fail("QEMU: the migration has failed");
}

static void error_line(struct l2 *vm, char *line)
{
	(void)vm;
	/* TCG has less than an EPYC: 30 lines that say nothing new */
	if (!strstr(line, "warning: host doesn't support requested feature"))
		l2_say(line);
}

/* Takes what there is, a line at a time. */
static void take(struct l2 *vm, struct l2_reader *r, void (*line)(struct l2 *vm, char *line))
{
	char buf[4096];
	ssize_t n;

	n = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(r->fd);
		r->fd = -1;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n') {
			r->line[r->len] = '\0';
			r->len = 0;
			if (*r->line)
				line(vm, r->line);
		} else if (buf[i] != '\r' && r->len < sizeof(r->line) - 1) {
			r->line[r->len++] = buf[i];
		}
	}
}

/* Waits, no longer than that, for anything to be said, and takes it. */
static void attend(struct l2 *vm, int ms)
{
	struct pollfd pfd[] = {
		{ .fd = vm->console.fd, .events = POLLIN },
		{ .fd = vm->qmp.fd, .events = POLLIN },
		{ .fd = vm->errors.fd, .events = POLLIN },
	};
	int status;

	poll(pfd, 3, ms);
	if (pfd[0].revents)
		take(vm, &vm->console, console_line);
	if (pfd[1].revents)
		take(vm, &vm->qmp, qmp_line);
	if (pfd[2].revents)
		take(vm, &vm->errors, error_line);
	if (!vm->gone && vm->console.fd < 0 && vm->qmp.fd < 0 && vm->errors.fd < 0) {
		waitpid(vm->qemu, &status, 0);
		vm->gone = true;
		if (WIFSIGNALED(status) && !vm->killed)
			snprintf(vm->end, sizeof(vm->end), " (QEMU: signal %d)", WTERMSIG(status));
		else if (WEXITSTATUS(status))
			snprintf(vm->end, sizeof(vm->end), " (QEMU: exit code %d)", WEXITSTATUS(status));
	}
}

void l2_until(struct l2 *vm, const bool *flag, const char *what)
{
	doing = what;
	while (!*flag) {
		if (vm->gone)
			l2_fail("L2 ended in %s%s; its last line: %s", what, vm->end, vm->last);
		attend(vm, -1);
	}
}

void l2_run(struct l2 *vm, double seconds)
{
	int64_t end = clock_ns(CLOCK_MONOTONIC_RAW) + seconds * NSEC_PER_SEC, left;

	while ((left = end - clock_ns(CLOCK_MONOTONIC_RAW)) > 0 && !vm->gone)
		attend(vm, left / 1000000 + 1);
}

/* ---- QEMU's monitor */

/* With a file descriptor, which QEMU will know as "state". */
static void command(struct l2 *vm, const char *json, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (char *)json, .iov_len = strlen(json) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int due = vm->replies + 1;
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(vm->qmp.fd, &msg, 0) < 0)
		l2_fail("QEMU's monitor: %s", strerror(errno));
	doing = json;
	while (vm->replies < due) {
		if (vm->gone)
			l2_fail("QEMU ended%s at %s", vm->end, json);
		attend(vm, -1);
	}
}

#define MONITOR(line) \
	"{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"" line "\"}}"

/* Twice, to tell what is stuck from what is slow. */
static void say_registers(struct l2 *vm)
{
	char cpu[] = MONITOR("cpu 0"), *digit = strrchr(cpu, '0');

	for (int i = 0; i < 2 * atoi(conf.cpus); i++) {
		*digit = '0' + i % atoi(conf.cpus);
		command(vm, cpu, -1);
		command(vm, MONITOR("info registers"), -1);
	}
}

static void connect_qmp(struct l2 *vm)
{
	command(vm, "{\"execute\": \"qmp_capabilities\"}", -1);
	command(vm,
		"{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
		"[{\"capability\": \"events\", \"state\": true}]}}", -1);
}

/* ---- QEMU */

static void kernel_path(char *path, size_t size)
{
	snprintf(path, size, "/l2/bzImage%s%s", *conf.kernel ? "." : "", conf.kernel);
}

static void copy(const char *path, FILE *out)
{
	FILE *in = fopen(path, "re");
	char buf[65536];
	size_t n;

	if (!in)
		l2_fail("%s: %s", path, strerror(errno));
	while ((n = fread(buf, 1, sizeof(buf), in)))
		fwrite(buf, 1, n, out);
	if (ferror(in) || ferror(out))
		l2_fail("%s cannot be copied", path);
	fclose(in);
}

/* The header of a file in an initramfs; after the file itself, pad(). */
static void header(FILE *out, const char *name, off_t size)
{
	fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s%c",
		1, 0100600, 0, 0, 1, 0, (unsigned int)size, 0, 0, 0, 0, (int)strlen(name) + 1, 0, name, 0);
	while (ftell(out) % 4)
		putc(0, out);
}

static void pad(FILE *out)
{
	while (ftell(out) % 4)
		putc(0, out);
}

static void add(FILE *out, const char *name, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		l2_fail("%s: %s", path, strerror(errno));
	header(out, name, st.st_size);
	copy(path, out);
	pad(out);
}

/* The initramfs of L2, with /run.conf for its init before it, and maybe kernel and initramfs. */
static void write_initrd(const char *text, const char *path, const char *kernel, const char *initrd)
{
	FILE *out = fopen(path, "we");

	if (!out)
		l2_fail("%s: %s", path, strerror(errno));
	header(out, "run.conf", strlen(text));
	fputs(text, out);
	pad(out);
	if (kernel) {
		add(out, "bzImage", kernel);
		add(out, "initrd", initrd);
	}
	header(out, "TRAILER!!!", 0);
	copy("/l2/initrd", out);
	if (fclose(out))
		l2_fail("%s: %s", path, strerror(errno));
}

static void make_initrd(const char *nonce, const char *program, const char *path)
{
	char text[256], kernel[32], inner[64];

	snprintf(text, sizeof(text), "%s\n%s %u -\n", nonce, program, conf.seconds);
	if (!l2_kexec) {
		write_initrd(text, path, NULL, NULL);
		return;
	}
	kernel_path(kernel, sizeof(kernel));
	snprintf(inner, sizeof(inner), "%s.inner", path);
	write_initrd(text, inner, NULL, NULL);
	write_initrd(text, path, kernel, inner);
	unlink(inner);
}

static __attribute__((noreturn)) void exec_qemu(bool incoming, int console, int qmp, int errors)
{
	char con[64], mon[64], kernel[32];
	char *argv[] = {
		QEMU, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
		"-accel", "kvm", "-M", conf.machine, "-cpu", conf.cpu,
		"-smp", conf.cpus, "-m", conf.memory, "-overcommit", "mem-lock=on",
		"-chardev", con, "-serial", "chardev:console",
		"-chardev", mon, "-mon", "chardev=qmp,mode=control",
		"-object", "memory-backend-file,id=clocks,mem-path=/dev/shm/l2,size=256K,share=on",
		/* master: its memory migrates with L2 */
		"-device", "ivshmem-plain,memdev=clocks,master=on",
		"-kernel", kernel, "-initrd", "/tmp/initrd", "-append", conf.append,
		incoming ? "-incoming" : NULL, "defer", NULL
	};
	char preload[80], *envp[] = { "LD_LIBRARY_PATH=/l2/lib", *conf.preload ? preload : NULL, NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	console = dup(console);		/* without close-on-exec */
	qmp = dup(qmp);
	snprintf(con, sizeof(con), "socket,id=console,fd=%d", console);
	snprintf(mon, sizeof(mon), "socket,id=qmp,fd=%d", qmp);
	kernel_path(kernel, sizeof(kernel));
	snprintf(preload, sizeof(preload), "LD_PRELOAD=/l2/lib/%s.so", conf.preload);
	dup2(errors, 1);
	dup2(errors, 2);
	execve(QEMU, argv, envp);
	dprintf(2, "%s: %s\n", QEMU, strerror(errno));
	_exit(127);
}

static void start(struct l2 *vm, bool incoming)
{
	int fds[3][2], shm;

	for (int i = 0; i < 3; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]))
			l2_fail("socketpair(): %s", strerror(errno));
	}
	unlink("/dev/shm/l2");
	shm = open("/dev/shm/l2", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (shm < 0 || ftruncate(shm, L2_SHM_SIZE))
		l2_fail("/dev/shm/l2: %s", strerror(errno));
	vm->clocks = mmap(NULL, L2_SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shm, 0);
	close(shm);
	if (vm->clocks == MAP_FAILED)
		l2_fail("mmap(): %s", strerror(errno));
	vm->console.fd = fds[0][0];
	vm->qmp.fd = fds[1][0];
	vm->errors.fd = fds[2][0];
	running = vm;
	vm->qemu = fork();
	if (vm->qemu < 0)
		l2_fail("fork(): %s", strerror(errno));
	if (!vm->qemu)
		exec_qemu(incoming, fds[0][1], fds[1][1], fds[2][1]);
	for (int i = 0; i < 3; i++)
		close(fds[i][1]);
	connect_qmp(vm);
}

void l2_boot(struct l2 *vm, const char *program)
{
	uint64_t random;

	memset(vm, 0, sizeof(*vm));
	vm->result = -1;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		l2_fail("getrandom(): %s", strerror(errno));
	snprintf(vm->nonce, sizeof(vm->nonce), "%016llx", (unsigned long long)random);
	make_initrd(vm->nonce, program ?: conf.name, "/tmp/initrd");
	start(vm, false);
}

int l2_end(struct l2 *vm)
{
	l2_until(vm, &vm->ended, "the test in L2");
	l2_until(vm, &vm->gone, "the power-off of L2");
	if (vm->result == 4)
		l2_say(vm->skip);
	if (vm->result == 1)
		l2_fail("in L2: %s", *vm->reason ? vm->reason : "failed without a reason");
	return vm->result;
}

/* ---- save and load */

#define GETFD	"{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"state\"}}"
#define SAVE	"{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"fd:state\"}}"
#define LOAD	"{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"fd:state\"}}"

static void end_qemu(struct l2 *vm)
{
	vm->killed = true;
	kill(vm->qemu, SIGKILL);	/* it has nothing left to do, and would take its time */
	l2_until(vm, &vm->gone, "the end of QEMU");
	munmap(vm->clocks, L2_SHM_SIZE);
}

void l2_save(struct l2 *vm, int fd)
{
	command(vm, GETFD, fd);
	vm->saved = false;
	command(vm, SAVE, -1);
	l2_until(vm, &vm->saved, "the saving of L2");
	end_qemu(vm);
}

void l2_load(struct l2 *vm, int fd, const struct l2 *from)
{
	memset(vm, 0, sizeof(*vm));
	vm->result = -1;
	strcpy(vm->nonce, from->nonce);
	/* never read, but QEMU wants it to be there */
	make_initrd(vm->nonce, conf.name, "/tmp/initrd");
	start(vm, true);
	command(vm, GETFD, fd);
	vm->loading = clock_ns(CLOCK_MONOTONIC_RAW);
	command(vm, LOAD, -1);
	l2_until(vm, &vm->resumed, "the loading of L2");
}

/* ---- clocks */

/*
 * Not by a line on the console: in L2 the thread that prints it may not be
 * woken before there is more to print.
 */
void l2_until_served(struct l2 *vm)
{
	doing = "the start of clock_server";
	__atomic_store_n(&vm->clocks->request, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&vm->clocks->reply, __ATOMIC_ACQUIRE) != 1) {
		if (vm->gone)
			l2_fail("L2 ended%s; its last line: %s", vm->end, vm->last);
		attend(vm, 1);
	}
}

/* A round trip narrows the sample: L2's reading was made between two of L1's. */
static void round_trip(struct l2 *vm, unsigned int cpu, struct l2_sample *sample)
{
	struct l2_clocks *c = vm->clocks;
	uint32_t request = c->request + 1;
	unsigned int spins = 0;
	int64_t before, after;

	c->cpu = cpu;
	before = clock_ns(CLOCK_MONOTONIC_RAW);
	__atomic_store_n(&c->request, request, __ATOMIC_RELEASE);
	while (__atomic_load_n(&c->reply, __ATOMIC_ACQUIRE) != request) {
		if (++spins % (1 << 20))
			continue;
		attend(vm, 0);
		if (vm->gone)
			l2_fail("L2 ended%s; its last line: %s", vm->end, vm->last);
	}
	after = clock_ns(CLOCK_MONOTONIC_RAW);
	sample->at = after;
	if (sample->mono.min < c->mono - after)
		sample->mono.min = c->mono - after;
	if (sample->mono.max > c->mono - before)
		sample->mono.max = c->mono - before;
	if (sample->raw.min < c->raw - after)
		sample->raw.min = c->raw - after;
	if (sample->raw.max > c->raw - before)
		sample->raw.max = c->raw - before;
}

/*
 * What all round trips agree on: each is right, and a long one, which holds
 * interrupts and other tasks, just says less. Meanwhile the clocks drift by
 * less than SHARP_NS (see RATE_PPM).
 */
static struct l2_sample sample(struct l2 *vm, unsigned int cpu)
{
	int64_t end = clock_ns(CLOCK_MONOTONIC_RAW) + MAX_SECONDS * NSEC_PER_SEC;
	const struct l2_range any = { INT64_MIN, INT64_MAX };
	struct l2_sample s = { .mono = any, .raw = any };

	for (int i = 0; i < ROUND_TRIPS || (s.mono.max - s.mono.min > SHARP_NS && s.at < end); i++)
		round_trip(vm, cpu, &s);
	return s;
}

struct l2_sample l2_sample(struct l2 *vm, unsigned int cpu)
{
	struct l2_sample s;

	doing = "a reading of L2's clocks";
	for (int i = 0; i < MAX_SAMPLES; i++) {
		s = sample(vm, cpu);
		if (s.mono.max - s.mono.min <= USEFUL_NS && s.raw.max - s.raw.min <= USEFUL_NS)
			break;
	}
	return s;
}

/* ---- timers */

void l2_timers_start(struct l2 *vm, enum l2_timer_set set)
{
	vm->clocks->run = set;
	__atomic_add_fetch(&vm->clocks->request, 1, __ATOMIC_RELEASE);
}

struct l2_timers *l2_timers_end(struct l2 *vm)
{
	struct l2_clocks *c = vm->clocks;

	doing = "the timers of L2";
	while (__atomic_load_n(&c->reply, __ATOMIC_ACQUIRE) != c->request) {
		if (vm->gone)
			l2_fail("L2 ended%s; its last line: %s", vm->end, vm->last);
		attend(vm, 10);
	}
	if (c->status)
		l2_fail("L2 could not run the timers (wait status 0x%x)", c->status);
	return (void *)c + L2_TIMERS_AT;
}

/* ---- orders */

/*
 * What is suspended to idle is woken by its serial line. Before it is suspended
 * it just reads that, or begins again: so it gets more time each time.
 */
static void wake(struct l2 *vm)
{
	if (write(vm->console.fd, "\n", 1) != 1)
		l2_fail("L2's serial line: %s", strerror(errno));
}

void l2_order(struct l2 *vm, enum l2_order order, double seconds)
{
	static const char *const names[] = {
		[L2_TEST_CLOCKEVENTS] = "l2_clockevent_test",
		[L2_SUSPEND] = "suspend to idle", [L2_KEXEC] = "kexec",
	};
	struct l2_clocks *c = vm->clocks;
	int64_t next = clock_ns(CLOCK_MONOTONIC_RAW) + seconds * NSEC_PER_SEC;

	doing = names[order];
	c->order = order;
	__atomic_add_fetch(&c->request, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&c->reply, __ATOMIC_ACQUIRE) != c->request) {
		if (vm->gone)
			l2_fail("L2 ended in %s%s; its last line: %s", doing, vm->end, vm->last);
		attend(vm, 10);
		if (order == L2_SUSPEND && clock_ns(CLOCK_MONOTONIC_RAW) > next) {
			wake(vm);
			seconds *= 2;
			next += seconds * NSEC_PER_SEC;
		}
	}
	if (c->status) {
		l2_run(vm, 1);	/* what it has said about it */
		l2_fail("L2 has failed in %s (status 0x%x)", doing, c->status);
	}
}

void l2_finish(struct l2 *vm)
{
	uint64_t backward = vm->clocks->backward;
	int64_t worst = vm->clocks->worst;
	int rc;

	vm->clocks->stop = 1;
	__atomic_add_fetch(&vm->clocks->request, 1, __ATOMIC_RELEASE);
	rc = l2_end(vm);
	if (rc)
		l2_fail("clock_server ended with %d", rc);
	if (backward)
		l2_fail("time in L2 went back %llu times, by %lld ns at most",
			(unsigned long long)backward, (long long)worst);
}

static double middle(const struct l2_range *r)
{
	return r->min / 2.0 + r->max / 2.0;
}

void l2_same_rate(const struct l2_sample *a, const struct l2_sample *b, const char *where)
{
	double l1 = b->at - a->at;
	double width = fmax(a->mono.max - a->mono.min + b->mono.max - b->mono.min,
			    a->raw.max - a->raw.min + b->raw.max - b->raw.min);
	double bound = width / 2 / l1 * 1e6;
	double mono = (middle(&b->mono) - middle(&a->mono)) / l1 * 1e6;
	double raw = (middle(&b->raw) - middle(&a->raw)) / l1 * 1e6;
	char line[128];

	snprintf(line, sizeof(line), "rate error %s: %.2f ppm", where,
		 fabs(mono) > fabs(raw) ? mono : raw);
	l2_say(line);
	snprintf(line, sizeof(line), "uncertainty %s: %.2f ppm", where, bound);
	l2_say(line);
	if (bound > UNCERTAINTY_PPM)
		l2_fail("%s: clocks known to %.0f ns say nothing about a rate", where, width / 2);
	if (fabs(mono) > RATE_PPM + bound || fabs(raw) > RATE_PPM + bound)
		l2_fail("%s: in %.3f s of L1, MONOTONIC in L2 is %+.2f ppm off, RAW %+.2f, +-%.2f",
			where, l1 / 1e9, mono, raw, bound);
}
