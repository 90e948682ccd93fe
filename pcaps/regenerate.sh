#!/bin/bash
# Make the captures again: all, or the folders named. Recording needs root (see README.md); crafting does not.
# Usage: pcaps/regenerate.sh [--crafted] [FOLDER ...]     PYTHON=... chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
crafted_only=
if [[ ${1:-} == --crafted ]]; then
  crafted_only=yes
  shift
fi
folders=("$@")
if [[ ${#folders[@]} -eq 0 ]]; then
  folders=(ocsp audit pki http tcp ip tunnel link file office clear imitation revocation crl)
fi
for folder in "${folders[@]}"; do
  if [[ -f pcaps/$folder/record.py && -z $crafted_only ]]; then
    "$python" -m "pcaps.$folder.record"
  fi
  if [[ -f pcaps/$folder/craft.py ]]; then
    "$python" -m "pcaps.$folder.craft"
  fi
done
