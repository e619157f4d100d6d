#!/usr/bin/env bash
# unchanged.sh ADVICE COMMAND...: runs COMMAND and fails, naming the files and the advice, when it changed a file that
# git does not ignore. Compares with the working tree, so it also works before a commit.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
advice=$1
shift

sums() {
	git ls-files --cached --others --exclude-standard -z | sort -zu | while IFS= read -r -d '' file; do
		if [[ -f $file ]]; then cksum "$file"; fi
	done
}

before=$(sums)
"$@"
if ! changed=$(diff <(echo "$before") <(sums)); then
	{
		echo "these files changed; $advice:"
		sed -n 's/^[<>] [0-9]* [0-9]* /  /p' <<<"$changed" | sort -u
	} >&2
	exit 1
fi
