# What the scripts that build have in common; they source it.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/starfire"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"

# Signature checks on AVX-512 where the processor that runs them has it, decided at run time: on others AVX2, or neither. The build
# script of curve25519-dalek would choose this only for a build that runs nowhere else, and refuses it on other architectures. Cargo
# does not notice a change: what a target folder was begun with stays.
if [ "$(uname -m)" = x86_64 ]; then
  export CARGO_CFG_CURVE25519_DALEK_BACKEND="${CARGO_CFG_CURVE25519_DALEK_BACKEND:-avx512}"
fi
