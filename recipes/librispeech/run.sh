#!/usr/bin/env bash
# LibriSpeech: the words of read books, at three sizes; greedy, beam, lexicon, trigram, recurrent language model.
#
#   recipes/librispeech/run.sh [--size mini|100h|960h] [--corpus-dir DIR] [--dev NAME] [--lm-text FILE] [--lexicon FILE]
#     [--experiment NAME] [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# --size mini    trains on train-clean-5 and scores dev-clean-2, each half of its speakers with weights tuned on the other
# --size 100h    trains on train-clean-100; --size 960h on all of train; tuned on dev-clean, dev-other, scored on test-*
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it); --dev names another dev set for mini
# --lm-text      sentences for the language models, one a line (without it the training transcripts, and no recurrent model)
# --experiment   file of conf/experiment/librispeech in place of the one named as the size: mini_gpu for mini on a GPU,
#                mini_from_phones to begin from what phones.sh has trained, mini_cool for three epochs more
# --device       cuda to decode and rescore on a GPU; training takes one where there is one
# --lexicon      more words to know, such as cmudict.dict
# Stages, for --stage N and --stop-stage N: 1 corpus, 2 tokens, 3 features or shards, 4 training, 5 trigram, 6 recurrent
# language model, 7 decoding, 8 rescoring, 9 scores. Writes data/librispeech and exp/librispeech in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
size=mini corpus_dir="" dev=dev-clean-2 lm_text="" lexicon="" experiment="" device=cpu seed=0
parse_options "size corpus_dir dev lm_text lexicon experiment device seed" "$@"
must_exist lm_text lexicon
experiment=${experiment:-$size}
case $size in
  mini) train=(train-clean-5) devs=("$dev") tests=() ;;
  100h) train=(train-clean-100) ;;
  960h) train=(train-clean-100 train-clean-360 train-other-500) ;;
  *) die "--size: $size; give mini, 100h or 960h" ;;
esac
if [[ $size != mini ]]; then dev=dev-clean devs=(dev-clean dev-other) tests=(test-clean test-other); fi
data=data/librispeech exp=exp/librispeech/$experiment/seed$seed lstm=exp/librispeech/lstm_lm/seed$seed/best.ckpt
policy=upper-no-punctuation ngram=$data/3gram.npz
cuts_of() { printf "$data/%s_cuts.jsonl.gz\n" "$@"; } # of splits
mapfile -t train_cuts < <(cuts_of "${train[@]}")
mapfile -t dev_cuts < <(cuts_of "${devs[@]}")
mapfile -t all_cuts < <(cuts_of "${devs[@]}" "${tests[@]}")
wide=(--beam-size 1000 --tuning-beam-size 64) # of searches over words
model=(--checkpoint "$exp/last.ckpt" --device "$device")
if [[ $device != cpu ]]; then model+=(--batch-seconds 900); fi # a GPU has room for all of a search at once

# decode NAME N OPTIONS: N-best lists with weights tuned on the dev sets; where there is no test set, each half of dev on
# the other half.
decode() {
  local name=$1 nbest=(--nbest "$2")
  local tune=(asr tune decode "${model[@]}" --cuts "${dev_cuts[@]}" --beam-size 64 "${@:3}")
  if ((${#tests[@]})); then
    "${tune[@]}" --out "$exp/$name.json"
    asr decode "${model[@]}" --cuts "${all_cuts[@]}" --settings "$exp/$name.json" "${nbest[@]}"
  else
    "${tune[@]}" "${nbest[@]}" --crosswise "$exp/${devs[0]}_$name.jsonl"
  fi
}

if stage 1 "corpus"; then
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  asr prepare librispeech "${from[@]}" --subsets "${train[@]}" "${devs[@]}" "${tests[@]}" --policy "$policy" --out "$data"
fi

if stage 2 "characters"; then
  asr tokens --cuts "${train_cuts[@]}" --unit char --policy "$policy" --out "$data/tokens_char.txt"
fi

if [[ $size == mini ]] && stage 3 "features, at three speeds"; then
  asr features --cuts "${train_cuts[@]}" "${dev_cuts[@]}" --out "$data/features" --speeds 0.9 1.0 1.1
elif [[ $size == 960h ]] && stage 3 "shards"; then
  asr shards --cuts "${train_cuts[@]}" --out "$data/shards" --shuffle 0
fi

if stage 4 "training"; then
  asr train experiment="librispeech/$experiment" dev="$dev" seed="$seed" ckpt_path=last "${overrides[@]}"
fi

if stage 5 "trigram of words"; then
  if [[ $lm_text ]]; then text=(--text "$lm_text"); else text=(--cuts "${train_cuts[@]}"); fi
  if [[ $lexicon ]]; then text+=(--vocab "$lexicon" --add-text-words); fi
  asr lm train --order 3 "${text[@]}" --policy "$policy" --out "$ngram"
fi

if [[ $lm_text ]] && stage 6 "recurrent language model"; then
  asr train --config-name lm corpus=librispeech "text=[$lm_text]" model.text_policy="$policy" seed="$seed" ckpt_path=last
fi

if stage 7 "decoding"; then
  asr decode "${model[@]}" --cuts "${all_cuts[@]}"
  decode beam64 1
  decode lexicon 1 --lexicon "$ngram" "${wide[@]}"
  decode 3gram 100 --lexicon "$ngram" --lm "$ngram" "${wide[@]}"
fi

if [[ -e $lstm ]] && stage 8 "rescoring"; then
  second=(--lm "$lstm" --device "$device")
  if ((${#tests[@]})); then
    asr tune rescore "${second[@]}" --nbest "$exp/dev-other_3gram.jsonl" --cuts "$(cuts_of dev-other)" --out "$exp/lstm.json"
    for split in "${devs[@]}" "${tests[@]}"; do
      asr rescore "${second[@]}" --nbest "$exp/${split}_3gram.jsonl" --settings "$exp/lstm.json" --out "$exp/${split}_lstm.jsonl"
    done
  else
    asr tune rescore "${second[@]}" --nbest "$exp/${dev}_3gram.jsonl" --cuts "${dev_cuts[@]}" --crosswise "$exp/${dev}_lstm.jsonl"
  fi
fi

if stage 9 "scores"; then
  if [[ $lm_text ]]; then texts=("$lm_text"); else texts=("${train_cuts[@]}"); fi
  for split in "${devs[@]}" "${tests[@]}"; do
    asr score --cuts "$(cuts_of "$split")" --hyps "$exp/${split}"_*.jsonl --unit word char --policy "$policy" \
      --frequencies "${texts[@]}" --json "$exp/${split}_scores.json"
  done
  asr report "$exp"
fi
