#!/bin/sh
# A certificate authority, and certificates of a server and of a client, for development. Needs openssl.
#
#   certs/make.sh [-d DIRECTORY] [NAME ...]
#
# DIRECTORY: where they go (certs/dev beside this script, which git ignores). NAME: names and addresses the
# server's certificate is for besides localhost, 127.0.0.1 and ::1.
#
# An authority that is there already is kept, so that who trusts it goes on doing so; the certificates are
# made anew and put in place by renaming, which is also how one rotates them under a running Nearside.
# DAYS=1 certs/make.sh makes certificates that end tomorrow. Not for production: the keys are not encrypted.
set -eu
umask 077

dir="$(dirname "$0")/dev"
while getopts d: option; do
    case "$option" in
        d) dir="$OPTARG" ;;
        *) echo "usage: $0 [-d DIRECTORY] [NAME ...]" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
days="${DAYS:-825}"

command -v openssl >/dev/null || { echo "$0: openssl is missing" >&2; exit 1; }
mkdir -p "$dir"
new="$(mktemp -d "$dir/.new.XXXXXX")"
trap 'rm -rf "$new"' EXIT

names="DNS:localhost,IP:127.0.0.1,IP:::1"
for name in "$@"; do
    case "$name" in
        *[!0-9.]*) case "$name" in *:*) kind=IP ;; *) kind=DNS ;; esac ;;
        *) kind=IP ;;
    esac
    names="$names,$kind:$name"
done

# key FILE
key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

# signed NAME COMMON-NAME EXTENSIONS
signed() {
    key "$new/$1.key"
    openssl req -new -config "$new/req.conf" -key "$new/$1.key" -subj "/O=Nearside development/CN=$2" -out "$new/$1.csr"
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%s\n' "$3" >"$new/$1.ext"
    openssl x509 -req -in "$new/$1.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -days "$days" -sha256 \
        -set_serial "0x$(openssl rand -hex 15 | sed 's/^./4/')" -extfile "$new/$1.ext" -out "$new/$1.crt" 2>/dev/null
    mv "$new/$1.key" "$dir/$1.key"
    mv "$new/$1.crt" "$dir/$1.crt"
}

# Whatever openssl.cnf this machine has, or has not.
printf '[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >"$new/req.conf"

if [ ! -s "$dir/ca.key" ] || [ ! -s "$dir/ca.crt" ]; then
    key "$new/ca.key"
    openssl req -x509 -new -config "$new/req.conf" -key "$new/ca.key" -days 3650 -sha256 \
        -subj "/O=Nearside development/CN=Nearside development authority" -out "$new/ca.crt"
    mv "$new/ca.key" "$dir/ca.key"
    mv "$new/ca.crt" "$dir/ca.crt"
fi
signed server localhost "extendedKeyUsage=serverAuth
subjectAltName=$names"
signed client "${CLIENT:-client}" "extendedKeyUsage=clientAuth
subjectAltName=DNS:${CLIENT:-client}"
# Whom to trust, and what to show, is nobody's secret.
chmod 644 "$dir/ca.crt" "$dir/server.crt" "$dir/client.crt"
echo "$dir: ca.crt, server.crt, server.key ($names), client.crt, client.key"
