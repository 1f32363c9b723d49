#!/usr/bin/env bash
# What recurrent cells remember: adding problem, copy task, gradient norm against lag; curves, pictures, no speech.
#
#   recipes/memory/run.sh [--seeds "0"] [--cells "lstm gru lstm_peephole"]
#
# --cells are the gated ones, which begin with chrono initialisation; the plain tanh unit stands beside them in each test,
# and in the gradients every cell, with and without.
# Stages, for --stage N and --stop-stage N: 1 gradient norms over 1000 steps, 2 copy at T = 100 and 200, 3 adding at
# T = 750, 4 pictures. Writes exp/memory in the current folder; a curve that is there already is not made again.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
seeds=0 cells="lstm gru lstm_peephole"
parse_options "seeds cells" "$@"
((${#overrides[@]} == 0)) || die "${overrides[0]}: nothing here takes KEY=VALUE; asr memory --help lists the settings"
read -ra gated <<<"$cells"

# run TASK CELL T SEED [--chrono]: one trial, unless its curve is there.
run() {
  [[ -e exp/memory/$1/$2${5:+_chrono}_T$3_seed$4.json ]] || asr memory --task "$1" --cell "$2" --length "$3" --seed "$4" "${@:5}"
}

for seed in $seeds; do
  if stage 1 "gradient norms, seed $seed"; then
    for cell in rnn lstm_no_forget "${gated[@]}"; do run gradient "$cell" 1000 "$seed"; done
    for cell in "${gated[@]}"; do run gradient "$cell" 1000 "$seed" --chrono; done
  fi

  for length in 100 200; do
    if stage 2 "copy task, T = $length, seed $seed"; then
      run copy rnn "$length" "$seed" --steps 5000
      for cell in "${gated[@]}"; do run copy "$cell" "$length" "$seed" --chrono --goal 0.01; done
    fi
  done

  if stage 3 "adding problem, T = 750, seed $seed"; then
    for cell in "${gated[@]}"; do run adding "$cell" 750 "$seed" --chrono --goal 0.01; done
    run adding rnn 750 "$seed" --steps 2000
  fi
done

if stage 4 "pictures"; then
  for task in gradient copy adding; do
    [[ ! -d exp/memory/$task ]] || asr memory --task "$task" --draw
  done
fi
