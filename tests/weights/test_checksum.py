"""A damaged bundle is refused before HDF5 sees it, whichever bit was flipped."""

import h5py
import numpy as np
import pytest
from bundles import as_version_1

from zoo_weights import Slot, UnsafeFile, WeightsError, read_headers, read_weights, write_bundle
from zoo_weights.files import append_checksum, has_checksum

ARRAYS = [np.linspace(0, 1, 6, dtype="f4").reshape(2, 3), np.arange(4)]
SLOTS = [
    Slot("dense", i, "w", a.shape, a.dtype.name, f"layers/dense/vars/{i}")
    for i, a in enumerate(ARRAYS)
]


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "model.zoo"
    write_bundle(path, {"spec": "{}", "state": "{}"}, zip(SLOTS, ARRAYS, strict=True))
    return path


def content(path):
    return read_headers(path), [array.tolist() for _, array in read_weights(path, SLOTS)]


def flip(data, bit):
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_no_flipped_bit_gives_another_answer(bundle):
    data = bundle.read_bytes()
    # Every bit of the structures at both ends, and some between, where the numbers are.
    bits = [*range(0, 8 * 120, 3), *range(8 * 120, 8 * len(data) - 8 * 80, 997)]
    bits += range(8 * len(data) - 8 * 80, 8 * len(data))
    for bit in bits:
        bundle.write_bytes(flip(data, bit))
        with pytest.raises(WeightsError):
            content(bundle)


@pytest.mark.slow
def test_no_flipped_bit_at_all_gives_another_answer(bundle):
    data = bundle.read_bytes()
    for bit in range(8 * len(data)):
        bundle.write_bytes(flip(data, bit))
        with pytest.raises(WeightsError):
            content(bundle)


def test_a_bundle_cut_anywhere_is_refused(bundle):
    data = bundle.read_bytes()
    for size in [*range(0, len(data), 501), *range(len(data) - 90, len(data))]:
        bundle.write_bytes(data[:size])
        with pytest.raises(WeightsError):
            content(bundle)


def test_version_2_without_a_checksum_is_damaged(bundle):
    bundle.write_bytes(bundle.read_bytes()[:-77])
    assert not has_checksum(bundle)
    with pytest.raises(UnsafeFile, match="its checksum is missing"):
        read_headers(bundle)


def test_version_1_is_read_as_before(bundle):
    before = content(bundle)
    as_version_1(bundle)
    assert not has_checksum(bundle)
    assert content(bundle) == before


def test_a_renamed_header_is_noticed(bundle):
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b"state\0", b"stbte\0"))
    with pytest.raises(UnsafeFile, match="does not match its checksum"):
        read_headers(bundle)


def test_a_float_with_another_mantissa_is_refused(tmp_path):
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(31, 22, 9, 0, 22)  # one bit of the mantissa goes to the exponent
    with h5py.File(tmp_path / "x.h5", "w") as file:
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(file.create_group("layers").id, b"a", kind, space)
        file["layers/a"][...] = np.ones(4, "f4")
    with pytest.raises(UnsafeFile, match="not plain numbers"):
        list(read_weights(tmp_path / "x.h5", []))


def test_arrays_that_overlap_are_refused(tmp_path):
    path = tmp_path / "x.weights.h5"
    arrays = {name: np.full(1000, number, "f4") for number, name in enumerate("ab", 1)}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[f"layers/{name}"] = array
        first, second = (file[f"layers/{name}"].id.get_offset() for name in "ab")
    data = path.read_bytes()
    moved = data.replace(second.to_bytes(8, "little"), (first + 2000).to_bytes(8, "little"))
    assert moved != data
    path.write_bytes(moved)
    with pytest.raises(UnsafeFile, match="overlaps"):
        list(read_weights(path, []))


def test_chunks_that_overlap_are_refused(tmp_path):
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("layers/a", data=np.arange(4000, dtype="f4"), chunks=(1000,))
        first, second = (dataset.id.get_chunk_info(index).byte_offset for index in (0, 1))
    data = path.read_bytes()
    moved = data.replace(second.to_bytes(8, "little"), first.to_bytes(8, "little"))
    assert moved != data
    path.write_bytes(moved)
    with pytest.raises(UnsafeFile, match="overlaps"):
        list(read_weights(path, []))


def test_bombs_of_small_parts_are_refused_at_once(tmp_path):
    def attributes(file):
        for number in range(300):
            file.attrs[f"a{number}"] = number

    def groups(file):
        for number in range(26_000):
            file.create_group(f"layers/{number}")

    for name, make, says in (
        ("attributes.h5", attributes, "too many attributes: 300"),
        ("groups.h5", groups, "more than 25000 objects"),
    ):
        with h5py.File(tmp_path / name, "w") as file:
            make(file)
        with pytest.raises(UnsafeFile, match=says):
            list(read_weights(tmp_path / name, []))


def test_other_programs_open_a_bundle(bundle):
    with h5py.File(bundle) as file:
        assert file["weights/layers/dense/vars/1"][...].tolist() == [0, 1, 2, 3]


def test_a_checksum_covers_any_size(tmp_path):
    path = tmp_path / "x"
    for size in (0, 1, 76, 77, (1 << 20) - 1, 1 << 20, (1 << 20) + 77):
        path.write_bytes(b"x" * size)
        append_checksum(path)
        assert path.stat().st_size == size + 77
        assert has_checksum(path)
