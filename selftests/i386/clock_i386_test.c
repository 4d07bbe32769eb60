// SPDX-License-Identifier: GPL-2.0
/*
 * The clock interface of a 32-bit host, which has no master clock: the clock
 * can be read and set, and the guest sees that clock; the calls that need a
 * master clock are refused.
 */
#include "guest.h"

#define SET_NS		(1000 * NSEC_PER_SEC)
#define AWAY_NS		(5 * NSEC_PER_SEC)

/*
 * Between two of its updates, a guest's clock runs by the TSC. Its multiplier
 * and that of CLOCK_MONOTONIC_RAW have 24 significant bits or more, which makes
 * a difference of less than 0.2 ppm; 4: each of the clocks involved rounds down.
 */
static int64_t slack(int64_t ns)
{
	return ns / 5000000 + 4;
}

static int64_t get_clock(struct guest *g)
{
	struct kvm_clock_data data;

	memset(&data, 0xff, sizeof(data));
	IOCTL(g->vm, KVM_GET_CLOCK, &data);
	ASSERT(!data.flags, "flags 0x%x", data.flags);
	return data.clock;
}

/* Sets the clock to SET_NS, then reads it; both between reads of another clock. */
static void set_and_get(struct guest *g, clockid_t id, uint32_t flags, int64_t ahead)
{
	struct kvm_clock_data data = { .clock = SET_NS, .flags = flags };
	int64_t t[4], clock;

	t[0] = now(id);
	data.realtime = flags & KVM_CLOCK_REALTIME ? t[0] - ahead : 0;
	IOCTL(g->vm, KVM_SET_CLOCK, &data);
	t[1] = now(id);
	t[2] = now(id);
	clock = get_clock(g) - SET_NS - ahead;
	t[3] = now(id);
	/* With KVM_CLOCK_REALTIME, the clock counts from data.realtime. */
	if (flags & KVM_CLOCK_REALTIME)
		t[1] = t[0];
	ASSERT(clock >= t[2] - t[1] - slack(t[3] - t[0]) && clock <= t[3] - t[0] + slack(t[3] - t[0]),
	       "%lld ns, not in %lld..%lld", (long long)clock, (long long)(t[2] - t[1]), (long long)(t[3] - t[0]));
}

int main(void)
{
	struct pvclock_vcpu_time_info clock = { 0 };
	struct kvm_clock_data data = { .flags = 1 << 31 };
	struct guest g;
	int64_t c[2], seen;

	guest_create(&g);
	guest_run(&g);

	set_and_get(&g, CLOCK_MONOTONIC_RAW, 0, 0);
	set_and_get(&g, CLOCK_REALTIME, KVM_CLOCK_REALTIME, AWAY_NS);
	IOCTL_FAILS(g.vm, KVM_SET_CLOCK, &data, EINVAL);

	c[0] = get_clock(&g);
	guest_run(&g);
	c[1] = get_clock(&g);
	clock = guest_clock(&g);
	seen = clock_at(&clock, guest_tsc(&g));
	ASSERT(!(clock.version & 1) && clock.version, "version %u", clock.version);
	ASSERT(!(clock.flags & PVCLOCK_TSC_STABLE_BIT), "flags 0x%x", clock.flags);
	ASSERT(seen >= c[0] - slack(c[1] - c[0]) && seen <= c[1] + slack(c[1] - c[0]),
	       "%lld ns in the guest, %lld before and %lld after", (long long)seen, (long long)c[0], (long long)c[1]);

	/* x86_64 only; a capability that is not there is no error */
	ASSERT(!IOCTL(g.vm, KVM_CHECK_EXTENSION, 252), "KVM_CAP_CLOCK_GUEST on a 32-bit host");
	IOCTL_FAILS(g.vcpu, _IOR(KVMIO, 0xd7, struct pvclock_vcpu_time_info), &clock, EINVAL);
	IOCTL_FAILS(g.vcpu, _IOW(KVMIO, 0xd6, struct pvclock_vcpu_time_info), &clock, EINVAL);
	return 0;
}
