"""CSV read row by row: what one bad row costs, and what is said of it."""

import pytest

from icell_tf.imaging.manifest.table import read_table

HEADER = b"id,name,extra\n"


def read(path, content, columns=("id", "name")):
    path.write_bytes(content)
    return list(read_table(path, ("id",), columns))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def test_rows_know_their_lines_also_after_line_breaks_and_blank_lines(path):
    rows = read(path, b'\xef\xbb\xbfid,name,extra\r\n\r\n1,"a ""b"", c",x\r\n2,"two\r\nlines",x\r\n3,d,x')
    assert [(row.line, row.values["id"], row.problem) for row in rows] == [(3, "1", ""), (4, "2", ""), (6, "3", "")]
    assert [row.values["name"] for row in rows] == ['a "b", c', "two\r\nlines", "d"]
    assert "extra" not in rows[0].values


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"2,b\n", "found 2 values, expected 3"),
        (b"2,b,x,y\n", "found 4 values, expected 3"),
        (b"2,caf\xe9,x\n", "bytes that are not UTF-8"),
        (b"2,b\0,x\n", "NUL bytes"),
        (b'2,"b"c,x\n', "no CSV"),
        (b'2,"b,x\n', "quotation mark"),
        (b'2,b,"x\n', "quotation mark"),
    ],
)
@pytest.mark.parametrize(
    "following", [b"3,c,x\n4,d,x\n", b'3,"c","x"\n4,d,x\n', b'3,c,"x,y"\n4,"d",x\n', b"3,c,x\n4,d,x\n" * 60]
)
def test_a_bad_row_costs_no_other(path, bad, problem, following):
    rows = read(path, HEADER + b"1,a,x\n" + bad + following)
    wrong = [row for row in rows if row.problem]
    assert len(wrong) == 1 and problem in wrong[0].problem
    assert wrong[0].line == 3 and wrong[0].values["id"] == "2"
    assert [row.line for row in rows] == list(range(2, 4 + following.count(b"\n")))


def test_values_may_be_long(path):
    (row,) = read(path, HEADER + b"1," + b"x" * 300_000 + b",y\n")
    assert len(row.values["name"]) == 300_000 and not row.problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"i\xe9d,name\n", "not UTF-8, in its header"),
        ("id,name\n".encode("utf-16"), "not UTF-8|NUL bytes"),
        (b"name,extra\n", "id are missing; found name, extra.* may have name"),
        (b"id;name\n1;2\n", "semicolons or tabs"),
        (b"id,name,id\n", "id occur twice"),
        (b"id,Na_me\n", "'Na_me'; write 'name'"),
    ],
)
def test_headers_that_cant_be_used(path, content, message):
    with pytest.raises(ValueError, match=f"table.csv: .*({message})"):
        read(path, content)


def test_errors_say_what_the_table_is(path):
    path.touch()
    with pytest.raises(ValueError, match="empty.* list of fields"):
        list(read_table(path, ("id",), ("id",), "A list of fields"))
