#!/bin/sh
# Names and installs the Debian packages of the given lists (build, test, bench) that are missing.
#   install-packages.sh build [test] [bench]
set -eu
here=$(dirname "$0")

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "plumbline: this system has no apt-get; install the equivalents of these Debian packages by hand," >&2
    echo "plumbline: then run make itself:" $(for list in "$@"; do cat "$here/$list.packages"; done) >&2
    exit 2
fi

missing=
for list in "$@"; do
    while read -r package; do
        case "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" in
        *" installed") ;;
        *) missing="$missing $package" ;;
        esac
    done <"$here/$list.packages"
done
[ -n "$missing" ] || exit 0

echo "Installing Debian packages:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "plumbline: installing needs root and there is no sudo; as root: apt-get install$missing" >&2
        exit 2
    fi
    as_root=sudo
fi
$as_root apt-get update -q
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
