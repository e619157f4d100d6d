#!/bin/sh
# A member that heeds nothing but SIGKILL.
trap '' TERM
while :; do sleep 0.05; done
