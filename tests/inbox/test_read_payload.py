"""`manage.py read_payload`: what operators are told about a file."""

import contextlib
import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import SHARED

SAMPLES = SHARED / "twitter" / "samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared data is not here")
TWEET = {"id": "2087599998366646273", "author_id": "17", "text": "a &amp; b", "created_at": "2026-08-12T18:00:00.000Z"}


def read(*paths):
    out, err = StringIO(), StringIO()
    call_command("read_payload", *map(str, paths), stdout=out, stderr=err)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def read_in_vain(*paths):
    """The lines of files of which nothing is understood, which the exit status says."""
    out = StringIO()
    with pytest.raises(CommandError, match="Nothing of this could be understood") as refused:
        call_command("read_payload", *map(str, paths), stdout=out, stderr=StringIO())
    assert refused.value.returncode == 1
    return [json.loads(line) for line in out.getvalue().splitlines()]


def written(tmp_path, content, name="file"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.mark.parametrize("wrapped", [TWEET, [TWEET], {"data": TWEET}, {"data": [TWEET], "meta": {}}])
def test_a_tweet_is_told_in_one_line_however_it_is_wrapped(tmp_path, wrapped):
    [line] = read(written(tmp_path, wrapped))

    assert (line["kind"], line["id"], line["author_id"], line["text"]) == ("tweet", TWEET["id"], "17", "a & b")
    assert line["created_at"] == "2026-08-12T18:00:00+00:00"
    assert line["reach"] == {"named": [], "typed": [], "quotes": None, "who_may_answer": "everyone"}


def test_lines_are_read_one_by_one_blank_ones_skipped_and_compressed_files_too(tmp_path):
    lines = "\r\n".join(["", json.dumps({"data": TWEET}), "", "not json", json.dumps({"hello": 1})]).encode()

    told = read(written(tmp_path, gzip.compress(lines), "lines.gz"))

    assert [(line["place"], line.get("id"), line.get("quarantined")) for line in told] == [
        (2, TWEET["id"], None),
        (4, None, "not a JSON object"),
        (5, None, "of no shape that we know"),
    ]


def test_a_tweet_without_its_author_says_what_it_lacks(tmp_path):
    [line] = read_in_vain(written(tmp_path, {"id": "5", "text": "x"}))

    assert line["id"] == "5"
    assert "author_id" in line["quarantined"]


def test_one_line_that_is_understood_is_enough_over_all_files(tmp_path):
    told = read(written(tmp_path, {"hello": 1}, "strange"), written(tmp_path, TWEET, "known"))

    assert ["quarantined" in line for line in told] == [True, False]


def test_a_file_that_is_empty_of_things_is_no_failure(tmp_path):
    assert read(written(tmp_path, [])) == []


@pytest.mark.parametrize(
    ("errors", "named"),
    [
        ({"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "Rate limit exceeded"),
        ({"title": "Invalid Request", "errors": [{"message": "Bad since_id."}]}, "Invalid Request: Bad since_id."),
        ({"errors": [{"title": "operational-disconnect", "type": "x"}]}, "operational-disconnect"),
    ],
)
def test_errors_that_twitter_says_are_told_in_its_words(tmp_path, errors, named):
    [line] = read(written(tmp_path, errors))

    assert line["event"] == f"errors:{named.partition(': ')[0]}"
    assert line["kept"] == f"as it came; nothing is done about it. Twitter says in it what is wrong: {named}"


def test_an_answer_that_refuses_a_call_says_so(tmp_path):
    [line] = read_in_vain(written(tmp_path, {"title": "Unauthorized", "detail": "No.", "status": 401}))

    assert line["quarantined"] == ("of no shape that we know. Twitter says in it what is wrong: Unauthorized: No.")


@needs_samples
def test_every_published_error_is_told_in_words():
    for path in sorted((SAMPLES / "errors").iterdir()):
        out = StringIO()
        with contextlib.suppress(CommandError):
            call_command("read_payload", str(path), stdout=out, stderr=StringIO())
        assert "None" not in out.getvalue()
        assert "Twitter says in it what is wrong: " in out.getvalue() or path.name == "404_empty.json"


@needs_samples
def test_every_published_sample_is_told_or_says_why_not():
    told = {}
    for folder in ("xaa", "aaa", "stream"):
        for path in sorted((SAMPLES / folder).iterdir()):
            if "subscription" not in path.name:
                told[path.name] = [line.get("quarantined") for line in read(path)]

    assert len(told) == 30
    assert set(told["filtered_stream.txt"]) == {None}
    assert all(why is None for lines in told.values() for why in lines)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_told(tmp_path, capsys):
    out, err = StringIO(), StringIO()
    paths = [written(tmp_path, b"\x1f\x8b\x08 cut", "cut.gz"), tmp_path / "none", written(tmp_path, b"", "empty")]
    good = written(tmp_path, TWEET, "good")

    with pytest.raises(CommandError, match="3 of 4 files") as refused:
        call_command("read_payload", *map(str, [*paths, good]), stdout=out, stderr=err)

    assert refused.value.returncode == 1
    assert len(out.getvalue().splitlines()) == 1
    assert "cannot be opened" in err.getvalue()
    assert "is not whole" in err.getvalue()
    assert "The file is empty." in err.getvalue()
