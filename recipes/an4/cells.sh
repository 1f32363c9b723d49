#!/usr/bin/env bash
# AN4: kinds of recurrent layers, and encoders without recurrence, of equal size and equal training time; dev error rates.
#
#   recipes/an4/cells.sh [--cells "lstm gru"] [--seeds "0 1 2"] [KEY=VALUE for asr train]
#
# --cells are files of conf/experiment/an4/cells, all ten unless some are named; the corpus and its features are those of
# recipes/an4/run.sh --stop-stage 3. Stages, for --stage N and --stop-stage N: 1 training, 2 decoding, 3 scores, 4 table.
# Writes exp/an4/cells_<cell>/seed<seed> in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
cells="rnn gru lstm lstm_peephole lstm_layer_norm conv_lstm feedforward transformer conformer lstm_attention" seeds=0
parse_options "cells seeds" "$@"
dev=data/an4/dev_cuts.jsonl.gz

for cell in $cells; do
  for seed in $seeds; do
    exp=exp/an4/cells_$cell/seed$seed

    if stage 1 "training $cell, seed $seed"; then
      asr train experiment="an4/cells/$cell" seed="$seed" ckpt_path=last "${overrides[@]}"
    fi

    if stage 2 "decoding $cell, seed $seed"; then
      asr decode --checkpoint "$exp/best.ckpt" --cuts "$dev"
    fi

    if stage 3 "error rates of $cell, seed $seed"; then
      asr score --cuts "$dev" --hyps "$exp/dev_greedy.jsonl" --unit word char --policy upper-no-punctuation \
        --json "$exp/dev_scores.json"
    fi
  done
done

if stage 4 "table"; then
  asr report exp/an4/cells_*/seed* --ladder exp/an4/cells.md
fi
