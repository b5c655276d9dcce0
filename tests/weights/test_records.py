"""An impossible record is refused where it is declared, not when it is used."""

import msgspec
import pytest

from zoo_weights import FileRecord, WeightsRecord, printable

SHA = "a" * 64


def test_a_full_record_survives_json():
    record = WeightsRecord(
        tag="imagenet", urls=("https://host/x.h5",), sha256=SHA, bytes=3, ignore=("top",)
    )
    assert msgspec.json.decode(msgspec.json.encode(record), type=WeightsRecord) == record
    assert msgspec.to_builtins(WeightsRecord(tag="t")) == {"tag": "t"}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("sha256", "A" * 64, "lower-case"),
        ("sha256", "a" * 63, "64"),
        ("md5", "g" * 32, "32"),
        ("md5", "a" * 32 + "\n", "32"),
        ("urls", ("ftp://host/x",), "http"),
        ("urls", ("file:///etc/passwd",), "http"),
        ("urls", ("https:///x",), "http"),
        ("urls", ("https://user:secret@host/x",), "http"),
        ("urls", ("https://host/a b",), "http"),
        ("urls", ("https://host:port/x",), "http"),
        ("file", "/etc/passwd", "folder"),
        ("file", "../x.h5", "folder"),
        ("file", "a/../../x.h5", "folder"),
        ("file", "a\\b", "folder"),
        ("file", "C:/x", "folder"),
        ("file", "a\x1b[2J", "x1b"),
        ("file", "", "folder"),
        ("bytes", 0, "positive"),
    ],
)
def test_a_field_that_cannot_be_right_is_refused(field, value, says):
    with pytest.raises(ValueError, match=says) as caught:
        FileRecord(**{field: value})
    assert str(caught.value).isprintable()


def test_the_author_of_a_spec_is_told_the_place():
    with pytest.raises(msgspec.ValidationError, match=r"sha256 is 'x'.*\$\[0\]"):
        msgspec.json.decode(b'[{"tag": "t", "sha256": "x"}]', type=list[WeightsRecord])
    with pytest.raises(msgspec.ValidationError, match="unknown field `sha255`"):
        msgspec.json.decode(b'{"sha255": "x"}', type=FileRecord)
    with pytest.raises(ValueError, match="folder"):
        WeightsRecord(tag="t", golden="../x")
    with pytest.raises(ValueError, match="tag"):
        WeightsRecord(tag="a\nb")


def test_a_name_from_a_file_cannot_rewrite_the_terminal():
    assert printable("a\x1b[2J\u202eb\n\udc80") == "a\\x1b[2J\\u202eb\\n\\udc80"
    assert printable("x" * 300) == "x" * 200 + "…"
    assert printable("x" * 300, None) == "x" * 300
    assert printable("a\u00a0b\u3000ü日😀") == "a\u00a0b\u3000ü日😀"  # spaces in names of folders
