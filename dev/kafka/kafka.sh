#!/usr/bin/env bash
# A real Apache Kafka on the loopback interface, for development and for the tests that need one.
#
#   kafka.sh start          start it and wait until it answers (data is kept from run to run)
#   kafka.sh stop           stop what this script has started
#   kafka.sh kill N         end broker N with SIGKILL
#   kafka.sh launch N       start broker N again, with its data, and wait until it answers
#   kafka.sh status         say what runs where; exit 1 when nothing does
#   kafka.sh clean          stop it and delete its data
#   kafka.sh run COMMAND    start an empty one, run COMMAND with its address in TROUPE_KAFKA, stop it, delete its data.
#                           COMMAND may call "$KAFKA_SH" with kill and launch, which then mean these brokers
#
# Environment:
#   BROKERS=1|3             number of brokers, each also a KRaft controller (default 1)
#   KAFKA_PORT=19092        port of the first broker; the others follow; controllers from +10, SASL listeners from +20,
#                           listeners of KAFKA_ADVERTISED from +30
#   KAFKA_HEAP=512m         heap of each broker
#   KAFKA_ACL=1             authorizer on. The plain listener stays all-powerful; the SASL/PLAIN listener (address in
#                           TROUPE_KAFKA_SASL, user and password "restricted") may do only what ACLs allow
#   KAFKA_ADVERTISED=...    host:port of each broker, joined by commas: one more listener for each, PROXIED, tells clients
#                           these addresses, for a proxy that stands before it
#   KAFKA_PROPERTIES=...    more broker properties, one a line
#   KAFKA_DIR=.local/kafka  properties, logs, pids and data
#   KAFKA_START_SECONDS=90  how long to wait until it answers
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

brokers=${BROKERS:-1}
port=${KAFKA_PORT:-19092}
heap=${KAFKA_HEAP:-512m}
acl=${KAFKA_ACL:-0}
advertised=${KAFKA_ADVERTISED:-}
dir=${KAFKA_DIR:-$root/.local/kafka}
start_seconds=${KAFKA_START_SECONDS:-90}
stop_seconds=20
libs=$root/.local/kafka-libs
[[ $dir == /* ]] || dir=$PWD/$dir

say() { printf 'kafka: %s\n' "$*"; }
die() {
	printf 'kafka: %s\n' "$*" >&2
	exit 1
}

# plain_port, controller_port, sasl_port and proxied_port give the ports of broker $1.
plain_port() { echo $((port + $1 - 1)); }
controller_port() { echo $((port + 10 + $1 - 1)); }
sasl_port() { echo $((port + 20 + $1 - 1)); }
proxied_port() { echo $((port + 30 + $1 - 1)); }

# advertised_address gives the address in KAFKA_ADVERTISED of broker $1.
advertised_address() { cut -d, -f"$1" <<<"$advertised"; }

# addresses joins the addresses of all brokers, whose ports the function $1 gives.
addresses() {
	local list='' n
	for ((n = 1; n <= brokers; n++)); do list+="${list:+,}127.0.0.1:$("$1" "$n")"; done
	echo "$list"
}

check_settings() {
	[[ $brokers == 1 || $brokers == 3 ]] || die "BROKERS is $brokers; it must be 1 or 3"
	[[ $port =~ ^[0-9]+$ && $port -ge 1024 && $port -le 65000 ]] || die "KAFKA_PORT is $port; it must be from 1024 to 65000"
	[[ -z $advertised || $(tr ',' '\n' <<<"$advertised" | grep -cE '^[^:]+:[0-9]+$') == "$brokers" ]] ||
		die "KAFKA_ADVERTISED is $advertised; it must hold $brokers address(es) as host:port, joined by commas"
}

check_java() {
	command -v java >/dev/null || die "needs Java 17 or later, and finds no 'java' in PATH (Debian: apt-get install default-jdk-headless)"
	local version
	version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
	[[ ${version:-0} -ge 17 ]] || die "needs Java 17 or later, and finds version ${version:-unknown}"
}

# fetch_libs copies Kafka's jars from Maven Central, once for each content of the pom.
fetch_libs() {
	cmp -s "$here/pom.xml" "$libs/pom.xml" && return
	command -v mvn >/dev/null || die "needs Maven to fetch Kafka, and finds no 'mvn' in PATH (Debian: apt-get install maven)"
	say "fetching the jars of Apache Kafka"
	rm -rf "$libs" "$libs.partial"
	mkdir -p "$libs.partial"
	mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$libs.partial" ||
		die "Maven could not fetch the jars"
	cp "$here/pom.xml" "$libs.partial/pom.xml"
	mv "$libs.partial" "$libs"
}

# own_pid prints the pid of broker $1 if that process lives and is the one this script started.
own_pid() {
	local pid
	pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
	ps -ww -p "$pid" -o args= 2>/dev/null | grep -qF -- "kafka.Kafka $dir/$1.properties" || return 1
	echo "$pid"
}

# listening says whether something accepts connections on port $1.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

write_properties() { # of broker $1
	local n=$1 voters='' i replicas=1 min_isr=1
	for ((i = 1; i <= brokers; i++)); do voters+="${voters:+,}$i@127.0.0.1:$(controller_port "$i")"; done
	if ((brokers == 3)); then replicas=3 min_isr=2; fi
	local listeners="PLAINTEXT://127.0.0.1:$(plain_port "$n")"
	if [[ $acl == 1 ]]; then listeners+=",SASL_PLAINTEXT://127.0.0.1:$(sasl_port "$n")"; fi
	local told=$listeners
	if [[ -n $advertised ]]; then
		listeners+=",PROXIED://127.0.0.1:$(proxied_port "$n")"
		told+=",PROXIED://$(advertised_address "$n")"
	fi
	cat <<-PROPERTIES
		process.roles=broker,controller
		node.id=$n
		controller.quorum.voters=$voters
		listeners=$listeners,CONTROLLER://127.0.0.1:$(controller_port "$n")
		advertised.listeners=$told
		controller.listener.names=CONTROLLER
		inter.broker.listener.name=PLAINTEXT
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,PROXIED:PLAINTEXT
		log.dirs=$dir/data-$n
		default.replication.factor=$replicas
		min.insync.replicas=$min_isr
		offsets.topic.replication.factor=$replicas
		transaction.state.log.replication.factor=$replicas
		transaction.state.log.min.isr=$min_isr
		share.coordinator.state.topic.replication.factor=$replicas
		share.coordinator.state.topic.min.isr=$min_isr
		offsets.topic.num.partitions=3
		transaction.state.log.num.partitions=3
		share.coordinator.state.topic.num.partitions=3
		group.initial.rebalance.delay.ms=0
		group.consumer.heartbeat.interval.ms=1000
		group.consumer.min.heartbeat.interval.ms=500
		group.consumer.min.session.timeout.ms=6000
		auto.create.topics.enable=false
	PROPERTIES
	if [[ $acl == 1 ]]; then
		cat <<-PROPERTIES
			authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
			super.users=User:ANONYMOUS
			sasl.enabled.mechanisms=PLAIN
			listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_restricted="restricted";
		PROPERTIES
	fi
	printf '%s\n' "${KAFKA_PROPERTIES:-}"
}

# prepare_data formats the data folders of a new cluster, and refuses one of another size.
prepare_data() {
	mkdir -p "$dir"
	if [[ -f $dir/brokers && $(cat "$dir/brokers") != "$brokers" ]]; then
		die "$dir holds a cluster of $(cat "$dir/brokers") broker(s); run 'kafka.sh clean' first, or set BROKERS or KAFKA_DIR"
	fi
	local n
	for ((n = 1; n <= brokers; n++)); do
		write_properties "$n" >"$dir/$n.properties"
		[[ -f $dir/data-$n/meta.properties ]] && continue
		rm -rf "$dir/data-$n"
		java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*" kafka.tools.StorageTool format \
			-t dHJvdXBlLWRldi1rYWZrYQ -c "$dir/$n.properties" >"$dir/$n.format.log" 2>&1 ||
			die "could not format the data folder: $(tail -n 3 "$dir/$n.format.log")"
	done
	echo "$brokers" >"$dir/brokers"
}

boot() { # broker $1
	local n=$1
	if [[ -f $dir/$n.log ]]; then mv "$dir/$n.log" "$dir/$n.log.before"; fi
	set -m # a process group of its own: Ctrl-C at the terminal is not meant for the broker
	KAFKA_OPTS='' nohup java "-Xmx$heap" "-Xms$heap" -XX:+UseG1GC -Dorg.slf4j.simpleLogger.showDateTime=true \
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS" \
		-cp "$libs/*" kafka.Kafka "$dir/$n.properties" </dev/null >"$dir/$n.log" 2>&1 &
	echo $! >"$dir/$n.pid"
	set +m
}

# await waits until broker $1 serves requests.
await() {
	local n=$1 deadline=$((SECONDS + start_seconds))
	until grep -q 'Kafka Server started' "$dir/$n.log" && listening "$(plain_port "$n")"; do
		if ! own_pid "$n" >/dev/null; then
			tail -n 15 "$dir/$n.log" >&2
			die "broker $n ended at once; its log is $dir/$n.log"
		fi
		((SECONDS < deadline)) || die "broker $n does not answer after $start_seconds s; its log is $dir/$n.log"
		sleep 0.2
	done
}

start() {
	check_settings
	check_java
	local n running=0 p
	for ((n = 1; n <= 3; n++)); do if own_pid "$n" >/dev/null; then running=$((running + 1)); fi; done
	if ((running > 0)); then
		((running == brokers)) || die "$running broker(s) of this folder run already, $brokers are wanted; stop them first"
		say "runs already"
		status
		return
	fi
	fetch_libs
	for ((n = 1; n <= brokers; n++)); do
		for p in "$(plain_port "$n")" "$(controller_port "$n")" "$(sasl_port "$n")" "$(proxied_port "$n")"; do
			! listening "$p" || die "port $p is taken by another process; stop it ('make kafka-stop' if it is a broker of ours), or set KAFKA_PORT"
		done
	done
	prepare_data
	for ((n = 1; n <= brokers; n++)); do boot "$n"; done
	trap 'stop >&2' EXIT # a start that fails leaves nothing behind
	for ((n = 1; n <= brokers; n++)); do await "$n"; done
	trap - EXIT
	status
}

check_broker() { # $1
	[[ ${1:-} =~ ^[1-3]$ && -f $dir/$1.properties ]] || die "there is no broker '${1:-}' in $dir"
}

kill_broker() { # $1
	check_broker "${1:-}"
	local n=$1 pid
	pid=$(own_pid "$n") || die "broker $n does not run"
	kill -KILL "$pid"
	while own_pid "$n" >/dev/null; do sleep 0.02; done
	rm -f "$dir/$n.pid"
	say "broker $n is killed"
}

launch() { # broker $1
	check_broker "${1:-}"
	check_settings
	! own_pid "$1" >/dev/null || die "broker $1 runs already"
	boot "$1"
	await "$1"
	say "broker $1 is back"
}

stop() {
	local n pid deadline=$((SECONDS + stop_seconds)) any=0
	for ((n = 1; n <= 3; n++)); do
		if pid=$(own_pid "$n"); then any=1 && kill -TERM "$pid" 2>/dev/null || true; fi
	done
	for ((n = 1; n <= 3; n++)); do
		while pid=$(own_pid "$n"); do
			if ((SECONDS >= deadline)); then
				say "broker $n did not end within $stop_seconds s and is killed"
				kill -KILL "$pid" 2>/dev/null || true
			fi
			sleep 0.2
		done
		rm -f "$dir/$n.pid"
	done
	if ((any)); then say "stopped"; else say "nothing of ours runs"; fi
}

status() {
	local n pid found=1
	for ((n = 1; n <= 3; n++)); do
		if pid=$(own_pid "$n"); then
			found=0
			say "broker $n, pid $pid: $(sed -n 's/^advertised.listeners=//p' "$dir/$n.properties"), log $dir/$n.log"
		fi
	done
	((found == 0)) || say "not running"
	return $found
}

clean() {
	stop
	[[ -f $dir/brokers || ! -e $dir ]] || die "$dir does not look like a folder of this script; it stays"
	rm -rf "$dir"
	say "deleted $dir"
}

run() {
	(($# > 0)) || die "run needs a command"
	if [[ -z ${KAFKA_DIR:-} ]]; then dir=$root/.local/kafka-run; fi
	check_settings
	for n in 1 2 3; do ! own_pid "$n" >/dev/null || die "another 'kafka.sh run' is at work in $dir"; done
	clean >/dev/null
	start
	trap 'exit 130' INT TERM
	trap 'stop' EXIT
	local code=0
	export TROUPE_KAFKA TROUPE_KAFKA_SASL=''
	TROUPE_KAFKA=$(addresses plain_port)
	if [[ $acl == 1 ]]; then TROUPE_KAFKA_SASL=$(addresses sasl_port); fi
	export BROKERS=$brokers KAFKA_PORT=$port KAFKA_DIR=$dir KAFKA_HEAP=$heap KAFKA_SH=$here/kafka.sh
	"$@" || code=$?
	stop
	trap - EXIT
	if ((code == 0)); then rm -rf "$dir"; else say "the command failed ($code); broker logs stay in $dir"; fi
	return $code
}

case "${1:-}" in
start | stop | status | clean | run | launch) "$@" ;;
kill) kill_broker "${2:-}" ;;
*)
	sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
