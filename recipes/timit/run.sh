#!/usr/bin/env bash
# TIMIT: phones, from Graves' ladder of 2013 to a modern BLSTM, each scored under named protocols.
#
#   recipes/timit/run.sh [--corpus-dir DIR] [--rungs "blstm modern"] [--seeds "0 1 2"] [KEY=VALUE for asr train]
#
# DIR, which stage 1 needs, is the folder from the LDC (LDC93S1), or any other of its layout, such as the data/synth/corpus
# that asr prepare synth makes.
# --rungs are files of conf/experiment/timit: graves_rnn_3x500 graves_1x250 graves_2x250 graves_3x250 graves_5x250
# graves_3x421_unidirectional graves_1x622 graves_3x250_noise blstm blstm_<one addition> modern
# Stages, for --stage N and --stop-stage N: 1 corpus, 2 labels and bigram, 3 training, 4 decoding, 5 scores, 6 table.
# Writes data/timit and exp/timit/<rung>/seed<seed> in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" rungs="blstm modern" seeds=0
parse_options "corpus_dir rungs seeds" "$@"
data=data/timit

if stage 1 "corpus"; then
  [[ $corpus_dir ]] || die "--corpus-dir: TIMIT cannot be downloaded; give the folder from the LDC"
  asr prepare timit --corpus-dir "$corpus_dir" --out "$data"
fi

if stage 2 "61 labels, and a bigram of them"; then
  asr tokens --cuts "$data/train_cuts.jsonl.gz" --unit phone --policy timit-61 --out "$data/tokens_phone.txt"
  asr lm train --order 2 --cuts "$data/train_cuts.jsonl.gz" --tokens "$data/tokens_phone.txt" --policy timit-61 \
    --out "$data/bigram.arpa"
fi

for rung in $rungs; do
  for seed in $seeds; do
    exp=exp/timit/$rung/seed$seed

    if stage 3 "training $rung, seed $seed"; then
      asr train experiment="timit/$rung" seed="$seed" ckpt_path=last "${overrides[@]}"
    fi

    if stage 4 "decoding $rung, seed $seed: greedy, beam 100, exact search with the bigram"; then
      best=$exp/best.ckpt tests=("$data"/{dev,test}_cuts.jsonl.gz)
      asr decode --checkpoint "$best" --cuts "${tests[@]}"
      asr decode --checkpoint "$best" --cuts "${tests[@]}" --beam-size 100
      asr decode --checkpoint "$best" --cuts "${tests[0]}" --lm "$data/bigram.arpa" --exact --tune "$exp/bigram.json"
      asr decode --checkpoint "$best" --cuts "${tests[@]}" --settings "$exp/bigram.json"
    fi

    if stage 5 "phone error rates of $rung, seed $seed"; then
      for split in dev test; do
        asr score --cuts "$data/${split}_cuts.jsonl.gz" --hyps "$exp/${split}"_{greedy,beam100,bigram}.jsonl \
          --protocol graves-61-39 39-merged --json "$exp/${split}_scores.json"
      done
    fi
  done
done

if stage 6 "table"; then
  asr report exp/timit/*/seed* --ladder exp/timit/ladder.md --show test_{greedy,beam100,bigram}
fi
