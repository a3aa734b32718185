#!/usr/bin/env bash
# The four jobs, end to end, on real processes, sockets, disks and signatures: a main chain of four super nodes, two sub-chains.
#   scripts/demo.sh [--keep] [--out DIR]
#     --keep     leave the network running and print its URLs
#     --out DIR  leave the certificate, the proof files, the trust bundle and its fingerprint in DIR
set -euo pipefail
cd "$(dirname "$0")/.."

keep=""
out=""
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=yes ;;
    --out) out="${2:?--out needs a directory}"; shift ;;
    *) echo "usage: scripts/demo.sh [--keep] [--out DIR]" >&2; exit 2 ;;
  esac
  shift
done

started=$SECONDS
stage() { printf '\n== %s\n' "$1"; }
say() { printf '   %s\n' "$1"; }

stage "1/7 what the build needs"
./scripts/setup.sh
say "there"

stage "2/7 build (the first time: half an hour on two cores, RocksDB above all; later: minutes)"
. scripts/env.sh
cargo build --locked --bin starfire 2>&1 | awk -f scripts/progress.awk
say "built"
starfire="$CARGO_TARGET_DIR/debug/starfire"
[ -x "$starfire" ] || { echo "the build failed: see above" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/starfire-demo.XXXXXX")
home="$work/devnet"
other="$work/look-alike"
[ -n "$out" ] || out="$work/out"
mkdir -p "$out"
finish() {
  status=$?
  "$starfire" devnet down --home "$other" >/dev/null 2>&1 || true
  if [ -z "$keep" ] || [ "$status" -ne 0 ]; then
    "$starfire" devnet down --home "$home" >/dev/null 2>&1 || true
  fi
  if [ "$status" -ne 0 ]; then
    echo "the demo failed; node logs are in $home" >&2
  elif [ -z "$keep" ]; then
    rm -rf "$home" "$other"
  fi
}
trap finish EXIT

# The verdict of a verification, whatever its exit code.
verdict() { "$starfire" "$@" --json 2>/dev/null | jq -r 'if .code then .verdict + " (" + .code + ")" else .verdict end' || true; }
expect() {
  say "$1: $3"
  case "$3" in
    "$2"*) ;;
    *) echo "   expected: $2" >&2; exit 1 ;;
  esac
}

stage "3/7 job 1, super nodes: a main chain of four, sub-chains cn01 and my01 of four nodes each"
up=$SECONDS
"$starfire" devnet up --home "$home" --sub cn01:4 --sub my01:4 --json >/dev/null
say "twelve nodes agree on blocks, $((SECONDS - up)) s after the command"

node_url() { jq -r --arg code "$1" '.chains[] | select(.chain_code == $code) | .nodes['"${2:-0}"'].grpc' "$home/devnet.json"; }
person() { jq -r --arg name "$1" --arg field "$2" '.identities[] | select(.name == $name) | .[$field]' "$home/devnet.json"; }
main=$(node_url "")
cn01=$(node_url cn01)
my01=$(node_url my01)
customs=$(person issuing-customs did)
customs_key=$(person issuing-customs key_file)
customs_pass=$(person issuing-customs passphrase_file)
say "main chain   $main"
say "cn01, China  $cn01"
say "my01, Malaysia $my01"

stage "4/7 job 2, anchors: the backbones show the main chain headers with the signatures that prove them"
"$starfire" anchor status --node "$main" | sed 's/^/   /'

stage "5/7 job 3, DIDs"
"$starfire" did create --node "$cn01" --home "$work/user" --passphrase-file "$customs_pass" --json > "$work/did.json"
did=$(jq -r .did "$work/did.json")
say "created     $did (Ed25519, on cn01)"
"$starfire" did create --algorithm sm2 --node "$main" --home "$work/user" --passphrase-file "$customs_pass" --json > "$work/did-sm2.json"
say "created     $(jq -r .did "$work/did-sm2.json") (SM2, on the main chain)"
"$starfire" did resolve "$customs" --node "$main" --home "$home" --proof "$out/did.proof.json" --json >/dev/null
say "resolved    $customs through the main chain, checked against cn01's newest anchor"

stage "6/7 job 4, a certificate of origin across borders"
from=$(date -u -d '1 day ago' +%Y-%m-%d)
until=$(date -u -d '365 days' +%Y-%m-%d)
super() { jq -r --argjson i "$1" '.chains[0].nodes[$i].home' "$home/devnet.json"; }
as_super() { local at; at=$(super "$1"); shift; "$starfire" "$@" --node "$main" --key "$at/keys/account.json" --passphrase-file "$at/passphrase" --json; }
motion=$(as_super 0 member propose accredit --issuer "$customs" --type CertificateOfOrigin --jurisdiction CN --from "$from" --until "$until" | jq -r .motion)
as_super 1 member vote "$motion" --approve >/dev/null
as_super 2 member vote "$motion" --approve >/dev/null
say "accredited  issuing customs, for certificates of origin of CN, by three of four super nodes (motion $motion)"

"$starfire" certificate issue tests/samples/certificate-of-origin.json --type CertificateOfOrigin --jurisdiction CN \
  --number E243700000010086 --node "$cn01" --main "$main" --key "$customs_key" --passphrase-file "$customs_pass" \
  --out "$out" --json > "$work/issued.json"
say "issued      on cn01, and provable on the main chain $(jq -r .provable_ms "$work/issued.json") ms later"

"$starfire" trust export --node "$main" --out "$out/trust.json" --json >/dev/null
"$starfire" trust export --node "$main" --fingerprint > "$out/fingerprint.txt"
pin=$(cat "$out/fingerprint.txt")
say "the officer in Malaysia pinned the main chain $pin"
check=(verify "$out/certificate.proof.json" --document "$out/certificate.document.json")
pinned=(--trust "$out/trust.json" --pin "$pin")
expect "valid       the true certificate" valid "$(verdict "${check[@]}" "${pinned[@]}")"
sleep 2
expect "stale       revocation state older than a second" stale "$(verdict "${check[@]}" "${pinned[@]}" --max-age 1s)"

sed 's/Xiamen/Xiamin/' "$out/certificate.document.json" > "$work/forged.json"
expect "refused     a document with one letter changed" refused "$(verdict verify "$out/certificate.proof.json" --document "$work/forged.json" "${pinned[@]}")"
"$starfire" devnet up --home "$other" --validators 1 --json >/dev/null
other_main=$(jq -r '.chains[0].nodes[0].grpc' "$other/devnet.json")
"$starfire" trust export --node "$other_main" --out "$work/other-trust.json" --json >/dev/null
other_pin=$("$starfire" trust export --node "$other_main" --fingerprint)
"$starfire" devnet down --home "$other" >/dev/null
expect "unpinned    to an officer who pinned another main chain of the same name" unpinned \
  "$(verdict "${check[@]}" --trust "$work/other-trust.json" --pin "$other_pin")"

"$starfire" certificate issue tests/samples/certificate-of-origin.json --type CertificateOfOrigin --jurisdiction CN \
  --number E243700000010087 --node "$cn01" --main "$main" --key "$customs_key" --passphrase-file "$customs_pass" \
  --out "$work/second" --json >/dev/null
"$starfire" certificate revoke "$work/second/certificate.document.json" --reason "issued in error" --node "$cn01" \
  --key "$customs_key" --passphrase-file "$customs_pass" --json >/dev/null
"$starfire" certificate refresh "$work/second/certificate.document.json" --node "$cn01" --main "$main" \
  --out "$work/second/refreshed.json" --json >/dev/null
expect "refused     a certificate that was revoked" "refused (REVOKED)" \
  "$(verdict verify "$work/second/refreshed.json" --document "$work/second/certificate.document.json" "${pinned[@]}")"

stage "7/7 evidence: the file never leaves this machine"
echo "Packing list XMN-PKG-2026-118842, 2 containers" > "$out/evidence.txt"
"$starfire" evidence add "$out/evidence.txt" --public --node "$cn01" --main "$main" --key "$customs_key" \
  --passphrase-file "$customs_pass" --proof "$out/evidence.proof.json" --json >/dev/null
"$starfire" evidence check "$out/evidence.txt" --node "$cn01" --json >/dev/null
expect "valid       the file's proof, offline" valid "$(verdict verify "$out/evidence.proof.json" --file "$out/evidence.txt" "${pinned[@]}")"

printf '\nThe proof file is %s/certificate.proof.json. Verify it anywhere, without a network:\n' "$out"
printf '  %s verify %s/certificate.proof.json --document %s/certificate.document.json --trust %s/trust.json --pin %s\n' \
  "$starfire" "$out" "$out" "$out" "$pin"
if [ -n "$keep" ]; then
  printf '\nThe network is running:\n'
  jq -r '.chains[].nodes[] | "  \(.name)  \(.role)  \(.http)"' "$home/devnet.json"
  printf 'Stop it:  %s devnet down --home %s\n' "$starfire" "$home"
fi
printf '\nAll done in %s s.\n' "$((SECONDS - started))"
