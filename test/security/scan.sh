#!/usr/bin/env bash
# T56: what public scanners say of the default listener. Fails on any finding above LOW that is not explained below, on
# an old version or a weak suite that is accepted, and on a grade below A.
#   apt-get install testssl.sh sslscan nmap     then     test/security/scan.sh [RUNTIME]
# RUNTIME is the binary that runs src/main.ts: Bun of node_modules unless said otherwise.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
runtime=${1:-$root/node_modules/@oven/bun-linux-x64/bin/bun}
readonly root runtime

# Of the development certificate, which this program makes for itself: nobody outside trusts its authority, which has no
# revocation address; it lives for a year; localhost has no CAA record and no OCSP.
export EXPLAINED='^(cert_trust|cert_chain_of_trust|cert_revocation|cert_crlDistributionPoints|cert_ocspURL|DNS_CAArecord|cert_validityPeriod|cert_extlifeSpan)'

for tool in testssl sslscan nmap; do
  command -v "$tool" >/dev/null || { echo "scan: $tool is not installed: apt-get install testssl.sh sslscan nmap" >&2; exit 2; }
done

scratch=$(mktemp -d)
server=
cleanup() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$scratch"; }
trap cleanup EXIT
mkdir "$scratch/policies"
port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
readonly scratch port
"$runtime" "$root/src/main.ts" serve --tls-port "$port" --data "$scratch/data" --policies "$scratch/policies" \
  --certs "$scratch/certs" >"$scratch/out" 2>"$scratch/log" &
server=$!
for _ in $(seq 300); do grep -q '"msg":"READY"' "$scratch/log" && break; sleep 0.1; done
grep -q '"msg":"READY"' "$scratch/log" || { echo 'scan: the server does not start' >&2; cat "$scratch/log" >&2; exit 2; }

failed=0
complain() { echo "scan: $*"; failed=1; }

echo "-- sslscan"
sslscan --no-colour "localhost:$port" >"$scratch/sslscan"
grep -E '^(SSLv|TLSv)|^(Preferred|Accepted)' "$scratch/sslscan"
if grep -qE '^(SSLv[23]|TLSv1\.[01]) +enabled' "$scratch/sslscan"; then complain 'an old version is enabled'; fi
if grep -E '^(Preferred|Accepted)' "$scratch/sslscan" | grep -vqE 'GCM|CHACHA20'; then complain 'a weak suite is accepted'; fi
if grep -qE '(^|[^t]) vulnerable to heartbleed|Insecure|Compression enabled' "$scratch/sslscan"; then complain 'sslscan has found a hole'; fi

echo "-- nmap"
nmap -Pn -p "$port" --script ssl-enum-ciphers,ssl-cert,ssl-dh-params,ssl-heartbleed,ssl-poodle,ssl-ccs-injection,tls-ticketbleed \
  localhost >"$scratch/nmap"
grep -E 'TLSv|least strength|VULNERABLE|warning' "$scratch/nmap" || true
grep -q 'least strength: A$' "$scratch/nmap" || complain 'nmap gives less than A'
if grep -q 'VULNERABLE' "$scratch/nmap"; then complain 'nmap has found a hole'; fi

echo "-- testssl"
status=0
testssl --quiet --color 0 --warnings off --add-ca "$scratch/certs/ca.pem" --jsonfile "$scratch/testssl.json" \
  "localhost:$port" >"$scratch/testssl" 2>&1 || status=$?
[ -s "$scratch/testssl.json" ] || { tail -20 "$scratch/testssl"; complain "testssl ended with $status and says nothing"; exit 1; }
node -e '
  const explained = new RegExp(process.env.EXPLAINED);
  const all = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  const said = all.filter(({ severity }) => !["OK", "INFO", "DEBUG"].includes(severity));
  for (const { id, severity, finding } of said) console.log(`${explained.test(id) ? "explained" : "FOUND"} ${severity} ${id}: ${finding}`);
  const bad = said.filter(({ id, severity }) => severity !== "LOW" && !explained.test(id));
  console.log(`${all.length} checks, ${said.length} remarks, ${bad.length} above LOW and not explained`);
  process.exit(bad.length > 0 || all.length < 50 ? 1 : 0);
' "$scratch/testssl.json" || complain 'testssl has found something'
exit "$failed"
