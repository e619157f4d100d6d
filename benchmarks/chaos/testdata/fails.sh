#!/bin/sh
# A member whose stop fails.
trap 'exit 1' TERM
echo '{"msg":"answering admin requests","address":"127.0.0.1:1"}' >&2
while :; do sleep 0.05; done
