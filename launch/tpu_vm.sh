#!/usr/bin/env bash
# Trains on Cloud TPU VMs and pods; `launch/tpu_vm.sh --help` says how.
#
# Unverified against Google Cloud, for want of an account: the commands follow
# its documentation and Google Cloud SDK 528, tests run them on a stand-in.
set -euo pipefail

usage() {
  cat <<'END'
Usage: launch/tpu_vm.sh COMMAND [OPTION...] [-- FLAG...]

  launch/tpu_vm.sh run --zone=us-west4-a --type=v5litepod-64 --spot \
    --config=configs/imagenet.py --workdir=gs://my-bucket/runs/imagenet -- \
    --config.data.reading=streaming --config.data.data_dir=gs://my-bucket/tfds

`run` does all of it: it creates the TPU, copies the code (as committed) and
installs it on every host, once, starts `python -m suncet_jax.main` there and
shows its output. When the TPU is preempted or lost, it is created again, and
the training goes on from its last checkpoint, until result.json is in
--workdir. The training does not need this script: after Ctrl-C it goes on, and
the same command finds it again. Several hosts need their key in the ssh agent:
ssh-add ~/.ssh/google_compute_engine

Commands:
  run              all of the above
  create           create the TPU and wait until it is there
  setup            copy the code and install it
  stop             save and end the training (end a `run` that watches it first)
  fetch            copy report.html, result.json and metrics.csv to --out
  delete           delete the TPU, after a question; until then it costs money

Options, with the environment variable and the default:
  --name=NAME      of the TPU and of its queued resource (TPU_NAME; suncet)
  --zone=ZONE      (ZONE)
  --project=ID     (PROJECT_ID; gcloud's own)
  --type=TYPE      accelerator type, such as v5litepod-64 (ACCELERATOR_TYPE)
  --runtime=NAME   TPU software version (RUNTIME_VERSION; by the type)
  --spot           cheaper; can be preempted at any time
  --config=FILE    the configuration
  --workdir=PATH   the run's folder, gs://BUCKET/PATH
  --local-workdir  let --workdir be a path of the VM: it is lost with the TPU,
                   and the hosts of a pod do not share it
  --out=FOLDER     for fetch (report)
  --poll=SECONDS   pause between two looks at the TPU (60)
  --yes            delete without a question
  --dry-run        print the commands, run none
  --help
  -- FLAG...       further flags of suncet_jax.main
END
}

say() { $dry_run || echo "tpu_vm.sh: $1" >&2; }

stop_with() { # exit code, message
  echo "Error: $2" >&2
  exit "$1"
}

fail() { stop_with 2 "$1"; }

require() {
  [ -n "$2" ] || fail "$1 is missing; see launch/tpu_vm.sh --help."
}

# Prints words so that any POSIX shell reads them back as they are.
quoted() {
  local word separator=""
  for word; do
    if [[ ! $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]]; then
      word="'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
    fi
    printf '%s%s' "$separator" "$word"
    separator=" "
  done
}

# Runs a command, or prints it past any redirection of its output.
call() {
  if $dry_run; then
    printf '%s\n' "$(quoted "$@")" >&3
  else
    "$@"
  fi
}

tpus() {
  call gcloud compute tpus "$@" "--zone=$zone" \
    ${project:+"--project=$project"} --quiet
}

on_hosts() { # which, command
  tpus tpu-vm ssh "$name" "--worker=$1" "--command=$2"
}

worker() {
  quoted bash "suncet_jax/$version/launch/tpu_worker.sh" "$@"
}

describe() { # group, field, what a dry run assumes
  local errors="$scratch/errors"
  if $dry_run; then
    tpus "$1" describe "$name" "--format=value($2)"
    echo "$3"
  elif tpus "$1" describe "$name" "--format=value($2)" 2>"$errors"; then
    return
  elif grep -q NOT_FOUND "$errors"; then
    echo NONE
  else
    cat "$errors" >&2
    echo UNKNOWN
  fi
}

# Prints NONE, the state of the queued resource, or once this is ACTIVE also
# that of the TPU: ACTIVE/READY.
state() {
  local resource
  resource=$(describe queued-resources state.state "$assumed")
  if [ "$resource" = ACTIVE ]; then
    resource+=/$(describe tpu-vm state READY)
  fi
  echo "$resource"
}

create() {
  say "creating $name"
  assumed=ACTIVE
  tpus queued-resources create "$name" "--node-id=$name" \
    "--accelerator-type=$type" "--runtime-version=${runtime:-$(by_type)}" \
    ${spot:+"$spot"}
}

by_type() {
  case $type in
    v5litepod-*) echo v2-alpha-tpuv5-lite ;;
    v5p-*) echo v2-alpha-tpuv5 ;;
    v6e-*) echo v2-alpha-tpuv6e ;;
    *) echo tpu-ubuntu2204-base ;;
  esac
}

delete() {
  tpus queued-resources delete "$name" --force
}

# Returns when the TPU can be used, 1 when it could not be created.
await_tpu() {
  local state last=""
  while true; do
    state=$(state)
    [ "$state" = "$last" ] || say "$name: $state"
    last=$state
    case $state in
      ACTIVE/READY) return 0 ;;
      NONE) create || return 1 ;;
      SUSPENDED | ACTIVE/NONE | ACTIVE/PREEMPTED | ACTIVE/TERMINATED)
        delete || return 1
        ;;
      FAILED)
        tpus queued-resources describe "$name" >&2 || true
        delete || true
        return 1
        ;;
      *) sleep "$poll" ;;
    esac
  done
}

setup() {
  local archive="suncet_jax-$version.tar.gz" folder="suncet_jax/$version"
  git -C "$root" diff --quiet HEAD || say "uncommitted changes are not copied"
  call git -C "$root" archive --format=tar.gz "--output=$scratch/$archive" \
    HEAD &&
    tpus tpu-vm scp "$scratch/$archive" "$name:" --worker=all &&
    on_hosts all "mkdir -p $folder && tar -xzf $archive -C $folder && \
$(worker setup)"
}

is_finished() {
  local file="$workdir/result.json"
  case $workdir in
    gs://*) call gcloud storage ls "$file" ;;
    *) on_hosts 0 "test -e $(quoted "$file")" ;;
  esac >/dev/null 2>&1 || return 1
  ! $dry_run || $has_run
}

# Of several hosts, gcloud passes on the exit code of the first that failed;
# that may be one that only missed the host with the error.
program_failed() {
  local codes
  codes=$(on_hosts all "cat suncet_jax/exit_code" || true)
  grep -qxE '[12]' <<<"$codes"
}

count_failure() {
  failures=$((failures + 1))
  [ "$failures" -lt "$allowed" ] || stop_with 1 "$1; giving up."
  say "$1; trying again"
  sleep "$poll"
}

# Starts the training, or finds it running, and stays with it until it ends.
attach() {
  local code=0 began=$SECONDS
  on_hosts all "$(worker run "--config=$config" "--workdir=$workdir" "$@")" ||
    code=$?
  has_run=true
  [ $((SECONDS - began)) -lt 600 ] || failures=0
  allowed=5 # before, one failure is enough: it will be of the user's making
  if is_finished; then
    is_complete=true
    return 0
  fi
  # A TPU that goes away brings any kind of error: see whether it is there.
  sleep "$poll"
  if [ "$(state)" != ACTIVE/READY ]; then
    is_set_up=false
    return 0
  fi
  if [ "$code" = 2 ] || program_failed; then
    stop_with 1 "the program failed, see above; mend it and run this again."
  fi
  count_failure "the training ended with code $code and without a result"
}

run() {
  if is_finished; then
    is_complete=true
  fi
  until $is_complete; do
    if ! await_tpu; then
      count_failure "the TPU could not be created"
    elif ! { $is_set_up || setup; }; then
      count_failure "the code could not be installed"
    else
      is_set_up=true
      attach "$@"
    fi
  done
  say "$workdir is complete. Copy the report with fetch, then delete the TPU."
}

fetch() {
  local file files=()
  local source="$workdir"
  [[ $workdir == gs://* ]] || source="$name:$workdir"
  for file in report.html result.json metrics.csv; do
    files+=("$source/$file")
  done
  call mkdir -p "$out"
  case $workdir in
    gs://*) call gcloud storage cp "${files[@]}" "$out/" ;;
    *) tpus tpu-vm scp "${files[@]}" "$out/" --worker=0 ;;
  esac
}

confirm_deletion() {
  local answer=""
  if ! $yes && ! $dry_run; then
    printf 'Delete the TPU %s in %s? [y/N] ' "$name" "$zone" >&2
    read -r answer || true
    [ "$answer" = y ] || stop_with 1 "$name was not deleted."
  fi
}

check_workdir() {
  require --workdir "$workdir"
  case $workdir in
    gs://?*) ;;
    /*)
      $local_workdir || fail "--workdir=$workdir is a path of the VM and lost \
with it. Expected gs://BUCKET/PATH; --local-workdir takes it all the same."
      ;;
    *) fail "--workdir=$workdir, expected gs://BUCKET/PATH or /PATH." ;;
  esac
}

command="" config="" workdir="" spot="" out=report poll=60
name=${TPU_NAME:-suncet} zone=${ZONE-} project=${PROJECT_ID-}
type=${ACCELERATOR_TYPE-} runtime=${RUNTIME_VERSION-}
local_workdir=false yes=false dry_run=false

while [ $# -gt 0 ]; do
  case $1 in
    --name=*) name=${1#*=} ;;
    --zone=*) zone=${1#*=} ;;
    --project=*) project=${1#*=} ;;
    --type=*) type=${1#*=} ;;
    --runtime=*) runtime=${1#*=} ;;
    --spot) spot=--spot ;;
    --config=*) config=${1#*=} ;;
    --workdir=*) workdir=${1#*=} ;;
    --local-workdir) local_workdir=true ;;
    --out=*) out=${1#*=} ;;
    --poll=*) poll=${1#*=} ;;
    --yes) yes=true ;;
    --dry-run) dry_run=true ;;
    --help)
      usage
      exit
      ;;
    --)
      shift
      break
      ;;
    -*) fail "unknown option $1, expected --option=VALUE; see --help." ;;
    *)
      [ -z "$command" ] || fail "expected one command, got $command and $1."
      command=$1
      ;;
  esac
  shift
done

workdir=${workdir%/}
case $command in
  run | create) require --type "$type" ;;
  setup | stop | fetch | delete) ;;
  *)
    fail "expected run, create, setup, stop, fetch or delete, got '$command'."
    ;;
esac
[ "$command" != run ] || require --config "$config"
[[ $command != run && $command != fetch ]] || check_workdir
[[ $command == fetch && $workdir == gs://* ]] || require --zone "$zone"
[[ $poll =~ ^[0-9]+$ ]] || fail "--poll=$poll, expected whole seconds."
$dry_run || command -v gcloud >/dev/null ||
  stop_with 1 "gcloud is missing; see https://cloud.google.com/sdk/docs/install"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=$(git -C "$root" rev-parse --short=12 HEAD) ||
  stop_with 1 "$root is not a git checkout, expected one to copy the code from."
if $dry_run; then
  scratch=${TMPDIR:-/tmp}
else
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
fi
exec 3>&1
assumed=NONE has_run=false is_set_up=false is_complete=false
failures=0 allowed=1

case $command in
  run) run "$@" ;;
  create) await_tpu || stop_with 1 "$name could not be created." ;;
  setup) setup ;;
  stop) on_hosts all "$(worker stop)" ;;
  fetch) fetch ;;
  delete) confirm_deletion && delete ;;
esac
