#!/usr/bin/env bash
# LibriSpeech mini: words from five hours of read books, by the phones and by the letters of one network.
#
#   recipes/librispeech/run.sh [--corpus-dir DIR] [--dev NAME] --lexicon FILE [--g2p FILE] [--aligned DIR]
#     [--lm-text FILE]… [--order 3] [--experiment NAME]… [--device cpu] [--seed 0] [--box FILE [--lm-megabytes 10.9]]
#     [KEY=VALUE for asr train]
#
# Trains on train-clean-5; each half of the dev set's speakers is scored with weights tuned on the other half.
# --corpus-dir   holds LibriSpeech/, with .flac or .opus (downloaded without it); --dev names another set than dev-clean-2
# --lexicon      WORD PHONE PHONE, such as cmudict.dict
# --g2p          checkpoint that pronounces words that the dictionary lacks (without it, one is trained on the dictionary)
# --aligned      utterances with TextGrids, in LibriSpeech's layout, of speakers who are not in train-clean-5: phones and
#                the times of words are scored there, too
# --lm-text      sentences for the language models, one a line (without it the training transcripts, and no recurrent model);
#                of several, --lm-text A --lm-text B, the first is most like the speech: n-grams are mixed, and the
#                recurrent model gets the sentences of the others that are most like it
# --order        words of the n-grams
# --experiment   file of conf/experiment/librispeech, such as mini_gpu for a GPU; of several, trained one after another, the last
#                one decodes (without it mini, mini_restart and mini_crf, each of which begins from the one before)
# --device       cuda to decode and rescore on a GPU; training takes one where there is one
# --box          model file to write: network, recurrent language model and pronunciation model in 8 bits, dictionary, n-gram
#                pruned to --lm-megabytes, tuned on all of dev
# Stages, for --stage N and --stop-stage N: 1 pronunciation model, 2 corpus, 3 tokens, 4 features, 5 training, 6 n-gram and
# pronunciations, 7 recurrent language model; with --box 8 smaller n-gram, 9 its error rates, 10 weights and model file; then, for
# the tables, 11 decoding, 12 words by letters, 13 words by phones, 14 rescoring, 15 scores. Writes data/librispeech and
# exp/librispeech in the current folder.

# shellcheck source=recipes/recipe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"
corpus_dir="" dev=dev-clean-2 lexicon="" g2p="" aligned="" lm_text=() order=3 experiment=() device=cpu seed=0
box="" lm_megabytes=10.9
given=" ${*##*/}" # without folders, for the card
parse_options "corpus_dir dev lexicon g2p aligned lm_text+ order experiment+ device seed box lm_megabytes" "$@"
must_exist lexicon g2p aligned lm_text
[[ $lexicon ]] || die "--lexicon: is missing; give a dictionary such as cmudict.dict"
((${#experiment[@]})) || experiment=(mini mini_restart mini_crf)
data=data/librispeech exp=exp/librispeech/${experiment[-1]}/seed$seed letters=upper-no-punctuation phones=arpabet-39
train=$data/train-clean-5_cuts.jsonl.gz cuts=$data/${dev}_cuts.jsonl.gz
split=$(basename "$aligned") test=(${aligned:+"$data/aligned/$(basename "$aligned")_cuts.jsonl.gz"})
ngram=$data/${order}gram.npz lstm=exp/librispeech/compact_lm/seed$seed/best.ckpt
if ((${#lm_text[@]})); then text=(--text "${lm_text[@]}"); else text=(--cuts "$train"); fi
model=(--checkpoint "$exp/last.ckpt" --device "$device")
if [[ $device != cpu ]]; then model+=(--batch-seconds 900); fi # a GPU has room for all of a search at once
tune=(asr tune decode "${model[@]}" --cuts "$cuts") search=(--beam-size 1000 --tuning-beam-size 64)

if [[ ! $g2p ]] && stage 1 "pronunciation model"; then
  asr train --config-name g2p corpus=librispeech "lexicon=[$lexicon]" seed="$seed" ckpt_path=last
fi
g2p=${g2p:-exp/librispeech/g2p/seed$seed/best.ckpt}

if stage 2 "corpus"; then
  prepare=(asr prepare librispeech --on-problem leave-out)
  if [[ $corpus_dir ]]; then from=(--corpus-dir "$corpus_dir"); else from=(--download); fi
  "${prepare[@]}" "${from[@]}" --subsets train-clean-5 "$dev" --policy "$letters" --lexicon "$lexicon" --g2p "$g2p" --out "$data"
  [[ ! $aligned ]] || "${prepare[@]}" --corpus-dir "$aligned" --alignments "$aligned" --policy "$phones" --out "$data/aligned"
fi

if stage 3 "phones and characters"; then
  asr tokens --cuts "$train" --unit phone --policy "$phones" --out "$data/tokens_phone.txt"
  asr tokens --cuts "$train" --unit char --policy "$letters" --out "$data/tokens_char.txt"
fi

if stage 4 "features, at three speeds"; then
  asr features --cuts "$train" "$cuts" --out "$data/features" --speeds 0.9 1.0 1.1
fi

if stage 5 "training"; then
  for each in "${experiment[@]}"; do
    asr train experiment="librispeech/$each" dev="$dev" seed="$seed" ckpt_path=last "${overrides[@]}"
  done
fi

if stage 6 "n-gram of words, and their pronunciations"; then
  if ((${#lm_text[@]} > 1)); then
    mixed_ngram "$ngram" "$order" "$letters" "$lexicon" "$cuts" "${lm_text[@]}"
  else
    asr lm train --order "$order" "${text[@]}" --vocab "$lexicon" --add-text-words --policy "$letters" --out "$ngram"
  fi
  asr pronounce --checkpoint "$g2p" --words "$ngram" --lexicon "$lexicon" --out "$data/lexicon.dict"
fi

if ((${#lm_text[@]})) && stage 7 "recurrent language model"; then
  learnt=$(texts_to_learn "$data/selected.txt.gz" 0.35 "$letters" "${lm_text[@]}")
  asr train --config-name compact_lm corpus=librispeech "text=[$learnt]" model.text_policy="$letters" seed="$seed" ckpt_path=last
fi

small=$data/box_${order}gram.npz name=$exp/${dev}_box
given=${given/ --stage $stage/} given=${given/ --stop-stage $stop_stage/}
by_phones=(--lexicon "$data/lexicon.dict" --lm "$small" --beam-size 256 --tuning-beam-size 32 --nbest 50)
rescore=(asr tune rescore --device "$device" --cuts "$cuts")

if [[ $box ]] && stage 8 "box: n-gram of $lm_megabytes MB"; then
  asr lm prune "$ngram" --to-megabytes "$lm_megabytes" --out "$small"
fi

if [[ $box ]] && stage 9 "box: error rates, each half of $dev with the weights of the other"; then
  "${tune[@]}" "${by_phones[@]}" --crosswise "$name.jsonl"
  best=$name.jsonl
  if ((${#lm_text[@]})); then
    best=${name}_lstm.jsonl
    "${rescore[@]}" --lm "$lstm" --nbest "$name.jsonl" --crosswise "$best"
  fi
  asr score --cuts "$cuts" --hyps "$best" --policy "$letters" --json "${name}_scores.json"
fi

if [[ $box ]] && stage 10 "box: weights of all of $dev, and $box"; then
  "${tune[@]}" "${by_phones[@]}" --out "$exp/box.json"
  second=()
  if ((${#lm_text[@]})); then
    "${rescore[@]}" --lm "$lstm" --nbest "$name.jsonl" --out "$exp/box_lstm.json"
    second=(--rescore-settings "$exp/box_lstm.json")
  fi
  asr export --checkpoint "$exp/last.ckpt" --settings "$exp/box.json" "${second[@]}" --g2p "$g2p" \
    --precision int8 --scores "${name}_scores.json" --description "read English, from five hours of LibriSpeech" \
    --licence "CC BY 4.0; dictionary: BSD" --card trained_on="LibriSpeech, train-clean-5" \
    --card attribution="LibriSpeech: V. Panayotov, G. Chen, D. Povey, S. Khudanpur, ICASSP 2015; CMUdict: Carnegie Mellon University" \
    --card measured="each half of $dev with weights tuned on the other, before rounding to 8 bits; the file has the weights of both" \
    --card made_by="recipes/librispeech/run.sh$given" --out "$box"
  (($(wc -c <"$box") <= 25000000)) || die "$box: has more than 25 MB; give a smaller --lm-megabytes, from --stage 8 on"
fi

if stage 11 "decoding"; then
  asr decode "${model[@]}" --head phone --cuts "$cuts" "${test[@]}"
  asr decode "${model[@]}" --head char --cuts "$cuts" "${test[@]}"
fi

if stage 12 "words by letters"; then
  "${tune[@]}" --head char --beam-size 64 --crosswise "$exp/${dev}_char_beam64.jsonl"
  "${tune[@]}" --head char --lexicon "$ngram" "${search[@]}" --crosswise "$exp/${dev}_char_lexicon.jsonl"
  "${tune[@]}" --head char --lexicon "$ngram" --lm "$ngram" "${search[@]}" --crosswise "$exp/${dev}_char_${order}gram.jsonl"
fi

if stage 13 "words by phones"; then
  "${tune[@]}" --lexicon "$data/lexicon.dict" --lm "$ngram" "${search[@]}" --nbest 100 \
    --crosswise "$exp/${dev}_words_${order}gram.jsonl"
fi

if stage 14 "rescoring by letters, and by the recurrent language model"; then
  both=$exp/${dev}_words_both.jsonl
  "${rescore[@]}" --checkpoint "$exp/last.ckpt" --head char --nbest "$exp/${dev}_words_${order}gram.jsonl" --crosswise "$both"
  [[ ! -e $lstm ]] || "${rescore[@]}" --lm "$lstm" --nbest "$both" --crosswise "$exp/${dev}_words_lstm.jsonl"
fi

if stage 15 "scores"; then
  as_phones=(--unit phone --policy "$phones")
  asr lm overlap "${text[@]}" --against "$cuts" --policy "$letters" --out "$exp/${dev}_overlap.json"
  asr score --cuts "$cuts" --hyps "$exp/${dev}"_{char,words}_*.jsonl --unit word char --policy "$letters" \
    --frequencies "${text[@]:1}" --overlap "$exp/${dev}_overlap.json" --json "$exp/${dev}_scores.json"
  asr score --cuts "$cuts" --hyps "$exp/${dev}_phone_greedy.jsonl" "${as_phones[@]}" --json "$exp/${dev}_phone_scores.json"
  if [[ $aligned ]]; then
    asr score --cuts "${test[@]}" --hyps "$exp/${split}_phone_greedy.jsonl" "${as_phones[@]}" --per-speaker \
      --json "$exp/${split}_phone_scores.json"
    asr score --cuts "${test[@]}" --hyps "$exp/${split}_char_greedy.jsonl" --unit word char --policy "$letters" --times \
      --json "$exp/${split}_scores.json"
  fi
  asr report "$exp"
fi
