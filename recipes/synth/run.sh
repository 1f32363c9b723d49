#!/usr/bin/env bash
# A small corpus spoken by espeak-ng, a phone recogniser trained on it, its error rates before and after, a transcript; and
# a transcript of real speech by the model in the box.
#
#   recipes/synth/run.sh [--minutes 40] [--speakers 80] [--seed 0] [KEY=VALUE for asr train, such as trainer.max_epochs=2]
#
# Stages, for --stage N and --stop-stage N: 1 corpus, 2 tokens, 3 training, 4 decoding, 5 scores, 6 report, 7 transcript,
# 8 real speech. Writes data/synth and exp/synth/blstm/seed<seed> in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
minutes=40 speakers=80 seed=0
parse_options "minutes speakers seed" "$@"
data=data/synth exp=exp/synth/blstm/seed$seed

if stage 1 "$minutes minutes of speech by $speakers speakers"; then
  asr prepare synth --minutes "$minutes" --speakers "$speakers" --out "$data"
fi

if stage 2 "table of phones"; then
  asr tokens --cuts "$data/train_cuts.jsonl.gz" --unit phone --policy timit-39 --out "$data/tokens_phone.txt"
fi

if stage 3 "training"; then
  asr train experiment=synth/blstm seed="$seed" overwrite=true "${overrides[@]}"
fi

if stage 4 "decoding: greedy, with a beam, and with the weights from before the training"; then
  asr decode --checkpoint "$exp/best.ckpt" --cuts "$data"/{dev,test}_cuts.jsonl.gz
  asr decode --checkpoint "$exp/best.ckpt" --cuts "$data"/{dev,test}_cuts.jsonl.gz --beam-size 16
  asr decode --checkpoint "$exp/initial.ckpt" --cuts "$data"/{dev,test}_cuts.jsonl.gz --label untrained
fi

if stage 5 "phone error rates"; then
  for split in dev test; do
    asr score --cuts "$data/${split}_cuts.jsonl.gz" --hyps "$exp/${split}"_{untrained,greedy,beam16}.jsonl \
      --unit phone --policy timit-39 --json "$exp/${split}_scores.json"
  done
fi

if stage 6 "report"; then
  asr report "$exp" --html "$exp/report.html" --cuts "$data/test_cuts.jsonl.gz"
fi

recordings=("$data"/corpus/TEST/*/*/*.WAV)
if stage 7 "transcript of ${recordings[0]}"; then
  asr transcribe --checkpoint "$exp/best.ckpt" "${recordings[0]}"
fi

if stage 8 "a sentence of a read book, by the model in the box"; then
  if [[ -e $root/asr/box/english.asr ]]; then
    asr transcribe "$root/recipes/librispeech/sentence.opus"
  else
    log "left out: asr/box/english.asr is missing"
  fi
fi
