#!/usr/bin/env bash
# Redis's own tools through Nearside: redis-cli and redis-benchmark. PORT UPSTREAM-SOCKET
set -euo pipefail
port=$1
cli() { timeout 30 redis-cli -p "$port" "$@"; }

say() { echo "ok      $1"; }
same() { # WHAT GOT WANTED
	if [ "$2" != "$3" ]; then
		printf 'FAILED  %s\ngot:    %s\nwanted: %s\n' "$1" "$2" "$3"
		exit 1
	fi
	say "$1"
}
holds() { # WHAT TEXT PATTERN
	if ! grep -qE "$3" <<<"$2"; then
		printf 'FAILED  %s\ngot:    %s\nwanted: %s\n' "$1" "$2" "$3"
		exit 1
	fi
	say "$1"
}

same "redis-cli: PING" "$(cli ping)" PONG
same "redis-cli: SET and GET" "$(cli set key value; cli get key)" $'OK\nvalue'
cli hset hash a 1 b 2 >/dev/null
same "redis-cli -3: a map" "$(cli -3 --no-raw hgetall hash)" $'1# "a" => "1"\n2# "b" => "2"'
same "redis-cli -2: the same, flat" "$(cli -2 --no-raw hgetall hash)" $'1) "a"\n2) "1"\n3) "b"\n4) "2"'
same "redis-cli -n, -x" "$(printf body | cli -n 3 -x set from-stdin; cli -n 3 get from-stdin)" $'OK\nbody'
same "redis-cli: a session of commands" "$(printf 'MULTI\nSET m 1\nINCR m\nEXEC\nGET m\n' | cli)" $'OK\nQUEUED\nQUEUED\nOK\n2\n2'
same "redis-cli --eval" "$(cli --eval <(echo 'return {KEYS[1], ARGV[1]}') k , a)" $'k\na'
holds "redis-cli: INFO has our section" "$(cli info)" '^# Nearside'
holds "redis-cli: an error in Redis's words" "$(cli get 2>&1)" "ERR wrong number of arguments for 'get' command"
holds "redis-cli: COMMAND DOCS" "$(cli command docs get)" 'summary'

inserts() { awk 'BEGIN { for (i = 0; i < 100000; i++) { v = "v" i; k = "pipe:" i; printf "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", length(k), k, length(v), v } }'; }
holds "redis-cli --pipe: 100,000 inserts" "$(inserts | timeout 60 redis-cli -p "$port" --pipe)" 'errors: 0, replies: 100000'
same "redis-cli --scan" "$(cli --scan --pattern 'pipe:*' | sort -u | wc -l)" 100000
holds "redis-cli --bigkeys" "$(cli --bigkeys)" 'Sampled [0-9]+ keys in the keyspace'
holds "redis-cli --memkeys" "$(cli --memkeys)" 'Sampled [0-9]+ keys in the keyspace'

watched=$(mktemp)
timeout 10 redis-cli -p "$port" monitor >"$watched" &
monitor=$!
trap 'kill "$monitor" 2>/dev/null || true; rm -f "$watched"' EXIT
for _ in $(seq 500); do
	if grep -q monitored-key "$watched"; then break; fi
	cli set monitored-key 1 >/dev/null
done
holds "redis-cli: MONITOR" "$(cat "$watched")" '"set" "monitored-key"'
kill "$monitor"

bench() { timeout 240 redis-benchmark -p "$port" "$@" 2>&1 | tr '\r' '\n'; }
clean() { # WHAT OUTPUT: every test reported, none with an error
	if grep -iE 'error|warning: could not' <<<"$2"; then
		printf 'FAILED  %s\n%s\n' "$1" "$2"
		exit 1
	fi
	holds "$1" "$2" 'MSET \(10 keys\): [0-9.]+ requests per second'
}
clean "redis-benchmark: the default tests" "$(bench -q -n 2000)"
clean "redis-benchmark -P 16" "$(bench -q -n 8000 -P 16)"
clean "redis-benchmark -3 --threads 2 -r" "$(bench -q -n 4000 -3 --threads 2 -r 1000 -P 4)"
