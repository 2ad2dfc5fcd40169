#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the compiler and the linker were told to put around a mistake of ours, read from the programs
# themselves: PIE, full RELRO, no executable stack, stack protector, fortified calls. In TAP.
set -u
build=${WEIR_BUILD:-.}
number=0
status=0

result() { # result NAME PROBLEM
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1: $2"
		status=1
	fi
}

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

command -v readelf >/dev/null 2>&1 || skip "readelf is missing (binutils)"
flags=$(sed -n 's/^HARDEN_[A-Z]* = //p' "$build/Makefile")
case "$flags" in *-fstack-protector*) ;; *) skip "built without hardening" ;; esac

for name in weir weirctl weirtop; do
	program=$build/$name
	[ -x "$program" ] || continue
	[ ! -x "$build/.libs/$name" ] || program=$build/.libs/$name
	head=$(readelf -hldW "$program")
	names=$(readelf -sW "$program")
	case "$head" in *"Type:"*DYN*) result "$name is position independent" "" ;; *) result "$name is position independent" "no PIE" ;; esac
	bad=
	case "$head" in *GNU_RELRO*) ;; *) bad="no RELRO" ;; esac
	case "$head" in *BIND_NOW* | *"Flags: NOW"* | *" NOW "*) ;; *) bad="$bad bound lazily" ;; esac
	result "$name has its relocations read-only" "$bad"
	bad=$(printf '%s\n' "$head" | awk '$1 == "GNU_STACK" && $0 ~ /RWE/ { print "executable" }')
	result "$name has a stack that is not executable" "$bad"
	case "$names" in *__stack_chk_fail*) bad= ;; *) bad="no __stack_chk_fail" ;; esac
	result "$name guards its stack" "$bad"
	case "$flags" in
	*_FORTIFY_SOURCE*)
		case "$names" in *_chk@* | *_chk\ *) bad= ;; *) bad="none" ;; esac
		result "$name calls fortified functions" "$bad"
		;;
	esac
done
echo "1..$number"
exit $status
