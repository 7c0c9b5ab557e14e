"""The ring of raw bytes: bounded, and readable whatever happened to its last record."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackd.core.errors import BadInput, NotFound
from trackd.links.capture import MAGIC, RECORD, CaptureRing, capture_folder, read_capture
from trackd.links.transport import CHUNK

SHARED = Path(__file__).parents[2] / "../shared/data/passings"


def put(ring, *records):
    for at_us, data in records:
        ring.append(at_us, data)
    ring.write(ring.take())


@given(st.lists(st.lists(st.tuples(st.integers(0, 2**60), st.binary(min_size=1, max_size=60)), max_size=8),
                max_size=8), st.integers(40, 300))
def test_the_ring_keeps_the_newest_in_order_and_stays_within_its_bound(tmp_path_factory, batches, segment_bytes):
    folder = tmp_path_factory.mktemp("ring")
    written = []
    for batch in batches:
        put(CaptureRing(folder, segments=3, segment_bytes=segment_bytes), *batch)   # a restart between any two
        written += batch
        files = list(folder.glob("*.cap"))
        assert len(files) <= 3
        assert all(file.stat().st_size <= max(segment_bytes, len(MAGIC) + RECORD.size + 60) for file in files)
    kept = list(read_capture(folder)) if list(folder.glob("*.cap")) else []
    assert kept == written[len(written) - len(kept):]
    assert sum(len(data) + RECORD.size for _, data in written) > segment_bytes or kept == written


@given(st.integers(0, 60))
def test_a_tail_cut_anywhere_costs_only_the_cut_records_and_writing_goes_on(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("cut")
    put(CaptureRing(folder), (1, b"first"), (2, b"second"), (3, b"third"))
    segment = folder / "1.cap"
    whole = segment.read_bytes()
    segment.write_bytes(whole[:max(0, len(whole) - cut)])
    if whole[:len(whole) - cut].startswith(MAGIC):
        assert list(read_capture(segment)) == [(1, b"first"), (2, b"second"), (3, b"third")][:len(
            list(read_capture(segment)))]
    put(CaptureRing(folder), (4, b"fourth"))
    after = list(read_capture(folder))
    assert after[-1] == (4, b"fourth")
    assert after[:-1] == [(1, b"first"), (2, b"second"), (3, b"third")][:len(after) - 1]
    lost = 3 - (len(after) - 1)
    assert lost == sum(cut > limit for limit in (0, 17, 35))


def test_a_length_that_cannot_be_ends_the_segment_without_reading_it(tmp_path):
    segment = tmp_path / "1.cap"
    segment.write_bytes(MAGIC + RECORD.pack(1, 2) + b"ok" + RECORD.pack(2, 0xFFFF_FFFF) + b"x")
    assert list(read_capture(segment)) == [(1, b"ok")]


def test_bytes_waiting_for_a_disk_are_bounded_and_the_loss_is_counted(tmp_path):
    ring = CaptureRing(tmp_path)
    chunk = bytes(CHUNK)
    for at_us in range(100):
        ring.append(at_us, chunk)
    assert ring.lost_bytes == 36 * CHUNK
    ring.write(ring.take())
    assert [at_us for at_us, _ in read_capture(tmp_path)] == list(range(36, 100))


@pytest.mark.parametrize("name", ["../../etc", "a/b", ".", "..", "Gerade Süd", "a:b"])
def test_any_link_name_is_one_folder_below_the_captures(tmp_path, name):
    assert capture_folder(tmp_path, name).resolve().parent == tmp_path.resolve()


def test_raw_and_hex_files_are_captures_without_times(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 40)
    chunks = list(read_capture(tmp_path / "a.bin"))
    assert b"".join(data for _, data in chunks) == bytes(range(256)) * 40
    assert {at_us for at_us, _ in chunks} == {None}
    (tmp_path / "b.hex").write_text("8e02\n\n8f\n")
    assert list(read_capture(tmp_path / "b.hex")) == [(None, b"\x8e\x02"), (None, b"\x8f")]


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "b.hex").write_text("8e02\nzz\n")
    with pytest.raises(BadInput, match="line 2"):
        list(read_capture(tmp_path / "b.hex"))
    for path in (tmp_path, tmp_path / "none.bin"):
        with pytest.raises(NotFound):
            read_capture(path)      # at once, not when the first chunk is wanted


def test_the_recorded_day_reads_as_1388_frames():
    path = SHARED / "amb_p3_2019.hex"
    if not path.exists():
        pytest.skip("the recorded decoder data is not beside the checkout")
    assert sum(data[0] == 0x8E for _, data in read_capture(path)) == 1388
