import codecs
import gzip
import json
from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import InteractionColumns
from hardneg.domains.recommender.files import read_interactions, read_items
from hardneg.domains.recommender.source import TextForm
from hardneg.errors import DatasetError

ROWS = [("u0", "i2", "4", "10"), ("u0", "i9", "2", "20"), ("u1", "i7", "5", "15"), ("u1", "i2", "3", "30")]
NAMES = ("user", "item", "rating", "time")
READ = [("u0", "i2", 10.0, 4.0), ("u1", "i7", 15.0, 5.0), ("u0", "i9", 20.0, 2.0), ("u1", "i2", 30.0, 3.0)]


def written(path, rows, separator, *, end="\n", encoding="utf-8"):
    path.write_bytes("".join(separator.join(row) + end for row in rows).encode(encoding))
    return path


def read(path, *, skip=False, order="time", roles=None, **form):
    return read_interactions(
        path,
        columns=InteractionColumns(**(roles or {})),
        form=TextForm(**form),
        order=order,
        rejections=Rejections(skip=skip),
    )


def items(path, *, roles=None, **form):
    return read_items(
        path, columns=InteractionColumns(**(roles or {})), form=TextForm(**form), rejections=Rejections(skip=False)
    )


@pytest.mark.parametrize(
    ("file", "separator"), [("u.data", "\t"), ("u1.base", "\t"), ("ua.test", "\t"), ("ratings.dat", "::")]
)
def test_movielens_files_are_known_by_name_and_shape(tmp_path, file, separator):
    found, mapping = read(written(tmp_path / file, ROWS, separator))
    assert found.rows() == READ
    assert mapping.layout.startswith("MovieLens")
    assert ("rating", "column 3") in mapping.fields


def test_a_known_name_without_the_shape_is_no_known_layout(tmp_path):
    path = written(tmp_path / "u.data", [("u0", "10", "i2", "x")], "\t")
    with pytest.raises(DatasetError, match=r"u\.data:1: the first line names no known column: 'u0', '10'.*--columns"):
        read(path)


def test_what_the_user_says_goes_before_a_known_layout(tmp_path):
    found, mapping = read(written(tmp_path / "u.data", ROWS, "\t"), columns=("item", "user", "rating", "time"))
    assert found["user"].to_list() == ["i2", "i7", "i9", "i2"]
    assert mapping.layout == "interactions in text"


@pytest.mark.parametrize("separator", ["::", "\t", ",", ";", "|", " ", "  "])
@pytest.mark.parametrize("ending", ["dat", "inter", "data", "txt", "base"])
def test_a_file_without_header_is_read_by_the_names_of_its_columns(tmp_path, separator, ending):
    found, mapping = read(written(tmp_path / f"log.{ending}", ROWS, separator), columns=NAMES)
    assert found.rows() == READ
    assert mapping.fields == (("user", "column 1"), ("item", "column 2"), ("time", "column 4"), ("rating", "column 3"))
    assert "no header" in mapping.notes[0]


def test_recbole_types_are_no_part_of_names(tmp_path):
    header = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
    found, mapping = read(written(tmp_path / "ml.inter", [header, *ROWS], "\t"))
    assert found.rows() == READ
    assert mapping.layout == "RecBole"
    assert dict(mapping.fields) == {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating"}


@st.composite
def layouts(draw):
    return {
        "order": draw(st.permutations(range(5))),
        "separator": draw(st.sampled_from(["::", "\t", ",", ";", "|", " "])),
        "end": draw(st.sampled_from(["\n", "\r\n", "\n\n"])),
        "mark": draw(st.booleans()),
        "header": draw(st.sampled_from(["user_id", "User ID", "USER-ID", "userId", None])),
        "packed": draw(st.booleans()),
    }


@given(layout=layouts())
def test_any_order_of_columns_separator_and_line_end_reads_the_same(tmp_path_factory, layout):
    header = layout["header"] if layout["separator"] != " " else (layout["header"] or "").replace(" ", "")
    names = [header or "user", "item", "rating", "timestamp", "device"]
    rows = [[*row, f"d{at}"] for at, row in enumerate(ROWS)]
    lines = [[row[at] for at in layout["order"]] for row in ([names] if header else []) + rows]
    text = "".join(layout["separator"].join(line) + layout["end"] for line in lines).encode()
    text = (codecs.BOM_UTF8 if layout["mark"] else b"") + text
    path = tmp_path_factory.mktemp("log") / f"log.dat{'.gz' if layout['packed'] else ''}"
    path.write_bytes(gzip.compress(text) if layout["packed"] else text)
    columns = () if header else tuple(names[at] for at in layout["order"])
    found, mapping = read(path, columns=columns)
    assert found.rows() == READ
    assert mapping.ignored == (("device",) if header else (f"column {layout['order'].index(4) + 1}",))


def test_names_in_place_of_a_header_leave_its_line_out(tmp_path):
    path = written(tmp_path / "r.csv", [("userId", "movieId", "x", "timestamp"), *ROWS], ",")
    found, _ = read(path, columns=NAMES)
    assert found.rows() == READ


def test_no_header_makes_a_row_of_what_looks_like_one(tmp_path):
    path = written(tmp_path / "r.csv", [("user", "item", "3", "5"), *ROWS], ",")
    found, _ = read(path, columns=NAMES, no_header=True)
    assert found["user"].to_list()[0] == "user"


def test_a_header_taken_for_data_is_shown(tmp_path):
    path = written(tmp_path / "r.csv", [("who", "what", "stars", "when"), *ROWS], ",")
    with pytest.raises(DatasetError, match=r"r\.csv:1: no usable time and rating .* if this is a header, leave out"):
        read(path, columns=NAMES)


def test_columns_named_by_the_user_need_not_be_known(tmp_path):
    path = written(tmp_path / "r.csv", [("who", "what", "liking", "when"), *ROWS], ",")
    found, mapping = read(path, roles={"user": "Who", "item": "what", "rating": "liking", "time": "when"})
    assert found.rows() == READ
    assert dict(mapping.fields)["user"] == "who"


def test_columns_without_a_name_are_passed_over(tmp_path):
    found, mapping = read(written(tmp_path / "log.txt", ROWS, " "), columns=("user", "item", "_", "time"))
    assert found["rating"].is_null().all()
    assert mapping.ignored == ("column 3",)


def test_quotes_hold_separators_line_ends_and_quotes(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text('"user";"item";"time"\n"a;b";"i\n1";"1"\n"c";"say ""x""";"2"\n')
    found, _ = read(path)
    assert found.select("user", "item").rows() == [("a;b", "i\n1"), ("c", 'say "x"')]


@pytest.mark.parametrize(
    "content",
    ['"user"\t"item"\t"time"\n"u"\t"a\tb"\t"1"\n"v"\t"c"\t"2"\n', "sep=;\nuser;item;time\nu;a\tb;1\nv;c;2\n"],
)
def test_habits_of_other_programs_are_understood(tmp_path, content):
    (tmp_path / "r.tsv").write_text(content)
    found, _ = read(tmp_path / "r.tsv")
    assert found.select("user", "item").rows() == [("u", "a\tb"), ("v", "c")]
    (tmp_path / "r.tsv").write_text(content + "x\n")
    with pytest.raises(DatasetError, match=rf":{content.count(chr(10)) + 1}: 1 field where the header has 3"):
        read(tmp_path / "r.tsv")


def test_times_that_leave_the_order_open_are_counted_and_those_that_tell_none_refused(tmp_path):
    path = written(
        tmp_path / "r.csv", [("user", "item", "time"), ("u", "a", "5"), ("u", "b", "5"), ("u", "c", "6")], ","
    )
    assert read(path)[1].notes[-1] == "2 of 3 have a time of their user's others: in the order of rows"
    path = written(tmp_path / "r.csv", [("user", "item", "time"), ("u", "a", "0"), ("u", "b", "0")], ",")
    with pytest.raises(DatasetError, match=r"every time is the same \(0\), which tells no order.*--split random"):
        read(path)
    path = written(
        tmp_path / "r.csv", [("user", "item", "time"), ("u", "a", "1"), ("u", "b", "1"), ("v", "a", "2")], ","
    )
    with pytest.raises(DatasetError, match=r"every user has one time .*, which tells no order.*--split random"):
        read(path)


def test_a_known_name_with_a_header_has_one(tmp_path):
    rows = [("movieId", "title", "genres"), ("1", "Heat", "Action")]
    found, mapping = items(written(tmp_path / "movies.dat", rows, "::"))
    assert found["id"].to_list() == ["1"]
    assert mapping.layout == "items in text"


@pytest.mark.parametrize("ending", ["jsonl", "json", "log"])
def test_json_objects_are_read_whatever_the_ending(tmp_path, ending):
    path = tmp_path / f"r.{ending}"
    records = [{"reviewerID": u, "asin": i, "overall": float(r), "unixReviewTime": int(t)} for u, i, r, t in ROWS]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    found, mapping = read(path)
    assert found.rows() == READ
    assert mapping.layout == "interactions in JSON Lines"


def test_parquet_is_read_whatever_the_ending(tmp_path):
    pl.DataFrame(ROWS, schema=["user", "item", "rating", "ts"], orient="row").write_parquet(tmp_path / "r.parq")
    assert read(tmp_path / "r.parq")[0].rows() == READ
    with pytest.raises(DatasetError, match="is Parquet, whose fields have names of their own: leave out --columns"):
        read(tmp_path / "r.parq", columns=NAMES)


def test_true_and_false_are_one_and_zero(tmp_path):
    rows = [("user", "item", "time", "clicked"), ("u", "a", "1", "True"), ("u", "b", "2", "false")]
    assert read(written(tmp_path / "r.csv", rows, ","))[0]["rating"].to_list() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (("user", "item", "time", "rating", "click"), "'rating' and 'click' could each be the rating; name one with"),
        (("user", "item", "time", "wanted", "x"), "column 'x' holds only 0 and 1: if it says what was taken"),
        (("user", "item", "time", "event", "y"), "the rating column 'event' holds no number, but 'view', 'buy'"),
        (("user", "User", "item", "time", "z"), "both 'user' and 'User' could be the user; name one with --user"),
        (("user", "thing", "time", "rating", "x"), r"no column for the item \(tried item, .*; name it with --item"),
        (("user", "item", "when", "rating", "z"), r"for the time .*--time.*--order .*--split random"),
    ],
)
def test_what_a_column_holds_is_not_guessed(tmp_path, header, message):
    rows = [header, ("u", "v", "1", "view", "0"), ("u", "w", "2", "buy", "1")]
    with pytest.raises(DatasetError, match=message):
        read(written(tmp_path / "r.csv", rows, ","))


def test_a_rating_is_left_out_only_when_asked_to(tmp_path):
    rows = [("user", "item", "time", "event"), ("u", "v", "1", "view"), ("u", "w", "2", "buy")]
    found, mapping = read(written(tmp_path / "r.csv", rows, ","), roles={"ignore_rating": True})
    assert found["rating"].is_null().all()
    assert mapping.ignored == ("event",)
    with pytest.raises(DatasetError, match="is named and to be ignored too"):
        InteractionColumns(rating="event", ignore_rating=True)


@pytest.mark.parametrize(("order", "note"), [("rows", "as you said"), ("none", "no order: a history is a set")])
def test_without_times_rows_stay_in_their_order_and_the_mapping_says_what_it_means(tmp_path, order, note):
    path = written(tmp_path / "log.txt", [row[:2] for row in ROWS], " ")
    found, mapping = read(path, order=order, columns=("user", "item"))
    assert found["item"].to_list() == ["i2", "i9", "i7", "i2"]
    assert found["time"].is_null().all()
    assert note in mapping.notes[-1]


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        (b"u::i::1\nu::j\nu::k::3\n", {"columns": ("user", "item", "time")}, r":2: 2 fields where there should be 3"),
        (b"user,item,time\nu,i,1\nu,j\n", {}, r":3: 2 fields where the header has 3"),
        (b"u::i::1\n", {"columns": ("user", "item")}, r":1: --columns names 2 columns .*has 3 fields: 'u', 'i', '1'"),
        (b"u;i,1\n", {"columns": ("user", "item")}, r":1: fields may be separated by ';' or ','; say which with"),
        (b"nothing\n", {"columns": ("user", "item")}, r":1: nothing separates fields in 'nothing'; say what does"),
        (b"u,i,1\n", {"separator": "", "columns": NAMES}, "--separator is empty"),
        (b"u,i,1\n", {"no_header": True}, r":1: the first line names no known column: 'u', 'i', '1'; .*--columns"),
        (b"user,user,item\nu,v,i\n", {}, r":1: column 'user' is there twice"),
        (b"user,item,time\n", {}, "no rows in it"),
        (b"\n \n", {}, "no rows in it"),
        (b"user,item,time\nu,Ren\xe9,1\n", {}, r":2: not UTF-8: byte 0xe9 at byte offset 20; .*--encoding latin-1"),
        (b"user,item\n\xe9,1\n", {"encoding": "latin-one"}, "there is no encoding 'latin-one'"),
        (b"user,item\n\xe9,1\n", {"encoding": "ascii"}, "neither UTF-8 nor ascii"),
        (b"PK\x03\x04", {}, "is a zip archive"),
        (b'user,item,time\n"u"x,i,1\n', {}, r":2: broken CSV"),
        (b"user,item,time\nu,i,inf\n", {}, r":2: no usable time"),
        (b'{"user": ["u"], "item": "i", "time": 1}\n', {}, "is a list or an object; each row needs one of each"),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_the_way_out(tmp_path, content, form, message):
    path = tmp_path / "log.dat"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read(path, **form)


def test_a_file_that_exists_is_never_said_not_to(tmp_path):
    with pytest.raises(DatasetError, match=r"nothing\.dat: no such file$"):
        read(tmp_path / "nothing.dat")
    written(tmp_path / "ratings.dat", ROWS, "::")
    with pytest.raises(DatasetError, match=r"is a folder; name the file in it \(it has: ratings\.dat\)"):
        read(tmp_path)
    (tmp_path / "bad.dat.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(DatasetError, match=r"bad\.dat\.gz: damaged gzip file"):
        read(tmp_path / "bad.dat.gz")


def test_bad_rows_can_be_left_out_and_are_counted(tmp_path):
    path = written(tmp_path / "u.data", [*ROWS[:1], ("u", "x"), ("u", "y", "5", "soon"), *ROWS[1:]], "\t")
    rejections = Rejections(skip=True)
    found, _ = read_interactions(path, rejections=rejections)
    assert found.rows() == READ
    assert rejections.counts == {"broken line": 1, "incomplete interaction": 1}
    assert "u.data:2" in rejections.examples["broken line"][0]


def test_movielens_items_are_read_whatever_their_encoding(tmp_path):
    rows = [("1", "Café Flesh (1982)", "Comedy|Sci-Fi"), ("2", "Heat (1995)", "Action")]
    for encoding in ("latin-1", "utf-8"):
        found, mapping = items(written(tmp_path / "movies.dat", rows, "::", encoding=encoding))
        assert found["title"].to_list() == ["Café Flesh (1982)", "Heat (1995)"]
        assert found["category"].to_list() == [["Comedy", "Sci-Fi"], ["Action"]]
        assert encoding in mapping.notes[0].lower()


def test_the_flags_of_u_item_become_a_list_of_genres(tmp_path):
    flags = {"Animation": "1", "Children's": "1"}
    genres = (
        "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror "
        "Musical Mystery Romance Sci-Fi Thriller War Western"
    )
    row = ("1", "Toy Story (1995)", "01-Jan-1995", "", "http://x", *(flags.get(each, "0") for each in genres.split()))
    found, _ = items(written(tmp_path / "u.item", [row], "|"))
    assert found["category"].to_list() == [["Animation", "Children's"]]
    assert found["text"].to_list() == ["Animation Children's"]
    assert "Action" not in found.columns


def test_recbole_items_have_lists_and_a_title(tmp_path):
    rows = [("item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq")]
    rows += [("1", "Toy Story", "1995", "Animation Children's"), ("2", "Heat", "1995", "")]
    found, mapping = items(written(tmp_path / "ml.item", rows, "\t"))
    assert found["title"].to_list() == ["Toy Story", "Heat"]
    assert found["category"].to_list()[0] == ["Animation", "Children's"]
    assert mapping.layout == "RecBole"


def test_items_without_header_are_read_by_the_names_of_their_columns(tmp_path):
    path = written(tmp_path / "books.txt", [("7", "Ubik", "Dick"), ("8", "Solaris", "Lem")], ";")
    with pytest.raises(DatasetError, match="--item-columns id,title,genres"):
        items(path)
    found, mapping = items(path, columns=("id", "title", "author"))
    assert found.select("id", "title", "text").rows() == [("7", "Ubik", "Dick"), ("8", "Solaris", "Lem")]
    assert mapping.fields[:2] == (("id", "column 1"), ("title", "column 2"))


PIECES = [
    "user",
    "item",
    "time",
    "user_id:token",
    "::",
    "\t",
    ",",
    ";",
    "|",
    " ",
    '"',
    "\n",
    "\r",
    "1",
    "é",
    "\x00",
    "{",
    "u",
]


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=40),
    name=st.sampled_from(["u.data", "movies.dat", "u.item", "x.csv", "x.json", "x.jsonl", "x"]),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]),
    columns=st.sampled_from([(), ("user", "item"), ("user", "item", "_", "time")]),
    skip=st.booleans(),
)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, pieces, name, encoding, columns, skip):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes("".join(pieces).encode(encoding))
    form, rejections = TextForm(columns=columns), Rejections(skip=skip)
    for reader in (read_interactions, read_items):
        with suppress(DatasetError):
            found, mapping = reader(path, form=form, rejections=rejections)
            assert found[found.columns[0]].null_count() == 0
            assert mapping.lines()
