#!/usr/bin/env bash
# fuzz.sh DURATION: runs every fuzz test of the module for that long, one after another.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
duration=${1:-10s}
go=${GO:-go}

grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | while read -r package; do
	for name in $("$go" test -list '^Fuzz' "$package" | grep '^Fuzz'); do
		echo "fuzz: $package $name"
		"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$package" </dev/null
	done
done
