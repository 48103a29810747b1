#!/usr/bin/env bash
# The part of launch/tpu_vm.sh that runs on every host of a TPU.
set -euo pipefail

usage() {
  cat <<'END'
Usage: bash launch/tpu_worker.sh COMMAND [FLAG...]

What launch/tpu_vm.sh starts on every host of a TPU, in the folder of one
version of the code, ~/suncet_jax/VERSION. At most one training runs per host.

Commands:
  setup      make the virtual environment of this version, once
  run        start `python -m suncet_jax.main FLAG...` in the background, or
             find it running; show its log, and end with its exit code
  stop       send it SIGTERM: it saves and ends

Options, before the command:
  --dry-run  print the commands, run none
  --help

~/suncet_jax holds what the training leaves: log, pid, exit_code, command.
END
}

fail() {
  echo "Error: $1" >&2
  exit 2
}

act() {
  if $dry_run; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

setup() {
  [ ! -e "$root/.installed" ] || return 0
  # uv brings a Python; that of the TPU's software version may be too old.
  act python3 -m pip install --quiet --user uv
  act python3 -m uv venv --quiet --allow-existing --python 3.12 "$root/.venv"
  act python3 -m uv pip install --quiet --python "$root/.venv/bin/python" \
    --editable "${root}[tpu]"
  act touch "$root/.installed"
}

run() {
  local training=("$root/.venv/bin/python" -m suncet_jax.main "$@")
  if $dry_run; then
    act "${training[@]}"
    return
  fi
  exec 9>>"$state/lock"
  if flock --nonblock 9; then
    printf '%q ' "${training[@]}" >"$state/command"
    start "${training[@]}"
  elif [ "$(printf '%q ' "${training[@]}")" != "$(<"$state/command")" ]; then
    fail "another training is running here: $(<"$state/command")"
  fi
  exec 9>&-
  follow
}

# A session of its own outlives the connection. It inherits the lock, so that
# the lock is free when the training has ended, in whatever way.
start() {
  rm -f "$state/exit_code"
  : >"$state/log"
  cd "$root"
  # shellcheck disable=SC2016  # $0 and $@ are those of the inner bash
  setsid bash -c '"$@"; echo "$?" >"$0/exit_code"' "$state" "$@" \
    </dev/null >>"$state/log" 2>&1 &
  echo "$!" >"$state/pid"
}

follow() {
  tail --lines=50 --follow --pid="$(<"$state/pid")" "$state/log"
  exit "$(cat "$state/exit_code" 2>/dev/null || echo 137)"  # 137: killed
}

stop() {
  if $dry_run || ! flock --nonblock "$state/lock" true; then
    act pkill -TERM --parent "$(<"$state/pid")"
  fi
}

dry_run=false
while [[ ${1-} == -* ]]; do
  case $1 in
    --dry-run) dry_run=true ;;
    --help)
      usage
      exit
      ;;
    *) fail "unknown option $1; see --help." ;;
  esac
  shift
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$(dirname "$root")
case ${1-} in
  setup | run | stop) "$@" ;;
  *) fail "expected setup, run or stop, got '${1-}'; see --help." ;;
esac
