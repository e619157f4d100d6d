#!/usr/bin/env bash
# A real schema registry (Apicurio Registry, with the API of Confluent's) on the loopback interface, for development and
# for the tests that need one. It keeps its schemas in memory: each start begins with none.
#
#   registry.sh start          start it and wait until it answers
#   registry.sh stop           stop what this script has started
#   registry.sh kill           end it with SIGKILL
#   registry.sh status         say what runs where; exit 1 when nothing does
#   registry.sh url            print its address
#   registry.sh run COMMAND    start one, run COMMAND with its address in TROUPE_REGISTRY, stop it.
#                              COMMAND may call "$REGISTRY_SH" with stop, kill and start, which then mean this one
#
# Environment:
#   REGISTRY_PORT=19081            port
#   REGISTRY_HEAP=384m             heap
#   REGISTRY_DIR=.local/registry   log and pid
#   REGISTRY_START_SECONDS=90      how long to wait until it answers
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

artifact=io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all
port=${REGISTRY_PORT:-19081}
heap=${REGISTRY_HEAP:-384m}
dir=${REGISTRY_DIR:-$root/.local/registry}
start_seconds=${REGISTRY_START_SECONDS:-90}
stop_seconds=20
app=$root/.local/registry-app
[[ $dir == /* ]] || dir=$PWD/$dir

say() { printf 'registry: %s\n' "$*"; }
die() {
	printf 'registry: %s\n' "$*" >&2
	exit 1
}

url() { echo "http://127.0.0.1:$port/apis/ccompat/v7"; }

check_settings() {
	[[ $port =~ ^[0-9]+$ && $port -ge 1024 && $port -le 65535 ]] || die "REGISTRY_PORT is $port; it must be from 1024 to 65535"
}

check_java() {
	command -v java >/dev/null || die "needs Java 17 or later, and finds no 'java' in PATH (Debian: apt-get install default-jdk-headless)"
	local version
	version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
	[[ ${version:-0} -ge 17 ]] || die "needs Java 17 or later, and finds version ${version:-unknown}"
}

# fetch_app unpacks the program from Maven Central, once for each version. Several may do so at once: the last one wins.
fetch_app() {
	[[ $(cat "$app/artifact" 2>/dev/null) == "$artifact" ]] && return
	command -v mvn >/dev/null || die "needs Maven to fetch the registry, and finds no 'mvn' in PATH (Debian: apt-get install maven)"
	say "fetching Apicurio Registry (140 MB, once)"
	local partial=$app.partial.$$
	rm -rf "$partial"
	mkdir -p "$partial"
	mvn -q -B dependency:unpack "-Dartifact=$artifact" "-DoutputDirectory=$partial" -Dtransitive=false \
		-Dmdep.useBaseVersion=true ||
		die "Maven could not fetch the registry"
	compgen -G "$partial/*-runner.jar" >/dev/null || die "there is no program in $artifact"
	echo "$artifact" >"$partial/artifact"
	rm -rf "$app"
	mv "$partial" "$app"
}

# own_pid prints the registry's pid if that process lives and is the one this script started.
own_pid() {
	local pid
	pid=$(cat "$dir/pid" 2>/dev/null) || return 1
	ps -ww -p "$pid" -o args= 2>/dev/null | grep -qF -- "-Dtroupe.registry.dir=$dir " || return 1
	echo "$pid"
}

# listening says whether something accepts connections on the port.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

# answers says whether the API does, with a request of our own: there need not be a curl.
answers() {
	(
		exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
		printf 'GET /apis/ccompat/v7/subjects HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
		IFS= read -r -t 10 line <&3
		[[ $line == *' 200 '* ]]
	) 2>/dev/null
}

boot() {
	if [[ -f $dir/log ]]; then mv "$dir/log" "$dir/log.before"; fi
	local jar
	jar=$(compgen -G "$app/*-runner.jar")
	set -m # a process group of its own: Ctrl-C at the terminal is not meant for the registry
	(cd "$dir" && exec nohup java "-Dtroupe.registry.dir=$dir" "-Xmx$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
		-Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port" -jar "$jar") </dev/null >"$dir/log" 2>&1 &
	echo $! >"$dir/pid"
	disown # bash need not report its end
	set +m
}

start() {
	check_settings
	check_java
	if own_pid >/dev/null; then
		say "runs already"
		status
		return
	fi
	fetch_app
	! listening || die "port $port is taken by another process; stop it, or set REGISTRY_PORT"
	mkdir -p "$dir"
	boot
	trap 'stop >&2' EXIT # a start that fails leaves nothing behind
	local deadline=$((SECONDS + start_seconds))
	until answers; do
		if ! own_pid >/dev/null; then
			tail -n 15 "$dir/log" >&2
			die "it ended at once; its log is $dir/log"
		fi
		((SECONDS < deadline)) || die "it does not answer after $start_seconds s; its log is $dir/log"
		sleep 0.2
	done
	trap - EXIT
	status
}

# end sends signal $1 and waits until the process is gone.
end() {
	local pid deadline=$((SECONDS + stop_seconds))
	pid=$(own_pid) || {
		say "nothing of ours runs"
		return
	}
	kill "-$1" "$pid" 2>/dev/null || true
	# A process that ends has no name any more while its port is still open.
	while pid=$(own_pid) || listening; do
		((SECONDS < deadline + stop_seconds)) || die "port $port is still open"
		if [[ -n $pid ]] && ((SECONDS >= deadline)); then
			say "it did not end within $stop_seconds s and is killed"
			kill -KILL "$pid" 2>/dev/null || true
		fi
		sleep 0.1
	done
	rm -f "$dir/pid"
	say "stopped"
}

stop() { end TERM; }

status() {
	local pid
	pid=$(own_pid) || {
		say "not running"
		return 1
	}
	say "pid $pid: $(url), log $dir/log"
}

run() {
	(($# > 0)) || die "run needs a command"
	if [[ -z ${REGISTRY_DIR:-} ]]; then dir=$root/.local/registry-run; fi
	! own_pid >/dev/null || die "another 'registry.sh run' is at work in $dir"
	start
	trap 'exit 130' INT TERM
	trap 'stop' EXIT
	local code=0
	export TROUPE_REGISTRY REGISTRY_PORT=$port REGISTRY_DIR=$dir REGISTRY_HEAP=$heap REGISTRY_SH=$here/registry.sh
	TROUPE_REGISTRY=$(url)
	"$@" || code=$?
	stop
	trap - EXIT
	if ((code != 0)); then say "the command failed ($code); the registry's log stays in $dir"; else rm -rf "$dir"; fi
	return $code
}

case "${1:-}" in
start | stop | status | url | run) "$@" ;;
kill) end KILL ;;
*)
	sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
