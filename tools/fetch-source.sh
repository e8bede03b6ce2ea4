#!/bin/sh
# Fetches a Debian source package, verified by apt, through an apt configuration of our own that leaves the host's alone.
# usage: tools/fetch-source.sh PACKAGE[=VERSION] FOLDER     the unpacked source is then in FOLDER
set -eu
package=$1 folder=$2
[ ! -f "$folder/.fetched" ] || exit 0
top=$(cd "$(dirname "$0")/.." && pwd)
apt=$top/build/apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/download" "$(dirname "$folder")"

# The repositories that the host uses, for their sources.
if [ ! -f "$apt/sources.list" ]; then
	apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)' 'Created-By: Packages' |
		sort -u | awk '/-security/ { late = late $0 "\n"; next } { print } END { printf "%s", late }' |
		while IFS='|' read -r uri release component key; do
			[ "$component" = main ] || [ "$component" = universe ] || continue
			case $key in /*) key="[signed-by=$key] " ;; *) key= ;; esac
			echo "deb-src $key$uri $release $component"
		done >"$apt/sources.list"
	rm -f "$apt/updated"
fi
private_apt() {
	apt-get -q -o Dir::State="$apt/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$apt/cache" \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User= \
		-o APT::Get::List-Cleanup=0 -o Acquire::Languages=none "$@"
}
[ -f "$apt/updated" ] || { private_apt update >&2 && touch "$apt/updated"; }
fetch() { (cd "$apt/download" && private_apt source --download-only "$package" >&2); }
# A mirror may list a package that it does not hold: then each repository is asked by itself.
if ! fetch; then
	cp "$apt/sources.list" "$apt/all-sources.list"
	fetched=no
	while IFS= read -r line <&3; do
		echo "$line" >"$apt/sources.list"
		private_apt update >&2 && fetch && fetched=yes && break
	done 3<"$apt/all-sources.list"
	mv "$apt/all-sources.list" "$apt/sources.list"
	rm -f "$apt/updated"
	[ $fetched = yes ] || { echo "fetch-source: $package cannot be fetched" >&2; exit 1; }
fi
description=$(cd "$apt/download" && ls -t "${package%%=*}"_*.dsc | head -n 1)
rm -rf "$folder"
dpkg-source --no-check -x "$apt/download/$description" "$folder" >&2
touch "$folder/.fetched"
