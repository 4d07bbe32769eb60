#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034 # colours and settings are for the scripts that source this
#
# Common to all scripts (sourced): settings and their defaults, messages, locks, and what lanes.sh and stage.sh have.
# A script that is called with -h prints its own header comment.

set -euo pipefail
export LC_ALL=C.UTF-8
# The caller's git settings (hooks, diff and mail formats, signing) must not change results.
# shellcheck disable=SC2086
unset ${!GIT_*}
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0

me=${0##*/} args=$*
TOP=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P)
BASES=${BASE:-$(cd "$TOP/series" && echo *)} # for what takes all of them by default
BASE=${BASE:-v7.3} LANE=${LANE:-} TEST=${TEST:-} BEFORE=${BEFORE:-yes} LINUX=${LINUX:-} SEED=${SEED:-}
JOBS=${JOBS:-$(nproc)} OUT=${OUT:-out}
CACHE=${CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/kvm-clock}
[[ $OUT == /* ]] || OUT=$TOP/$OUT
[[ $CACHE == /* ]] || CACHE=$TOP/$CACHE
[[ -z $LINUX || $LINUX == /* ]] || LINUX=$PWD/$LINUX
export TOP BASE LANE TEST BEFORE LINUX SEED JOBS OUT CACHE
export GIT_CEILING_DIRECTORIES=$OUT # a folder of out/ that is no repository is not in ours

RED='' GREEN='' YELLOW='' BOLD='' DIM='' OFF=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' BOLD=$'\e[1m' DIM=$'\e[2m' OFF=$'\e[0m'
fi

# die MSG: the one line of an error, and the end. MSG: "what is wrong; what to do".
die() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }

# note MSG: a line for the user, not part of a script's output.
note() { printf '%s: %s\n' "$me" "$*" >&2; }

# quiet CMD...: runs CMD without its output; when it fails, the first line of that is the error.
quiet() {
	local out
	out=$("$@" 2>&1) || die "$1 failed (${out%%$'\n'*}); see that there is space for $OUT and that it is yours"
}

# usage: prints the calling script's header comment.
usage() { sed -n '/^# SPDX/d; 2,${/^#/!q; /^# shellcheck/d; s/^# \{0,1\}//p}' "$0"; exit 0; }

# need GROUP...: makes sure that the packages of these groups of ci/packages are installed.
need() { "$TOP/scripts/packages" "$@"; }

# sha KEY...: 16 hex digits that stand for all KEYs. @FILE: the contents of FILE, @DIR: of all files below it.
sha() {
	local k
	for k; do
		if [[ $k != @* ]]; then
			printf '%s\0' "$k"
		elif [[ -d ${k#@} ]]; then
			(cd "${k#@}" && find . -type f -print0 | sort -z | xargs -0r sha256sum)
		elif [[ -r ${k#@} ]]; then
			sha256sum <"${k#@}"
		else
			die "cannot read ${k#@}"
		fi
	done | sha256sum | cut -c1-16
}

# patch_range FROM TO: both are numbers of patches of $BASE, the first one is not the later one.
patch_range() {
	local n
	n=$(grep -cvE '^(#|$)' "$TOP/series/$BASE") || :
	if ! [[ $1 =~ ^[1-9][0-9]{0,4}$ && $2 =~ ^[1-9][0-9]{0,4}$ ]] || (($1 > $2 || $2 > n)); then
		die "no patches $1 to $2; series/$BASE has 1 to $n"
	fi
}

# compiled_as FILE: FILE of the kernel tree that is the current folder, or the file that includes it, as for some of the scheduler.
compiled_as() { grep -lF "#include \"${1##*/}\"" "${1%/*}"/*.c || echo "$1"; }

# use_ccache: sets cc to gcc, by ccache where there is one, with a cache that all trees and checkouts share.
use_ccache() {
	cc=gcc
	command -v ccache >/dev/null || return 0
	cc='ccache gcc'
	# The trees differ in their absolute path only: that must not be part of the key.
	export CCACHE_DIR=$CACHE/ccache CCACHE_BASEDIR=$OUT CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-3G}
}

# scratch NAME: a new folder for what is needed only until the script ends; who asks for it removes it.
scratch() {
	mkdir -p "${SCRATCH:=$OUT/tmp}" 2>/dev/null || die "cannot write to $SCRATCH; set OUT= to a folder of yours"
	mktemp -d "$SCRATCH/$1.XXXXXX"
}

# put FILE: standard input becomes FILE, whole or not at all.
put() {
	local tmp=$1.tmp.$BASHPID
	if cat >"$tmp" && mv -f "$tmp" "$1"; then return; fi
	rm -f "$tmp"
	die "cannot write $1; see that there is space and that it is yours"
}

# on_exit CMD...: CMD runs when this shell (or subshell) ends, also by a signal; the last one first.
on_exit() {
	[[ ${exit_shell:-} == "$BASHPID" ]] || exit_cmds=() exit_shell=$BASHPID
	exit_cmds=("$(printf '%q ' "$@")" "${exit_cmds[@]}")
	trap run_exit_cmds EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
run_exit_cmds() { local c; for c in "${exit_cmds[@]}"; do eval "$c" || :; done; }

# with_lock NAME CMD...: CMD runs (in a subshell) while no other run holds the lock NAME (a path: of that file,
# for what checkouts share). Locks may nest.
with_lock() {
	local _lock=$OUT/.locks/$1
	[[ $1 != /* ]] || _lock=$1
	shift
	mkdir -p "${_lock%/*}" 2>/dev/null || die "cannot write to ${_lock%/*}; set OUT= and CACHE= to folders of yours"
	(
		flock -n 9 || { note "waiting for another run (${_lock##*/})"; flock 9; }
		"$@" 9>&- # a daemon that CMD leaves behind must not keep the lock
	) 9>"$_lock"
}

# shellcheck source=scripts/lanes.sh
. "$TOP/scripts/lanes.sh"
# shellcheck source=scripts/stage.sh
. "$TOP/scripts/stage.sh"

[[ $TOP$OUT$CACHE != *[[:space:]:]* ]] || die "a path with a space or colon cannot hold a kernel build; move the checkout or set OUT= and CACHE="
[[ ${1-} != -h && ${1-} != --help ]] || usage
(($# == 0)) || ! grep -qE "^# usage: (\[[^]]*\] )*scripts/(checks/)?$me\$" "$0" || die "it takes no arguments; see $0 -h"
[[ $BASE != */* && -f $TOP/series/$BASE ]] || die "no such base '$BASE'; there are: $(cd "$TOP/series" && echo *)"
[[ $JOBS =~ ^[1-9][0-9]{0,3}$ ]] || die "JOBS=$JOBS is not a number of compile jobs; say JOBS=2, for example"
[[ $BEFORE =~ ^(yes|no)$ ]] || die "BEFORE=$BEFORE is neither yes nor no"
[[ ${FRESH:-no} =~ ^(yes|no)$ ]] || die "FRESH=$FRESH is neither yes nor no"
[[ ${SEED:-0} =~ ^(0|[1-9][0-9]{0,8})$ ]] || die "SEED=$SEED is not a number from 0 to 999999999"
