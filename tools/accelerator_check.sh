#!/usr/bin/env bash
# Checks a machine with one accelerator: tests, speed, memory, reproducibility.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tools/accelerator_check.sh [OPTION...]

Runs on a machine with one GPU and this checkout, within 8 minutes: the losses'
tests, 30 steps of ResNet-50 in bfloat16, NT-Xent and SuNCEt of 8k to 64k rows
beside torch's where it is installed, the digits twice, the preflight's memory
where its compiler is installed. Ends with ten lines and one JSON file.

Options:
  --wheels=DIR    install from the wheels in DIR, without a network, into a
                  new virtual environment; without it what python3 has is used
  --extra=NAME    extra of the package in DIR: cuda (default), cuda12, or none
  --minutes=8     end within so many, installation included
  --out=FILE      the JSON file (default: accelerator_check.json)
  --platform=cuda platform of JAX; cpu is for a try, with --small
  --small         tiny sizes
  --help

Exit code: 0 if every part that can run here did, 1 if one failed or had no
time, 2 if the command is wrong. PYTHON names another Python than python3.

On a machine with a network, and the same Python and system, the wheels come by
  pip wheel -w wheels '.[cuda]' pytest hypothesis
(with torch at its end, if it is to be compared with).
END
}

wheels='' extra=cuda out=accelerator_check.json options=()
for option in "$@"; do
  case $option in
    --wheels=*) wheels=$(realpath -m "${option#*=}") ;;
    --extra=*) extra=${option#*=} ;;
    --out=*) out=${option#*=} ;;
    --help) usage; exit ;;
    *) options+=("$option") ;;
  esac
done

command=$(printf '%q ' "$0" "$@")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
out=$(realpath -m "$out")
SECONDS=0
if [ -n "$wheels" ]; then
  if ! [ -d "$wheels" ]; then
    echo "Error: --wheels: there is no folder $wheels" >&2
    exit 2
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  "$python" -m venv "$work/venv"
  python=$work/venv/bin/python
  package=suncet_jax
  [ "$extra" = none ] || package+="[$extra]"
  # torch is there if its wheel is.
  torch=()
  compgen -G "$wheels/torch-*.whl" >/dev/null && torch=(torch)
  "$python" -m pip install --quiet --no-index --find-links="$wheels" \
    "$package" pytest hypothesis "${torch[@]}"
fi
cd "$root"
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" \
  "$python" -m tools.accelerator_check "--elapsed=$SECONDS" "--out=$out" \
  "--command=$command" "${options[@]}"
