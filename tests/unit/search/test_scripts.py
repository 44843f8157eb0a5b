import json
import re
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.data.text import word_counts
from hardneg.search.analyzers import ANALYZERS, analyzer
from hardneg.search.bm25 import BM25Index
from hardneg.search.scripts import settled

SAMPLE = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "scripts_sample.jsonl").read_text(encoding="utf-8").splitlines()
]
MARKS = "[\u0300\u0301\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u3099]*"
LETTER = f"[\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46]{MARKS}"
SYLLABLE = f"[\u1100-\u11ff\uac00-\ud7a3]{MARKS}"


def in_plain_words(text):
    """Do one by one what `settled` does with machine code."""
    text = unicodedata.normalize("NFKC", text)

    def letters(run):
        found = re.findall(LETTER, run[0])
        words = [word for i, one in enumerate(found) for word in ([found[i - 1] + one] if i else []) + [one]]
        return f" {' '.join(words)} "

    def syllables(run):
        found = re.findall(SYLLABLE, run[0])
        pairs = [found[i] + found[i + 1] for i in range(len(found) - 1)] if len(found) > 2 else []
        return f" {' '.join([run[0], *pairs])} "

    return re.sub(f"(?:{SYLLABLE})+", syllables, re.sub(f"(?:{LETTER})+", letters, text))


@given(
    st.lists(
        st.text(st.sampled_from("ab1 é\u0301\u0300ﬁ²中国路のー한국어ᄒ\u1161ᆫถูก\u0e49\uff0c.ｶﾞ\u00a0"), max_size=14),
        max_size=9,
    )
)
@settings(max_examples=200, deadline=None)
def test_texts_are_written_as_the_plain_way_writes_them(texts):
    assert settled(pl.Series(texts, dtype=pl.String)).to_list() == [in_plain_words(text) for text in texts]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=9))
@settings(max_examples=100, deadline=None)
def test_any_text_keeps_its_words_where_scripts_have_spaces(texts):
    found = settled(pl.Series(texts, dtype=pl.String)).to_list()
    for text, one in zip(texts, found, strict=True):
        if not any(ord(character) > 0x24F for character in unicodedata.normalize("NFKC", text)):
            assert one == unicodedata.normalize("NFKC", text)


def recall_at_1(language, name):
    queries, documents = zip(*(row[language] for row in SAMPLE), strict=True)
    found, _ = BM25Index.build(pl.Series(documents), analyzer(name)).search(list(queries), 1)
    return sum(row[0] == i for i, row in enumerate(found.tolist())) / len(SAMPLE)


@pytest.mark.parametrize("name", [*ANALYZERS, "french"])
@pytest.mark.parametrize("language", ["zh", "ja", "ko"])
def test_chinese_japanese_and_korean_are_found_as_english_is(language, name):
    assert recall_at_1(language, name) >= recall_at_1("en", "english") - 0.04


@pytest.mark.parametrize("name", [*ANALYZERS, "french"])
@pytest.mark.parametrize(
    ("query", "document", "other"),
    [
        ("ราคาตั๋ว", "ตั๋วรถไฟมีราคาสามร้อยบาท", "ห้องสมุดปิดวันจันทร์"),
        ("ເປີດຈັກໂມງ", "ຮ້ານເປີດແປດໂມງເຊົ້າ", "ຝົນຕົກຫຼາຍ"),
        ("តម្លៃសំបុត្រ", "សំបុត្ររថភ្លើងមានតម្លៃថោក", "ថ្ងៃនេះមានភ្លៀង"),
        ("လက်မှတ်စျေး", "ရထားလက်မှတ်၏စျေးသည်သက်သာသည်", "မိုးရွာသည်"),
        ("薬", "この薬は頭痛に効きます。", "駅は遠いです。"),
        ("iPhone手机壳", "这款手机壳适合iPhone", "天气很好"),
        ("3日", "荷物は3日で届きます", "天気がいい"),
        ("ﾙｰﾀｰ", "ルーターをリセットする", "犬が吠える"),
    ],
)
def test_a_word_is_found_wherever_it_stands(query, document, other, name):
    found, score = BM25Index.build(pl.Series([other, document]), analyzer(name)).search([query], 1)
    assert found[0, 0] == 1
    assert score[0, 0] > 0


@pytest.mark.parametrize("name", [*ANALYZERS, "french"])
@pytest.mark.parametrize("word", ["café", "Größe", "Tiếng", "라우터", "ガス", "हिन्दी", "ﬁne", "Ⅷ"])
def test_every_unicode_form_of_a_word_scores_alike(word, name):
    forms = [unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    index = BM25Index.build(pl.Series([*forms, "other"]), analyzer(name))
    for form in forms:
        found, score = index.search([form], 5)
        assert found[0].tolist() == [0, 1, 2, 3, -1]
        assert len(set(score[0, :4].tolist())) == 1


def test_a_long_text_without_spaces_has_many_words():
    assert word_counts(pl.Series(["路由器" * 1_750, "a b c", "", None])).to_list() == [5_250, 3, 0, None]


def test_words_beside_letters_are_counted_once():
    assert word_counts(pl.Series(["用 iPhone-15 拍照。", "한국어 문장", "naïve café"])).to_list() == [5, 2, 2]
