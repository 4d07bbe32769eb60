# SPDX-License-Identifier: GPL-2.0
# A thin front door: each target is a script in scripts/, which says more with -h.

export BASE LANE TEST SEED BEFORE FRESH LINUX JOBS OUT CACHE SEND_AS N GROUP

help: ## this text
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 } /^## / { print substr($$0, 4) }' Makefile

run: ## build, boot and test the series; a table, out/results.json, out/junit.xml
check: ## all that CI runs: the scripts and patches, bad input, then run for each base
lint: ## scripts, patches (checkpatch), sparse, clang, coccicheck, kernel-doc, .rst: nothing new against the base
tree: ## a git tree with the base as a commit and the series on top: out/<base>/tree
export: ## write the commits of that tree back to patches/ and series/
mails: ## the series as mails, ready to send
report: ## the results of the last run as one HTML page with plots: out/report.html
matrix: ## the bases and lanes of make check as JSON, for the fan-out of a CI
flakes: ## how often the tests of the base fail on the unpatched kernel, of N=10 runs
bisectable: ## each patch builds by itself, for x86_64 and i386, with W=1 (half an hour)
steps: ## boot the kernel of each patch, with the tests of all patches up to it (hours)
bench: ## measure the times that the README quotes
shell: ## a shell in the guest, on the patched kernel
clean: ## remove what is built and measured; trees made by make tree stay

run check tree export mails report matrix flakes bisectable steps bench shell clean:
	@scripts/$@

lint:
	@scripts/check lint patches analysis coccicheck clang

.PHONY: help run check lint tree export mails report matrix flakes bisectable steps bench shell clean

##
## Variables:
##   BASE=v7.3        the series to work on, one of series/; make check, lint and matrix take all
##   LANE=a,b         machines to boot, of ci/lanes (those that are on by default)
##   TEST=glob        only these tests
##   SEED=n           for a lane that replays, instead of the seed in its file
##   BEFORE=no        leave out the unpatched kernel
##   FRESH=yes        boot the unpatched kernel even when nothing has changed for it
##   LINUX=path       your kernel tree or tarball, instead of a download
##   JOBS=n           compile jobs (all processors)
##   OUT=dir          where everything is built (out)
##   CACHE=dir        downloads, our QEMU, ccache (~/.cache/kvm-clock)
##   GROUP="a b"      only these groups of make check, see scripts/check -h
##   N=10             how often make flakes runs each test
##   SEND_AS=address  the sender of make mails (the author of the patches)
