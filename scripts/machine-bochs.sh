#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # lane[] and emulator_name are shared with who sources this
#
# Bochs as the machine of a lane: see scripts/machine.sh. Debian's is built with its debugger, and starts from a disk.

emulator_name=Bochs

emulator() {
	need bochs || exit # errexit is off in $(emulator)
	command -v bochs-bin || die "no bochs-bin in PATH; install the package bochs, or use LANE=svm"
}

accel() {
	[[ ${ACCEL:-} != kvm ]] || die "ACCEL=kvm cannot be had: Bochs has no use for it; use ACCEL=auto"
	echo none
}

# make_iso KERNEL INITRD APPEND ISO: a CD that boots the kernel
make_iso() {
	local dir=$4.d
	mkdir -p "$dir/boot/grub"
	cp "$1" "$dir/boot/kernel"
	cp "$2" "$dir/boot/initrd"
	# reboot=t: a reset is a triple fault, which ends Bochs.
	# tsc_early_khz: the kernel's own guess is too rough for its later measurement. That of a lane, which comes later, counts.
	cat >"$dir/boot/grub/grub.cfg" <<-END
		set timeout=0
		linux /boot/kernel tsc_early_khz=${lane[khz]} $3 reboot=t
		initrd /boot/initrd
		boot
	END
	quiet grub-mkrescue -d /usr/lib/grub/i386-pc -o "$4" "$dir"
	rm -r "$dir"
}

# bochsrc ISO SERIAL: the machine, which lasts until something is wrong. The display draws on a pty that nobody sees;
# time is that of the instructions, and the date starts with the seed.
bochsrc() {
	cat <<-END
		config_interface: textconfig
		display_library: term
		megs: $((${lane[memory]%G} * 1024))
		cpu: model=${lane[cpu]}, count=1:${lane[smp]}:1, ips=${lane[khz]}000, quantum=16, reset_on_triple_fault=0
		romimage: file=/usr/share/bochs/BIOS-bochs-latest
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		pci: enabled=1, chipset=${lane[machine]}
		ata0-master: type=cdrom, path=$1, status=inserted
		boot: cdrom
		clock: sync=none, time0=$((1767225600 + ${lane[seed]:-0})), rtc_sync=1
		com1: enabled=1, $2
		log: /dev/null
		panic: action=fatal
		error: action=ignore
		info: action=ignore
		debug: action=ignore
		speaker: enabled=0
	END
}

# Bochs exits with 1 whatever ended it, and says what it was. ERRORS gets that line when it was not the power switch.
start() {
	local iso=$4.iso rc=0
	make_iso "$3" "$4" "$(append_tests)" "$iso"
	bochsrc "$iso" "mode=file, dev=$5" >"$4.bochsrc"
	echo c >"$4.continue" # the debugger's only command
	TERM=dumb run_machine "$6" "$1" -q -f "$4.bochsrc" -rc "$4.continue" || rc=$?
	! grep -aqF 'ACPI control: soft power off' "$6" || return 0
	sed -n '/^Bochs is exiting with the following message:/{n;p;q}' "$6" | put "$6"
	((rc)) || rc=1
	return "$rc"
}

shell() {
	local saved
	saved=$(stty -g)
	on_exit stty "$saved" # the terminal is raw until Bochs ends by itself
	make_iso "$2" "$3" "$(append)" "$3.iso"
	bochsrc "$3.iso" "mode=term, dev=$(tty)" >"$3.bochsrc"
	echo c >"$3.continue"
	TERM=dumb "$1" -q -f "$3.bochsrc" -rc "$3.continue" >/dev/null 2>&1 || :
}
