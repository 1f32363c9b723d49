#!/usr/bin/env bash
# LibriSpeech: words from 100 or 960 hours of read books; greedy, beam, lexicon, n-gram, recurrent language model.
#
#   recipes/librispeech/full.sh [--size 100h|960h] [--corpus-dir DIR] [--lm-text FILE]… [--order 3]
#     [--lexicon FILE] [--device cpu] [--seed 0] [KEY=VALUE for asr train]
#
# --size         100h trains on train-clean-100, 960h on all of train; tuned on dev-clean and dev-other, scored on test-* too
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it)
# --lm-text      sentences for the language models, one a line (without it the training transcripts, and no recurrent model);
#                of several, --lm-text A --lm-text B, the first is most like the speech: n-grams are mixed, and the
#                recurrent model gets the sentences of the others that are most like it
# --order        words of the n-grams
# --lexicon      more words to know, such as cmudict.dict
# --device       cuda to decode and rescore on a GPU; training takes one where there is one
# Stages, for --stage N and --stop-stage N: 1 corpus, 2 tokens, 3 shards (960h), 4 training, 5 n-gram, 6 recurrent
# language model, 7 decoding, 8 rescoring, 9 scores. Writes data/librispeech and exp/librispeech in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
size=100h corpus_dir="" lm_text=() order=3 lexicon="" device=cpu seed=0
parse_options "size corpus_dir lm_text+ order lexicon device seed" "$@"
must_exist lm_text lexicon
case $size in
  100h) subsets=(train-clean-100) ;;
  960h) subsets=(train-clean-100 train-clean-360 train-other-500) ;;
  *) die "--size: $size; give 100h or 960h" ;;
esac
data=data/librispeech exp=exp/librispeech/$size/seed$seed policy=upper-no-punctuation
ngram=$data/${order}gram.npz lstm=exp/librispeech/lstm_lm/seed$seed/best.ckpt
train=("${subsets[@]/#/$data/}") splits=({dev,test}-{clean,other})
train=("${train[@]/%/_cuts.jsonl.gz}") devs=("$data"/dev-{clean,other}_cuts.jsonl.gz)
cuts=("$data"/{dev,test}-{clean,other}_cuts.jsonl.gz)
if ((${#lm_text[@]})); then text=(--text "${lm_text[@]}"); else text=(--cuts "${train[@]}"); fi
model=(--checkpoint "$exp/last.ckpt" --device "$device")
if [[ $device != cpu ]]; then model+=(--batch-seconds 900); fi # a GPU has room for all of a search at once

if stage 1 "corpus"; then
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  asr prepare librispeech "${from[@]}" --subsets "${subsets[@]}" "${splits[@]}" --policy "$policy" --out "$data"
fi

if stage 2 "characters"; then
  asr tokens --cuts "${train[@]}" --unit char --policy "$policy" --out "$data/tokens_char.txt"
fi

if [[ $size == 960h ]] && stage 3 "shards"; then
  asr shards --cuts "${train[@]}" --out "$data/shards" --shuffle 0
fi

if stage 4 "training"; then
  asr train experiment="librispeech/$size" seed="$seed" ckpt_path=last "${overrides[@]}"
fi

if stage 5 "n-gram of words"; then
  if ((${#lm_text[@]} > 1)); then
    mixed_ngram "$ngram" "$order" "$policy" "$lexicon" "${devs[1]}" "${lm_text[@]}"
  else
    known=(${lexicon:+--vocab "$lexicon" --add-text-words})
    asr lm train --order "$order" "${text[@]}" "${known[@]}" --policy "$policy" --out "$ngram"
  fi
fi

if ((${#lm_text[@]})) && stage 6 "recurrent language model"; then
  learnt=$(texts_to_learn "$data/selected.txt.gz" 0.1 "$policy" "${lm_text[@]}")
  asr train --config-name lm corpus=librispeech "text=[$learnt]" model.text_policy="$policy" seed="$seed" ckpt_path=last
fi

if stage 7 "decoding"; then
  asr decode "${model[@]}" --cuts "${cuts[@]}"
  words="--lexicon $ngram --beam-size 1000 --tuning-beam-size 64"
  for search in "beam64 1 --beam-size 64" "lexicon 1 $words" "${order}gram 100 --lm $ngram $words"; do
    read -ra options <<<"$search"
    settings=$exp/${options[0]}.json
    asr tune decode "${model[@]}" --cuts "${devs[@]}" "${options[@]:2}" --out "$settings"
    asr decode "${model[@]}" --cuts "${cuts[@]}" --settings "$settings" --nbest "${options[1]}"
  done
fi

if [[ -e $lstm ]] && stage 8 "rescoring"; then
  second=(--lm "$lstm" --device "$device") settings=$exp/lstm.json
  asr tune rescore "${second[@]}" --nbest "$exp/dev-other_${order}gram.jsonl" --cuts "${devs[1]}" --out "$settings"
  for split in "${splits[@]}"; do
    asr rescore "${second[@]}" --nbest "$exp/${split}_${order}gram.jsonl" --settings "$settings" --out "$exp/${split}_lstm.jsonl"
  done
fi

if stage 9 "scores"; then
  for split in "${splits[@]}"; do
    overlap=$exp/${split}_overlap.json
    asr lm overlap "${text[@]}" --against "$data/${split}_cuts.jsonl.gz" --policy "$policy" --out "$overlap"
    asr score --cuts "$data/${split}_cuts.jsonl.gz" --hyps "$exp/${split}"_*.jsonl --unit word char --policy "$policy" \
      --frequencies "${text[@]:1}" --overlap "$overlap" --json "$exp/${split}_scores.json"
  done
  asr report "$exp"
fi
