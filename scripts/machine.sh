#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # lane[] is filled here and used by who sources this
#
# The emulated machine of a lane (sourced by scripts/boot).
# shellcheck source=scripts/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

declare -A lane=()

# read_lane NAME: the settings of ci/lanes/NAME in lane[].
read_lane() {
	local file=$TOP/ci/lanes/$1 key value
	[[ $1 =~ ^[a-z0-9-]+$ && -r $file ]] || die "no such lane '$1'; ci/lanes has: $(cd "$TOP/ci/lanes" && echo *)"
	while IFS='=' read -r key value; do
		[[ -z $key || $key == \#* ]] || lane[$key]=$value
	done <"$file"
	for key in summary emulator machine cpu smp memory append config timeout; do
		[[ -n ${lane[$key]:-} ]] || die "ci/lanes/$1 has no $key=; add it"
	done
}

# emulator: the lane's QEMU.
emulator() {
	case ${lane[emulator]} in
	qemu) "$TOP/scripts/qemu" ;;
	qemu-stock)
		need qemu-stock || exit # errexit is off in $(emulator)
		command -v qemu-system-x86_64 || die "no qemu-system-x86_64 in PATH; install it, or use LANE=svm"
		;;
	*) die "the lane's emulator '${lane[emulator]}' is neither qemu nor qemu-stock; correct ci/lanes" ;;
	esac
}

# start QEMU ACCEL KERNEL INITRD CONSOLE ERRORS: runs the machine until it powers off; 124 when its time is over.
start() {
	local cpu=${lane[cpu]} append="${lane[append]} loglevel=5 printk.devkmsg=on log_buf_len=4M panic=-1 oops=panic"
	[[ $2 != kvm ]] || cpu=host,migratable=off
	# pdeathsig: however this script ends, no QEMU is left. -no-reboot: a panic (panic=-1) ends QEMU, too.
	setpriv --pdeathsig TERM timeout --kill-after=5 "${lane[timeout]}" setpriv --pdeathsig KILL \
		"$1" -no-user-config -nodefaults -display none -no-reboot -accel "$2" -M "${lane[machine]}" -cpu "$cpu" \
		-smp "${lane[smp]}" -m "${lane[memory]}" -serial "file:$5" -kernel "$3" -initrd "$4" -append "$append" \
		</dev/null >"$6" 2>&1 &
	qemu_pid=$!
	on_exit stop_qemu
	wait "$qemu_pid"
}
stop_qemu() { kill "$qemu_pid" 2>/dev/null; }

# make_initrd INITRAMFS RUNCONF FILE: prepends RUNCONF as /run.conf.
make_initrd() {
	local dir=$3.d
	mkdir "$dir"
	cp "$2" "$dir/run.conf"
	(cd "$dir" && echo run.conf | cpio -o -H newc -R 0:0 --quiet) >"$3"
	cat "$1" >>"$3"
}

# nonce: 16 hex digits
nonce() { od -An -N8 -tx1 /dev/urandom | tr -d ' \n'; }

# why_not_kvm QEMU KERNEL INITRAMFS TMP: why real KVM cannot be used, or nothing. /dev/kvm alone says little: on a
# virtual machine it may exist without being able to run a guest. Hence a boot with one test that nests, remembered
# until this machine boots again. (So far only the negative answers could be tried.)
why_not_kvm() {
	local memo saved n test
	[[ -w /dev/kvm ]] || { echo "/dev/kvm is not there or not writable"; return; }
	grep -qs '^[Y1]' /sys/module/kvm_{amd,intel}/parameters/nested || { echo "neither kvm_amd nor kvm_intel is loaded with nested=1"; return; }
	memo=$OUT/.kvm-probe-$(sha "$(cat /proc/sys/kernel/random/boot_id)" "$1" "$2")
	if [[ ! -e $memo ]]; then
		n=$(nonce) test=kvm_clock_test
		printf '%s\n%s 20 -\n' "$n" "$test" >"$4/probe.conf"
		make_initrd "$3" "$4/probe.conf" "$4/probe.initrd"
		saved=${lane[timeout]} lane[timeout]=30
		start "$1" kvm "$2" "$4/probe.initrd" "$4/probe.console" "$4/probe.errors" || :
		lane[timeout]=$saved
		if grep -qsE "$n: ok 1 $test\$" <(tr -d '\r' <"$4/probe.console"); then
			: | put "$memo"
		else
			put "$memo" <<<"a probe boot under it failed"
		fi
	fi
	cat "$memo"
}

# accel QEMU KERNEL INITRAMFS TMP: tcg or kvm, as ACCEL=auto|tcg|kvm says and the machine allows.
accel() {
	local why
	case ${ACCEL:-auto} in
	tcg) echo tcg; return ;;
	auto | kvm) ;;
	*) die "ACCEL=$ACCEL is neither auto, tcg nor kvm" ;;
	esac
	why=$(why_not_kvm "$@")
	[[ ${ACCEL:-auto} == auto || -z $why ]] || die "ACCEL=kvm cannot be had: $why; use ACCEL=tcg"
	[[ -n $why ]] && echo tcg || echo kvm
}
