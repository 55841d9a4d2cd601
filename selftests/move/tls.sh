#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who may send a guest, and what somebody on the way sees and can do: whole moves by
# pre-shared keys, certificates, and neither. What single connections do is in unit/xfer_tls*.c.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ends"
command -v certtool >/dev/null || skip_all "there is no certtool (gnutls-bin)"

# ---- certificates, in QEMU's layout ----

new_ca() { # FOLDER
	mkdir -p "$1" && certtool --generate-privkey --outfile "$1/ca-key.pem" 2>/dev/null &&
		printf 'cn = ours\nca\ncert_signing_key\nexpiration_days = 2\n' >"$1/ca.info" &&
		certtool --generate-self-signed --load-privkey "$1/ca-key.pem" --template "$1/ca.info" \
			--outfile "$1/ca-cert.pem" 2>/dev/null
}

# DNS names and no address, so that --tls-name is needed on 127.0.0.1.
new_cert() { # FOLDER CA-FOLDER ROLE NAME
	local use=tls_www_$3
	mkdir -p "$1" && cp "$2/ca-cert.pem" "$1" &&
		certtool --generate-privkey --outfile "$1/$3-key.pem" 2>/dev/null &&
		printf 'cn = %s\ndns_name = %s\n%s\nsigning_key\nexpiration_days = 2\n' "$4" "$4" \
			"$use" >"$1/$3.info" &&
		certtool --generate-certificate --load-privkey "$1/$3-key.pem" \
			--load-ca-privkey "$2/ca-key.pem" --load-ca-certificate "$2/ca-cert.pem" \
			--template "$1/$3.info" --outfile "$1/$3-cert.pem" 2>/dev/null
}

make_pki() {
	new_ca "$dir/ca" && new_ca "$dir/foreign-ca" &&
		new_cert "$dir/pki" "$dir/ca" server b.example && new_cert "$dir/pki" "$dir/ca" client a.example &&
		new_cert "$dir/foreign" "$dir/foreign-ca" client a.example &&
		# It trusts us, and nobody here knows who signed for it.
		cp "$dir/ca/ca-cert.pem" "$dir/foreign/ca-cert.pem"
}

# ---- somebody on the way ----

between() { # PORT TO-PORT [FLIP]: HELPER; run goes to PORT by it
	rm -rf "$dir/heard"
	mkdir "$dir/heard"
	"$here/proxy" "$1" "$2" "$dir/heard" "${@:3}" &
	helper=$!
	until [ -s "$dir/heard/port" ]; do sleep 0.05; done
	port=$(cat "$dir/heard/port")
}

no_more() { # between
	kill -9 "$helper"
	wait "$helper" 2>/dev/null
	helper=''
}

# ---- what is said ----

protected() { # KIND: as run has reported it
	[ "$(jq -r .encryption "$a/run.json")" = "$1" ] && return 0
	echo "# run says $(jq -c '{encryption, cipher}' "$a/run.json")"
	return 1
}

# Of the one who was sent away: receive has said so, and listens.
waits_on() { # TEXT
	for _ in $(seq 50); do
		grep -q "refused .*$1.*; waiting on" "$b/receive.err" && break
		sleep 0.1
	done
	grep -q "refused .*$1.*; waiting on" "$b/receive.err" && kill -0 "$receiver" &&
		[ -z "$(qemu_of "$b")" ] && [ "$(state "$a")" = running ] && return 0
	echo "# receive: $(cat "$b/receive.err")"
	return 1
}

keys_kept() { find "$KMIGRATE_STATE_DIR" -name '*.psk' | wc -l; }
no_key_left() {
	for _ in $(seq 50); do # the destination wipes it when it has heard BYE
		[ "$(keys_kept)" = 0 ] && return 0
		sleep 0.1
	done
	echo "# keys are left: $(ls "$KMIGRATE_STATE_DIR")"
	return 1
}

refused_there() { # TEXT OPTION...: run can't get to the receiver
	local text=$1
	shift
	go "$a" --to "$address:$port" --peer-timeout $patience "$@"
	ended 1 && grep -q "$text" "$a/run.err" && [ "$(wc -l <"$a/run.err")" = 1 ] &&
		no_key_left && rm "$KMIGRATE_STATE_DIR"/* && return 0
	echo "# run: $(cat "$a/run.err")"
	return 1
}

moves() { # KIND OPTION...: of run, to the receiver that waits
	local kind=$1
	shift
	go "$a" --to "$address:$port" --peer-timeout $patience "$@"
	ended 0 && at B && says moved && protected "$kind" && no_key_left
}

listening() { fresh && receive "$a" "$b" --peer-timeout $patience "$@"; }

# ---- the cases ----

by_key() {
	setup set-up '' && stopped "$mover" && [ "$(keys_kept)" = 2 ] &&
		[ -z "$(find "$KMIGRATE_STATE_DIR" -name '*.psk' ! -perm 600)" ] &&
		[ "$(cat "$KMIGRATE_STATE_DIR"/*.source.psk)" = "$(cat "$dir/psk")" ] &&
		kill -CONT "$mover" && ended 0 && at B && says moved && protected psk && no_key_left
	over $? "by a pre-shared key, which the journals keep no longer than the move"
}

by_certificates() {
	listening --tls-dir "$dir/pki" && moves x509 --tls-dir "$dir/pki" --tls-name b.example
	over $? "by certificates"
}

by_nothing() {
	listening --insecure && moves none --insecure
	over $? "by nothing, when both ends want it so"
}

wrong_key() {
	new_psk "$dir/other"
	listening && refused_there "does not know this pre-shared key" --psk-file "$dir/other" &&
		waits_on "the source has another pre-shared key" && moves psk
	over $? "a wrong key: both ends say so, and the next source moves its guest"
}

wrong_name() {
	listening --tls-dir "$dir/pki" &&
		refused_there "not accepted for 127.0.0.1: .*does not match" --tls-dir "$dir/pki" &&
		waits_on "the source refused TLS" &&
		moves x509 --tls-dir "$dir/pki" --tls-name b.example
	over $? "a certificate for another host"
}

wrong_ca() {
	listening --tls-dir "$dir/pki" &&
		refused_there "the peer refused TLS" --tls-dir "$dir/foreign" --tls-name b.example &&
		waits_on "the source's certificate is not accepted" &&
		moves x509 --tls-dir "$dir/pki" --tls-name b.example
	over $? "a source whose certificate another CA has signed"
}

plain_source() {
	listening && refused_there "destination: it takes guests by TLS alone" --insecure &&
		waits_on "speaks without TLS" && moves psk
	over $? "a source that does not encrypt"
}

plain_destination() {
	listening --insecure &&
		refused_there "the destination speaks without TLS (--insecure)" &&
		waits_on "the peer speaks TLS, and this end was told --insecure" &&
		moves none --insecure
	over $? "a destination that does not encrypt"
}

# Strangers who only hold the line, more than there is room for.
crowd() {
	local fds=() fd
	listening || return
	for _ in $(seq 40); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$port" && fds+=("$fd")
	done
	moves psk
	over $? "forty callers who say nothing, and a source"
	for fd in "${fds[@]}"; do exec {fd}>&-; done
}

# 64 bytes of the guest's memory that are not all alike, as they are while it stands still.
take_content() {
	local i
	"$guest/qmp" "$a/mon.sock" stop >/dev/null
	"$guest/qmp" "$a/mon.sock" pmemsave \
		"{\"val\": 0, \"size\": 33554432, \"filename\": \"$dir/ram\"}" >/dev/null
	python3 - "$dir/ram" "$dir/content" <<-'END'
	import sys
	ram = open(sys.argv[1], "rb").read()
	pages = (ram[at:at + 64] for at in range(16 << 20, len(ram), 4096))
	open(sys.argv[2], "wb").write(next(p for p in pages if len(set(p)) > 16))
	END
}

heard() { # FILE-WITH-BYTES: somebody on the way has seen them
	python3 - "$1" "$dir"/heard/*.source "$dir"/heard/*.destination <<-'END'
	import sys
	want = open(sys.argv[1], "rb").read()
	sys.exit(not any(want in open(name, "rb").read() for name in sys.argv[2:]))
	END
}

# The same guest twice: without TLS it shows that the question is a good one.
overheard() {
	local ok=1
	printf 'qemu-system' >"$dir/word"
	fresh && take_content && receive "$a" "$b" --insecure && between 0 "$port" &&
		go "$a" --to "$address:$port" --insecure && ended 0 && heard "$dir/content" &&
		heard "$dir/word" && ok=0
	no_more
	over $ok "without TLS somebody on the way sees the guest's memory and its command line"
	ok=1
	fresh && take_content && receive "$a" "$b" && between 0 "$port" &&
		go "$a" --to "$address:$port" && ended 0 && protected psk && ! heard "$dir/content" &&
		! heard "$dir/word" && [ "$(cat "$dir"/heard/*.source | wc -c)" -gt 1000000 ] && ok=0
	no_more
	over $ok "with TLS neither"
}

# In the handshake, where no journal is begun at the destination, and in pages.
changed() { # BYTES SAYS...
	local ok=1
	listening && between 0 "$port" "$1" && go "$a" --to "$address:$port" --peer-timeout $patience &&
		ended 1 && at A && "${@:2}" stayed && no_key_left && ok=0
	no_more
	over $ok "a bit is changed on the way, after $1 bytes"
}

# What a source has said, said again by somebody else.
replayed() {
	local ok=1
	listening && between 0 "$port" && moves psk && no_more &&
		cp -r "$dir/heard" "$dir/recorded" && end "$a" "$b" && kill "$sampler" && listening || {
		over 1 "a recorded move"
		return
	}
	for f in "$dir"/recorded/*.source; do
		cat "$f" >"/dev/tcp/127.0.0.1/$port"
	done 2>/dev/null
	waits_on "TLS with the source failed" && moves psk && ok=0
	over $ok "a recorded move is said again: refused, and the next source moves its guest"
}

# ---- over ssh, and afterwards ----

# Where others on this machine could see it. What grep looks for is not in its own arguments.
seen() { # WORD
	grep -lsaFf <(printf '%s\n' "$1") /proc/[0-9]*/cmdline /proc/[0-9]*/environ | sed 's/^/# seen in /' | grep .
}

one_time_key() {
	local ok=1 key
	cat >"$dir/ssh" <<-END
		#!/bin/sh
		PATH=$root/build/faults:\$PATH exec sh -c "\$2"
	END
	chmod +x "$dir/ssh"
	fresh && mkdir -p "$b" &&
		KM_FAULT=set-up go "$a" --to ssh://127.0.0.1 --ssh "$dir/ssh" --receive-arg "--replace=$a=$b" \
			--receive-arg --listen=127.0.0.1 &&
		stopped "$mover" && key=$(cat "$KMIGRATE_STATE_DIR"/*.source.psk) &&
		[[ $key =~ ^[0-9a-f]{64}$ ]] && [ "$key" != "$(cat "$dir/psk")" ] && ! seen "$key" &&
		seen "psk-file" >/dev/null && kill -CONT "$mover" && ended 0 && at B && says moved &&
		protected psk && no_key_left && ok=0
	over $ok "over ssh: a key for this move alone, in no command line and no environment"
}

# GO's answer is lost, and everybody of the destination with it. Another receive, with another
# key, tells the source by the key of that move, which is good for nothing else.
asked_late() {
	local ok=1 id gate='' old=$dir/old
	fresh && KM_FAULT=go-heard receive "$a" "$b" --peer-timeout $patience && between 0 "$port" &&
		gate=$port && go "$a" --to "$address:$gate" --peer-timeout $patience &&
		stopped "$receiver" && no_more && kill -CONT "$receiver" && ended 4 && at B && cp "$KMIGRATE_STATE_DIR"/*.source.psk "$old" &&
		slain $(pgrep -P "$receiver" -f "kmigrate receive") "$receiver" &&
		id=$(jq -r .id "$a/run.json") && new_psk "$dir/other" &&
		receive "$a" "$dir/c" --psk-file "$dir/other" && between "$gate" "$port" &&
		one_line_of_b "this pre-shared key was for an earlier move" --psk-file "$old" &&
		"$km" resolve "$id" --side source --wait 30s >/dev/null && at B && says moved &&
		no_key_left && ok=0
	no_more
	over $ok "in doubt, asked of a receive with another key: by the key of that move"
}

# The guest is at B by then.
one_line_of_b() { # TEXT OPTION...
	local out text=$1
	shift
	out=$(KMIGRATE_STATE_DIR=$dir "$km" run --vm "$b/qmp.sock" --to "$address:$port" --peer-timeout $patience "$@" 2>&1 >/dev/null)
	[[ $out == *"$text"* ]] && [ "$(state "$b")" = running ] && return 0
	echo "# run: $out"
	return 1
}

make_pki || exit 1
begin 16
by_key
by_certificates
by_nothing
wrong_key
wrong_name
wrong_ca
plain_source
plain_destination
crowd
overheard
changed 200 journal_says source
changed 100000 says
replayed
one_time_key
asked_late
finish
