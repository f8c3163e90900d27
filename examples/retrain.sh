#!/bin/sh
# Makes the example's head anew for the core that is shipped now, as docs/write-a-head.md does it: features, training,
# export with golden vectors, check. Takes about five minutes of one core, and says how many in the end; needs
# FEATURECAST_DATA or ../shared/data, and player_tracking exported for that core, whose people it is given: run it after
# every export of that head.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
: "${PYTHON:=python}" "${FEATURECAST_DATA:=$root/../shared/data}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONSAFEPATH=1
cd "$root/examples/referee_spotting"
pictures="$(cd "$FEATURECAST_DATA" && pwd)/images/football_players_yolo"
rm -rf features run
record() {
  "$PYTHON" -m featurecast record "$pictures/images" --labels "$pictures/labels" \
    --classes ball,goalkeeper,player,referee "$@"
}
record --split train --views 8 -o features/train
record --split validation -o features/validation
"$PYTHON" -m featurecast train head train.yaml
"$PYTHON" -m featurecast export head run/checkpoint.pt
"$PYTHON" -m featurecast heads check referee_spotting
rm -r features run
times # of this shell, then of the commands: user and system
