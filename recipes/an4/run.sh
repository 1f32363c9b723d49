#!/usr/bin/env bash
# CMU AN4: letters, digits and command words spelt out to a microphone; a character recogniser without language model.
#
#   recipes/an4/run.sh [--corpus-dir DIR] [--split dev|test] [--seeds "0 1 2"] [KEY=VALUE for asr train]
#
# --split dev    trains on train and scores the eight dev speakers: for choosing settings
# --split test   trains on all 948 utterances with the settings chosen, and scores test (the default)
# Stages, for --stage N and --stop-stage N: 1 corpus (downloaded without --corpus-dir), 2 tokens, 3 features, 4 training,
# 5 decoding, 6 scores, 7 report. Writes data/an4 and exp/an4/<experiment>/seed<seed> in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" split=test seeds=0
parse_options "corpus_dir split seeds" "$@"
case $split in
  dev) experiment=blstm checkpoint=best.ckpt ;;
  test) experiment=blstm_all checkpoint=last.ckpt ;; # no dev set is left that could choose: the fixed number of epochs
  *) die "--split: $split; give dev or test" ;;
esac
data=data/an4

if stage 1 "corpus"; then
  asr prepare an4 ${corpus_dir:+--corpus-dir "$corpus_dir"} --out "$data"
fi

if stage 2 "table of characters"; then
  asr tokens --cuts "$data/train_all_cuts.jsonl.gz" --unit char --policy upper-no-punctuation --out "$data/tokens_char.txt"
fi

if stage 3 "features, at eight speeds"; then
  asr features --cuts "$data"/{train,dev}_cuts.jsonl.gz --out "$data/features" \
    --speeds 0.85 0.9 0.95 1.0 1.05 1.1 1.15 1.2
fi

for seed in $seeds; do
  exp=exp/an4/$experiment/seed$seed

  if stage 4 "training, seed $seed"; then
    asr train experiment="an4/$experiment" seed="$seed" ckpt_path=last "${overrides[@]}"
  fi

  if stage 5 "decoding $split, seed $seed"; then
    for beam in 1 32; do
      asr decode --checkpoint "$exp/$checkpoint" --cuts "$data/${split}_cuts.jsonl.gz" --beam-size "$beam"
    done
  fi

  if stage 6 "error rates, seed $seed"; then
    asr score --cuts "$data/${split}_cuts.jsonl.gz" --hyps "$exp/${split}"_{greedy,beam32}.jsonl \
      --unit word char --policy upper-no-punctuation --json "$exp/${split}_scores.json"
  fi
done

if stage 7 "report"; then
  read -ra runs <<<"$seeds"
  asr report "${runs[@]/#/exp/an4/$experiment/seed}"
fi
