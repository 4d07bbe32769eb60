#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034 # $work, $group and $mini are for the scripts that source this
#
# Common to the groups of checks (sourced): a check prints one KTAP line and leaves one row for the total.

# shellcheck source=scripts/lib.sh
. "${BASH_SOURCE[0]%/*}/../lib.sh"

group=$me
rows=${CHECK_ROWS:-$OUT/check/rows}
mkdir -p "$OUT/check"
work=$(mktemp -d "$OUT/check/$group.XXXXXX")
on_exit rm -rf "$work"
number=0 real=$OUT

# check NAME CMD...: CMD must succeed; exit code 4 is a skip, with its last line as the reason. What it printed is shown
# when it fails. Not to be called in a condition.
check() {
	local _name=$1 _rc _t=$EPOCHREALTIME _line
	shift
	number=$((number + 1))
	set +e
	(set -e; "$@") >"$work/log" 2>&1 </dev/null
	_rc=$?
	set -e
	_t=$((${EPOCHREALTIME/./} - ${_t/./}))
	printf -v _t '%d.%02d s' $((_t / 1000000)) $((_t % 1000000 / 10000))
	case $_rc in
	0) _line="ok $number - $group: $_name # $_t" ;;
	4) _line="ok $number - $group: $_name # SKIP $(tail -n 1 "$work/log")" ;;
	*) _line="not ok $number - $group: $_name # $_t" ;;
	esac
	((_rc == 0 || _rc == 4)) || tail -n 20 "$work/log" | sed 's/^/# /'
	case $_rc in 0) _rc=$GREEN ;; 4) _rc=$YELLOW ;; *) _rc=$RED ;; esac
	printf '%s%s%s\n' "$_rc" "$_line" "$OFF"
	printf '%s\n' "$_line" >>"$rows"
}

# refuses REGEX CMD...: CMD must fail with one line on stderr, "script: what is wrong; what to do", that REGEX matches.
# Lines about progress are no errors.
refuses() {
	local want=$1 rc=0
	shift
	"$@" >"$work/stdout" 2>"$work/stderr" || rc=$?
	grep -aEv ' … ([0-9.]+ s|failed after [0-9.]+ s)$|: waiting for another run|: importing ' "$work/stderr" >"$work/said" || :
	cat "$work/said"
	((rc != 0)) || { echo "it was not refused: $*"; return 1; }
	((rc < 126)) || { echo "exit code $rc: $*"; return 1; }
	(($(wc -l <"$work/said") == 1)) || { echo "more or less than one line"; return 1; }
	grep -qE '^[a-z]+: .' "$work/said" || { echo "not of the form 'script: what; what to do'"; return 1; }
	grep -qE -- "$want" "$work/said" || { echo "the line does not say: $want"; return 1; }
}

# files: all files of this checkout that are, or could be, committed. The checkout may belong to another user.
files() {
	git -C "$TOP" -c safe.directory="$TOP" ls-files -co --exclude-standard -z | (cd "$TOP" && xargs -0r ls -d -- 2>/dev/null) || :
}

# private: a fresh copy of this checkout in ./repo of a new folder, and the settings of its own scripts; goes there.
private() {
	local dir
	dir=$(mktemp -d "$work/private.XXXXXX")
	[[ -d $work/snapshot ]] || { mkdir "$work/snapshot" && files | (cd "$TOP" && cpio -pdm --quiet "$work/snapshot"); }
	cp -a "$work/snapshot" "$dir/repo"
	cd "$dir/repo"
	export TOP=$dir/repo OUT=$dir/out
}

# shared: private, but with what the real run has built.
shared() {
	private
	mkdir -p "$OUT/logs"
	ln -s "$real/$BASE" "$OUT/$BASE"
}

# make_mini: $mini becomes a kernel tree that has only what the series touches and what get_maintainer.pl takes for a
# kernel: small, and a base all the same.
make_mini() {
	local touched top
	mini=$work/mini
	[[ -d $OUT/$BASE/base/.git ]] || "$TOP/scripts/base" >/dev/null
	mapfile -t touched < <(sed -nE 's/^# blob: [0-9a-f]*[1-9a-f][0-9a-f]* //p' "$TOP/series/$BASE")
	top=({COPYING,CREDITS,Kbuild,MAINTAINERS,Makefile,README} {arch,Documentation,fs,init,lib}/Kconfig
		{drivers,ipc,kernel}/Makefile include/linux/kvm_host.h scripts/get_maintainer.pl)
	mkdir "$mini"
	git -C "$OUT/$BASE/base" archive base "${top[@]}" "${touched[@]}" | tar -x -C "$mini"
}

# written DIR: DIR becomes a folder with the files of the base, under git.
written() {
	mkdir "$1"
	git -C "$OUT/$BASE/base" archive base | tar -x -C "$1"
	git -C "$1" init -q
	git -C "$1" add -Af
	git -C "$1" commit -qm base
}

# hash_of DIR: the id of what is in it.
hash_of() { git -C "$1" add -Af && git -C "$1" write-tree; }

# read_touched: for the two below: what the series touches. $code: which of it is C of the kernel.
read_touched() {
	local commit
	commit=$("$TOP/scripts/apply")
	mapfile -t touched < <(git -C "$OUT/$BASE/base" diff --name-only --diff-filter=d base "$commit")
	code='^(arch|kernel|virt)/.*\.c$'
}

# touched REGEX: the touched files with such names that are there in this folder.
touched() {
	local f
	for f in "${touched[@]}"; do
		[[ ! $f =~ $1 || ! -e $f ]] || echo "$f"
	done
}

# new CMD...: CMD's lines with "warning" or "error" in the patched tree that are not among those in the base, whatever the
# line number. CMD is run in the tree; $bld is a build folder of its.
new() {
	local which tree bld
	for which in base after; do
		tree=$OUT/$BASE/$which bld=$OUT/$BASE/$which/build-deep
		mkdir -p "$bld"
		(cd "$tree" && "$@") >"$work/$which.said" 2>&1 || { tail -n 20 "$work/$which.said"; return 1; }
		{ grep -iE 'warning|error' "$work/$which.said" || :; } |
			sed -E "s,$tree/|$bld/,,g; s/:[0-9]+(:[0-9]+(-[0-9]+)?)?:? /: /" | sort -u >"$work/$which"
	done
	comm -13 "$work/base" "$work/after" | tee "$work/new"
	[[ ! -s $work/new ]]
}
