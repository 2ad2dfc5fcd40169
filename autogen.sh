#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes ./configure. With --deps it first installs the Debian packages that building and
# testing need, as root or through sudo; --build-deps installs only what building needs.
set -eu
cd "$(dirname "$0")"

build_packages="gcc libc6-dev make autoconf automake pkg-config libinih-dev libjansson-dev libncurses-dev check"
test_packages="python3 tmux curl wget aria2 git apt-utils apache2-utils iproute2 procps strace valgrind media-types libfuse3-dev fuse3 xz-utils binutils"

install_packages() {
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "autogen.sh: --deps knows Debian's apt-get only; install these yourself: $*" >&2
		exit 1
	fi
	missing=
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	root=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "autogen.sh: not root and no sudo; ask root to run: apt-get install$missing" >&2
			exit 1
		fi
		root=sudo
	fi
	$root env DEBIAN_FRONTEND=noninteractive apt-get update -q
	# shellcheck disable=SC2086 # a list of words
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

case "${1-}" in
"") ;;
--build-deps)
	# shellcheck disable=SC2086
	install_packages $build_packages
	;;
--deps)
	# shellcheck disable=SC2086
	install_packages $build_packages $test_packages
	;;
*)
	echo "usage: ./autogen.sh [--deps | --build-deps]" >&2
	exit 2
	;;
esac

for tool in autoreconf automake pkg-config; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "autogen.sh: $tool is missing; run ./autogen.sh --deps to install what the build needs" >&2
		exit 1
	fi
done
mkdir -p build-aux
autoreconf --install --force
