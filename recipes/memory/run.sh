#!/usr/bin/env bash
# What recurrent cells remember: adding problem, copy task, gradient norm against lag; curves, pictures, no speech.
#
#   recipes/memory/run.sh [--seeds "0"] [--cells "lstm gru lstm_peephole"] [--others "ligru lstm_coupled"] [--steps 2000]
#
# --cells are gated ones that take every test, with chrono initialisation, as does the plain tanh unit without it;
# --others take only the copy at T = 100. Gradients are measured for all. In the copy task rnn, ligru and lstm_projected,
# which diverge at the default learning rate, use 0.001. --steps are those of the copy task; more remember more.
# Stages, for --stage N and --stop-stage N: 1 gradient norms over 1000 steps, 2 copy at T = 100 and 200, 3 adding at
# T = 750, 4 pictures. Writes exp/memory in the current folder; existing curves are not made again.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
seeds=0 cells="lstm gru lstm_peephole" steps=2000
others="ligru lstm_no_forget lstm_coupled lstm_peephole_cell lstm_layer_norm lstm_projected conv_lstm"
parse_options "seeds cells others steps" "$@"
((${#overrides[@]} == 0)) || die "${overrides[0]}: nothing here takes KEY=VALUE; python -m tools.memory --help lists the settings"
read -ra gated <<<"$cells"
read -ra rest <<<"$others"

# study OPTION...: python -m tools.memory of this checkout, which imports nothing from the current folder.
study() { PYTHONSAFEPATH=1 PYTHONPATH=$root python -m tools.memory "$@"; }

# run TASK CELL T SEED [--chrono] [OPTION...]: one trial, unless its curve is there.
run() {
  local label=$2 rate=()
  [[ ${5-} != --chrono ]] || label=$2_chrono
  [[ $1 != copy || $2 != @(rnn|ligru|lstm_projected) ]] || rate=(--learning-rate 0.001)
  [[ -e exp/memory/$1/${label}_T$3_seed$4.json ]] ||
    study --task "$1" --cell "$2" --length "$3" --seed "$4" "${@:5}" "${rate[@]}"
}

for seed in $seeds; do
  if stage 1 "gradient norms, seed $seed"; then
    for cell in rnn "${gated[@]}" "${rest[@]}"; do run gradient "$cell" 1000 "$seed"; done
    for cell in "${gated[@]}"; do run gradient "$cell" 1000 "$seed" --chrono; done
  fi

  if stage 2 "copy task of the others, T = 100, seed $seed"; then
    for cell in "${rest[@]}"; do run copy "$cell" 100 "$seed" --steps "$steps" --goal 0.01; done
  fi

  for length in 100 200; do
    if stage 2 "copy task, T = $length, seed $seed"; then
      for cell in "${gated[@]}"; do run copy "$cell" "$length" "$seed" --chrono --steps "$steps" --goal 0.01; done
      run copy rnn "$length" "$seed" --steps "$steps"
    fi
  done

  if stage 3 "adding problem, T = 750, seed $seed"; then
    for cell in "${gated[@]}"; do run adding "$cell" 750 "$seed" --chrono --goal 0.01; done
    run adding rnn 750 "$seed" --steps 2000
  fi
done

if stage 4 "pictures"; then
  for task in gradient copy adding; do
    [[ ! -d exp/memory/$task ]] || study --task "$task" --draw
  done
fi
