/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that two machines share: the BAR of an ivshmem device. L2 shares a
 * page with L1, for clocks to be compared; an L1 host shares much more with
 * another one: the disk that L2 is saved to.
 */
#ifndef L2_SHM_H
#define L2_SHM_H

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL

/* What L2 (guest/clock_server.c) and L1 say to each other. */
struct l2_clocks {
	uint32_t request;	/* counted up by L1, */
	uint32_t reply;		/* followed by L2, which then has written: */
	int64_t mono, raw;	/* its clocks, read between the two */
	uint64_t backward;	/* steps back that it has seen so far */
	int64_t worst;		/* the largest of them */
	uint32_t cpu;		/* from L1: the vCPU to read on */
	uint32_t stop;		/* from L1: come to an end */
};

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Maps the memory of the only ivshmem device. NULL: there is none. */
static inline void *map_ivshmem(size_t *size)
{
	static const char dir[] = "/sys/bus/pci/devices";
	void *map = MAP_FAILED;
	struct dirent *d;
	struct stat st;
	char path[512], id[16];
	DIR *devices = opendir(dir);
	FILE *f;
	int fd;

	while (devices && map == MAP_FAILED && (d = readdir(devices))) {
		snprintf(path, sizeof(path), "%s/%s/device", dir, d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (!fgets(id, sizeof(id), f) || strcmp(id, "0x1110\n"))
			id[0] = '\0';
		fclose(f);
		snprintf(path, sizeof(path), "%s/%s/resource2", dir, d->d_name);
		if (!id[0] || stat(path, &st))
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		map = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		*size = st.st_size;
	}
	if (devices)
		closedir(devices);
	return map == MAP_FAILED ? NULL : map;
}

#endif
