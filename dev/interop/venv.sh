#!/usr/bin/env bash
# The Python clients that `make test-interop` compares with, in a virtual environment below .local, made once for each
# content of requirements.txt. Prints its interpreter, and nothing else when all goes well.
#
# Environment:
#   PYTHON=python3   the interpreter to make it with
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

python=${PYTHON:-python3}
venv=$root/.local/interop-venv

die() {
	printf 'interop: %s\n' "$*" >&2
	exit 1
}

# made_of says what the environment was made of, to see that it is another one.
made_of() {
	"$python" -c 'import sys; print(sys.executable, sys.version)'
	cat "$here/requirements.txt"
}

command -v "$python" >/dev/null || die "needs Python 3.10 or later, and finds no '$python' in PATH (Debian: apt-get install python3-venv)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || die "'$python' cannot make virtual environments (Debian: apt-get install python3-venv)"

if [[ $(cat "$venv/made-of" 2>/dev/null) != "$(made_of)" ]]; then
	# Several may do so at once: the last one wins.
	partial=$venv.partial.$$
	trap 'rm -rf "$partial"' EXIT
	rm -rf "$partial"
	"$python" -m venv "$partial"
	"$partial/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --only-binary=:all: \
		--requirement "$here/requirements.txt" >&2 || die "the Python clients could not be installed"
	made_of >"$partial/made-of"
	rm -rf "$venv"
	mv "$partial" "$venv"
fi
echo "$venv/bin/python"
