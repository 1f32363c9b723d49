#!/usr/bin/env bash
# TIMIT: phones, from Graves' ladder of 2013 to a modern BLSTM, each scored under named protocols.
#
#   recipes/timit/run.sh [--corpus-dir DIR] [--rungs "blstm modern"] [--seeds "0 1 2"] [--corpus NAME --policy NAME]
#     [--device cpu] [KEY=VALUE for asr train]
#
# DIR, which stage 1 needs, is the folder from the LDC (LDC93S1), or another with its layout, such as data/synth/corpus,
# which asr prepare synth makes.
# --rungs are files of conf/experiment/timit: graves_rnn_3x500 graves_1x250 graves_2x250 graves_3x250 graves_5x250
# graves_3x421_unidirectional graves_1x622 graves_3x250_noise trans_3l_250h pretrans_3l_250h blstm blstm_<one addition>
# blstm_transducer blstm_pretrained_transducer modern modern_small. pretrans_3l_250h begins from graves_3x250, and
# blstm_pretrained_transducer from blstm, of the same seed: name these before them.
# --corpus takes, from --stage 2 on, other cuts with phones that are in data/NAME, --policy their phone set (arpabet-39).
# --device cuda decodes on a GPU; training takes one where there is one.
# Stages, for --stage N and --stop-stage N: 1 corpus, 2 labels and bigram, 3 training, 4 decoding, 5 scores, 6 table.
# Writes data/<corpus> and exp/<corpus>/<rung>/seed<seed> in the current folder; <corpus> is timit.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" rungs="blstm modern" seeds=0 corpus=timit policy=timit-61 device=cpu
parse_options "corpus_dir rungs seeds corpus policy device" "$@"
data=data/$corpus
unit=(--unit phone --policy "$policy") scoring=("${unit[@]}")
if [[ $policy == timit-61 ]]; then scoring=(--protocol graves-61-39 39-merged); fi

if [[ $corpus == timit ]] && stage 1 "corpus"; then
  [[ $corpus_dir ]] || die "--corpus-dir: TIMIT cannot be downloaded; give the folder from the LDC"
  asr prepare timit --corpus-dir "$corpus_dir" --out "$data"
fi

if stage 2 "labels, their text, and a bigram of them"; then
  asr tokens --cuts "$data/train_cuts.jsonl.gz" "${unit[@]}" --out "$data/tokens_phone.txt"
  asr lm train --order 2 --cuts "$data/train_cuts.jsonl.gz" --tokens "$data/tokens_phone.txt" --policy "$policy" \
    --out "$data/bigram.arpa"
  asr lm transcripts --cuts "$data/train_cuts.jsonl.gz" "${unit[@]}" --out "$data/phones.txt"
fi

for rung in $rungs; do
  for seed in $seeds; do
    exp=exp/$corpus/$rung/seed$seed searches=(greedy beam100 bigram beam100_bigram)
    if [[ $rung == *trans* ]]; then searches=(greedy beam100); fi # transducers, which are their own language models

    if stage 3 "training $rung, seed $seed"; then
      if [[ $rung == pretrans* || $rung == *pretrained* ]]; then
        asr train --config-name phone_lm corpus="$corpus" model.text_policy="$policy" seed="$seed" ckpt_path=last
      fi
      asr train experiment="timit/$rung" corpus="$corpus" model.text_policy="$policy" seed="$seed" ckpt_path=last \
        "${overrides[@]}"
    fi

    if stage 4 "decoding $rung, seed $seed: ${searches[*]}"; then
      model=(--checkpoint "$exp/best.ckpt" --device "$device") tests=("$data"/{dev,test}_cuts.jsonl.gz)
      asr decode "${model[@]}" --cuts "${tests[@]}"
      asr decode "${model[@]}" --cuts "${tests[@]}" --beam-size 100
      for search in "bigram --exact" "beam100_bigram --beam-size 100"; do
        [[ " ${searches[*]} " == *" ${search%% *} "* ]] || continue
        read -ra options <<<"$search"
        settings=$exp/${options[0]}.json
        asr tune decode "${model[@]}" --cuts "${tests[0]}" --lm "$data/bigram.arpa" "${options[@]:1}" --out "$settings"
        asr decode "${model[@]}" --cuts "${tests[@]}" --settings "$settings"
      done
    fi

    if stage 5 "phone error rates of $rung, seed $seed"; then
      for split in dev test; do
        hyps=("${searches[@]/#/$exp/${split}_}")
        asr score --cuts "$data/${split}_cuts.jsonl.gz" --hyps "${hyps[@]/%/.jsonl}" \
          "${scoring[@]}" --json "$exp/${split}_scores.json"
      done
    fi
  done
done

if stage 6 "table"; then
  asr report exp/"$corpus"/*/seed* --ladder "exp/$corpus/ladder.md" --show test_{greedy,beam100,bigram,beam100_bigram}
fi
