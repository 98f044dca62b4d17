"""`analysis.readers.parquet_size`: what a Parquet file would take, from its footer."""

import io
from contextlib import suppress

import polars as pl
import pytest

from analysis.readers.parquet_size import size_in_memory


def parquet(table, **options):
    table.write_parquet(buffer := io.BytesIO(), **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame({"a": pl.repeat(0, 10**6, eager=True)}),
        pl.DataFrame({"a": pl.repeat("x", 10**6, eager=True)}),
        pl.DataFrame({"a": pl.repeat(0.0, 10**6, eager=True).implode()}),
        pl.DataFrame({"a": ["x" * 10**7]}),
    ],
    ids=["rows", "texts", "list", "text"],
)
def test_what_grows_many_times_when_it_is_read_is_known_beforehand(table):
    data = parquet(table)
    assert len(data) < 100_000
    assert size_in_memory(data) >= table.estimated_size()


def test_every_row_group_and_every_type_of_footer_counts():
    table = pl.DataFrame(
        {"a": range(100), "b": [[1.5, None]] * 100, "c": [True, None] * 50, "d": ["é"] * 100}
    )
    assert size_in_memory(parquet(table, row_group_size=10)) >= size_in_memory(parquet(table))
    assert 8_000 < size_in_memory(parquet(table)) < 40_000


def test_booleans_in_a_list_of_the_footer_are_passed_over_a_byte_each():
    whole = parquet(pl.DataFrame({"a": ["x", "y"]}))
    end = len(whole) - 8
    begin = end - int.from_bytes(whole[end:-4], "little")
    booleans = b"\x09\xc8\x01" + b"\x31\x01\x02\x01"  # field 100 is a list: true, false, true
    footer = whole[begin : end - 1] + booleans + b"\0"
    longer = whole[:begin] + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    assert size_in_memory(longer) == size_in_memory(whole)


def test_what_is_no_parquet_file_is_refused():
    whole = parquet(pl.DataFrame({"a": ["x", "y"], "b": [[1], [2]]}))
    for data in (b"", b"PAR1", b"PAR1PAR1", b"\0" * 99, whole[:-9], whole[8:]):
        with pytest.raises(ValueError, match="Parquet file"):
            size_in_memory(data)


def test_a_damaged_footer_gives_a_size_or_is_refused():
    whole = parquet(pl.DataFrame({"a": ["x", "y"], "b": [[1], [2]]}))
    end = len(whole) - 8
    for at in range(end - int.from_bytes(whole[end:-4], "little"), end):
        for byte in (0x00, 0x0F, 0xFC, 0xFF):
            with suppress(ValueError):
                size_in_memory(whole[:at] + bytes([byte]) + whole[at + 1 :])
