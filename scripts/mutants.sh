#!/usr/bin/env bash
# Breaks each voting rule on purpose, one at a time, in a copy of the tree, and expects the tests of consensus to notice.
# `scripts/mutants.sh` tries all, `scripts/mutants.sh timeout` those whose name contains the word. Exits 0 if all are caught.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
wanted=${1:-}
. scripts/env.sh
export CARGO_TERM_COLOR=never
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$copy"
caught=0 missed=() stale=()

# mutant NAME FILE PERL: applies the expression to the whole file; it must change it.
mutant() {
  local name=$1 file=$2 change=$3
  [[ $name == *"$wanted"* ]] || return 0
  perl -0pi -e "$change" "$copy/$file"
  if cmp -s "$root/$file" "$copy/$file"; then
    stale+=("$name")
    echo "STALE   $name: nothing to change in $file"
    return 0
  fi
  if (cd "$copy" && timeout 900 cargo test -p starfire-consensus --lib --offline) >"$copy/log" 2>&1; then
    missed+=("$name")
    echo "MISSED  $name"
  elif grep -q '^error: could not compile' "$copy/log"; then
    stale+=("$name")
    echo "STALE   $name: does not compile"
  elif ! grep -q '^test result: FAILED' "$copy/log"; then
    caught=$((caught + 1))
    echo "caught  $name (a test does not end, or takes all memory)"
  else
    caught=$((caught + 1))
    echo "caught  $name ($(grep -c '\.\.\. FAILED$' "$copy/log") tests)"
  fi
  cp "$root/$file" "$copy/$file"
}

safety=consensus/src/safety.rs
mutant "timeout closes its own round only" $safety 's/(fn open\(.*?)self\.timeout_round < Some\(round\)/$1self.timeout_round != Some(round)/s'
mutant "timeout closes nothing" $safety 's/(fn open\(.*?)self\.timeout_round < Some\(round\)/$1true/s'
mutant "timeout twice in a round" $safety 's/(fn may_time_out\(.*?)self\.timeout_round < Some\(round\)/$1self.timeout_round <= Some(round)/s'
mutant "prevote twice in a round" $safety 's/self\.prevote\.is_none_or\(\|last\| last\.round < round\)/self.prevote.is_none_or(|last| last.round <= round)/'
mutant "prevote after giving up" $safety 's/(fn may_prevote\(.*?)&& self\.open\(round\)/$1/s'
mutant "prevote without justification" $safety 's/(fn may_prevote\(.*?)&& justified\(proposal\)/$1/s'
mutant "prevote in another round" $safety 's/(fn may_prevote\(.*?)&& proposal\.round == round/$1/s'
mutant "precommit twice in a round" $safety 's/self\.precommit\.is_none_or\(\|last\| last\.round < round\)/self.precommit.is_none_or(|last| last.round <= round)/'
mutant "precommit after giving up" $safety 's/(fn may_precommit\(.*?)&& self\.open\(round\)/$1/s'
mutant "precommit on an old certificate" $safety 's/(fn may_precommit\(.*?)certificate\.round == round/$1certificate.round <= round/s'
mutant "precommit at another height" $safety 's/(fn may_precommit\(.*?)&& certificate\.height == self\.height/$1/s'
mutant "propose after giving up" $safety 's/(fn may_propose\(.*?)&& self\.open\(round\)/$1/s'
mutant "propose twice in a round" $safety 's/self\.proposal\.is_none_or\(\|last\| last\.round < round\)/self.proposal.is_none_or(|last| last.round <= round)/'
mutant "vote without a record" $safety 's/self\.height >= self\.votes_from/true/'
mutant "justified by an older certificate" $safety 's/justify\.round >= highest/true/'
mutant "justified by a newer certificate only" $safety 's/justify\.round >= highest/justify.round > highest/'
mutant "justified by a certificate for another block" $safety 's/justify\.block_id == proposal\.block\.id\(\) && justify/justify/'
mutant "justified by timeouts of another round" $safety 's/ended\.round != previous \|\| //'
mutant "justified without timeouts" $safety 's/(let Some\(ended\) = &proposal\.timeout_certificate else \{\s*return )false/$1true/'
mutant "lowest reported round in place of the highest" consensus/src/quorum.rs 's/(fn highest_round.*?)\.max\(\)/$1.min()/s'
mutant "two thirds are a quorum" consensus/src/electorate.rs 's/(fn is_quorum.*?)\* 3 > /$1* 3 >= /s'
mutant "one third holds an honest validator" consensus/src/electorate.rs 's/(fn has_honest.*?)\* 3 > /$1* 3 >= /s'
mutant "prevote is not recorded" consensus/src/vote.rs 's/(fn prevote\(.*?)self\.remember\(\);/$1/s'
mutant "precommit is not recorded" consensus/src/vote.rs 's/(fn precommit\(.*?)self\.remember\(\);/$1/s'
mutant "timeout is not recorded" consensus/src/round.rs 's/(fn give_up\(.*?)self\.remember\(\);/$1/s'
mutant "timeout hides the certificate" consensus/src/round.rs 's/let high_qc = self\.record\.high_qc\.clone\(\);/let high_qc = None;/'
mutant "nobody joins in giving up" consensus/src/round.rs 's/\|amplified\| \*amplified >= self\.at\.round/|amplified| *amplified == u32::MAX/'
mutant "contradiction goes unseen" consensus/src/tally.rs 's/before\.block_id != vote\.block_id/before.height != vote.height/'
mutant "precommits of two blocks add up" consensus/src/tally.rs 's/(fn is_for\(.*?\{).*?\n\}/$1\n    let _ = (vote, block_id, time);\n    true\n}/s'

echo "$caught caught, ${#missed[@]} missed, ${#stale[@]} stale"
((${#missed[@]} == 0 && ${#stale[@]} == 0))
