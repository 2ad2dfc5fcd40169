#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Lints that keep the house in shape, reported in TAP: layers include only downward, every file
# says what it is, every header compiles alone, banned calls stay out, files keep their size.
set -u
src=${WEIR_SRC:-.}
cd "$src" || exit 1
number=0
status=0

# report NAME OFFENDERS: passes when OFFENDERS is empty.
report() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
		status=1
	fi
}

sources=$(find src tui include tests -name '*.[ch]' | sort)

# May a file in folder $1 include a header of layer $2? One line per layer: itself and those below.
allowed() {
	case "$1" in
	base) echo base ;;
	board) echo base board ;;
	ctl) echo base board ctl ;;
	conf) echo base board conf ;;
	http) echo base http ;;
	net) echo base board conf net ;;
	file) echo base board conf file ;;
	serve) echo base board conf http net file serve ;;
	proto) echo base board conf http net serve proto ;;
	proc) echo base board ctl conf http net file serve proto proc ;;
	.) echo base board ctl conf http net file serve proto proc ;;
	esac
}

bad=$(for file in $(find src -name '*.[ch]' | sort); do
	layer=$(dirname "$file" | sed 's|^src/*||')
	[ -n "$layer" ] || layer=.
	ok=" $(allowed "$layer") weir "
	# Of its sibling net/, file/ may use the offload pool (DESIGN.md, 7).
	[ "$layer" != file ] || ok="$ok net/offload.h "
	sed -n 's|^#include "\([a-z]*/.*\)"|\1|p' "$file" | while read -r used; do
		case "$ok" in *" ${used%%/*} "* | *" $used "*) ;; *) echo "$file includes $used" ;; esac
	done
done)
report "layers of src/ include only downward" "$bad"

bad=$(grep -lE '#include "(proto|serve|http|file)/' src/proc/*.[ch] 2>/dev/null |
	grep -vE 'src/proc/(worker|inherit)[a-z_]*\.[ch]$')
report "the supervisor knows nothing of protocols and files" "$bad"

bad=$(grep -nE '#include "(net|file|serve|proto|proc|http|conf)/' $(find tui -name '*.[ch]') /dev/null)
report "tui/ uses include/, base/ and the client halves of board/ and ctl/" "$bad"

bad=$(grep -ln 'curses\.h' $(find tui -name '*.[ch]') /dev/null | grep -v '^tui/term/')
report "curses stays in tui/term" "$bad"

bad=$(for file in $sources $(find include src tui -name '*.def') $(find tests .ci autogen.sh -name '*.py' -o -name '*.sh' -o -name run); do
	head -3 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause' || echo "$file"
done)
report "every file names its licence" "$bad"

bad=$(for file in $sources; do
	sed -n '2,4p' "$file" | grep -q '^/\*' || echo "$file"
done)
report "every C file opens with a paragraph" "$bad"

bad=$(for file in $(find src -name '*.c'); do
	own=${file#src/}; own=${own%.c}.h
	[ -f "src/$own" ] || continue
	first=$(sed -n 's|^#include *\(.*\)|\1|p' "$file" | head -1)
	[ "$first" = "\"$own\"" ] || echo "$file includes $first first"
done)
report "a .c includes its own header first" "$bad"

cc=${CC:-cc}
bad=$(for header in $(find src include -name '*.h' | sort); do
	printf '#include "%s"\n' "${header#*/}" |
		$cc -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -I. -fsyntax-only -x c - 2>/dev/null || echo "$header"
done)
report "every header compiles alone" "$bad"

bad=$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|tmpnam|mktemp|system|popen|usleep|sleep)\(' \
	$(find src tui -name '*.[ch]') /dev/null | grep -vE ':[0-9]+: *(/?\*|//)')
report "banned calls stay out" "$bad"

bad=$(wc -l $sources | awk '$2 != "total" && $1 > ($2 ~ /^tests/ ? 750 : 600) { print $2 ": " $1 " lines" }')
report "no source over 600 lines, no test over 750" "$bad"

bad=$(grep -nE '\b(TODO|FIXME|XXX)\b|todo_handle\(' $(find src tui -name '*.[ch]') /dev/null | grep -v 'src/base/must.h')
report "no debt left unsaid" "$bad"

echo "1..$number"
exit $status
