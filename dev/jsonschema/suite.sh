#!/usr/bin/env bash
# The official JSON Schema Test Suite, as the Python package jsonschema carries it in its source, below .local. Prints its
# folder, and nothing else when all goes well.
set -euo pipefail

version=4.23.0
sha256=d71497fef26351a33265337fa77ffeb82423f3ea21283cd9467bb03999266bc4

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$root/.local/jsonschema-$version

if [[ ! -d $folder ]]; then
	python=$("$root/dev/interop/venv.sh")
	partial=$folder.partial.$$
	trap 'rm -rf "$partial"' EXIT
	mkdir -p "$partial"
	"$python" -m pip download --quiet --no-input --disable-pip-version-check --no-deps --no-binary=:all: --dest "$partial" \
		"jsonschema==$version" >&2
	archive=$partial/jsonschema-$version.tar.gz
	echo "$sha256  $archive" | sha256sum --check --quiet >&2
	tar -xzf "$archive" -C "$partial" --strip-components=1 "jsonschema-$version/json"
	rm "$archive"
	mv -T "$partial" "$folder"
fi
echo "$folder/json"
