#!/usr/bin/env bash
# CMU AN4: letters, digits and command words spelt out to a microphone; characters, then words with a trigram.
#
#   recipes/an4/run.sh [--corpus-dir DIR] [--split dev|test] [--seeds "0 1 2"] [--from FILE] [KEY=VALUE for asr train]
#
# --split dev    trains on train and scores the eight dev speakers: for choosing settings
# --split test   trains on all 948 utterances with the settings chosen, and scores test (the default); words are searched
#                with the weights that --split dev has tuned, where it has been run
# --from FILE    begins from the layers of another model, english for the one in the box: fewer epochs at a lower rate
# Stages, for --stage N and --stop-stage N: 1 corpus (downloaded without --corpus-dir), 2 tokens, 3 features, 4 trigram of
# the training transcripts, 5 training, 6 decoding, 7 scores, 8 report. Writes data/an4 and exp/an4/<experiment>/seed<seed>
# in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" split=test seeds=0 from=""
parse_options "corpus_dir split seeds from" "$@"
[[ $from == english ]] || must_exist from
if [[ $from ]]; then kind=from overrides+=("init_from=$from"); else kind=blstm; fi
case $split in
  dev) experiment=$kind checkpoint=best.ckpt ;;
  test) experiment=${kind}_all checkpoint=last.ckpt ;; # no dev set is left that could choose: the fixed number of epochs
  *) die "--split: $split; give dev or test" ;;
esac
data=data/an4 ngram=data/an4/3gram.npz tuned=exp/an4/$kind/seed0/3gram.json

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

if stage 4 "trigram of words"; then
  asr lm train --order 3 --cuts "$data/train_cuts.jsonl.gz" --policy upper-no-punctuation --out "$ngram"
fi

for seed in $seeds; do
  exp=exp/an4/$experiment/seed$seed
  model=(--checkpoint "$exp/$checkpoint" --cuts "$data/${split}_cuts.jsonl.gz")

  if stage 5 "training, seed $seed"; then
    asr train experiment="an4/$experiment" seed="$seed" ckpt_path=last "${overrides[@]}"
  fi

  if stage 6 "decoding $split, seed $seed"; then
    asr decode "${model[@]}"
    asr decode "${model[@]}" --beam-size 32
    if [[ $split/$seed == dev/0 ]]; then
      asr tune decode "${model[@]}" --lexicon "$ngram" --lm "$ngram" --beam-size 256 --tuning-beam-size 64 \
        --out "$tuned"
    fi
    [[ ! -e $tuned ]] || asr decode "${model[@]}" --settings "$tuned"
  fi

  if stage 7 "error rates, seed $seed"; then
    asr score --cuts "$data/${split}_cuts.jsonl.gz" --hyps "$exp/${split}"_*.jsonl \
      --unit word char --policy upper-no-punctuation --json "$exp/${split}_scores.json"
  fi
done

if stage 8 "report"; then
  read -ra runs <<<"$seeds"
  asr report "${runs[@]/#/exp/an4/$experiment/seed}"
fi
