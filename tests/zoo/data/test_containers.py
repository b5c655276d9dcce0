"""Array files: what is read, and what malicious or damaged files cannot do."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo import InputError
from zoo.data import containers
from zoo.data.containers import flatten_ragged, read_arrays

LISTS = [[3, 1, 2], [], [7]]


def lists() -> np.ndarray[Any, Any]:
    array = np.empty(len(LISTS), object)
    array[:] = LISTS
    return array


def npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(f"{name}.npy", data)
    return path


def pickled(path: Path, payload: bytes, shape: tuple[int, ...] = (1,)) -> Path:
    """An npz with an object array whose pickle is `payload`."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|O", "fortran_order": False, "shape": shape}
    )
    return archive(path, x=file.getvalue() + payload)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_plain_arrays_come_back(tmp_path: Path, save: Callable[..., None]) -> None:
    arrays = {
        "a": np.arange(6, dtype=">i4").reshape(2, 3),
        "b": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "c": np.zeros((0, 4), np.uint8),
        "d": np.array([True, False]),
        "e": np.array(7, np.int64),
        "f": np.array(["a", "bee"]).astype(">U3"),
    }
    save(tmp_path / "x.npz", **arrays)
    found = read_arrays(tmp_path / "x.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_pickled_lists_are_read_only_where_they_are_trusted(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=lists(), y=np.arange(3))
    with pytest.raises(InputError, match="holds pickled objects, which could run code"):
        read_arrays(tmp_path / "x.npz")
    arrays = read_arrays(tmp_path / "x.npz", trusted=True)
    assert arrays["x"].tolist() == LISTS
    flat = flatten_ragged(arrays)
    assert set(flat) == {"x_flat", "x_offsets", "y"}
    assert flat["x_flat"].tolist() == [3, 1, 2, 7]
    assert flat["x_offsets"].tolist() == [0, 3, 3, 4]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_old_and_new_pickles_of_numpy(tmp_path: Path, protocol: int) -> None:
    """Keras's files were written years ago, by a NumPy whose modules had other names."""
    payload = pickle.dumps(lists(), protocol)
    if protocol == 2:  # Python 3 writes bytes another way than NumPy's files of that age hold them
        payload = pickle.dumps(lists(), 3)
    for module in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        if protocol < 4:
            payload = payload.replace(b"cnumpy._core.multiarray\n", b"c" + module + b"\n")
        file = pickled(tmp_path / "x.npz", payload, (3,))
        assert read_arrays(file, trusted=True)["x"].tolist() == LISTS


class Runs:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (os.system, ("touch ran",), r"it names \w+\.system"),
        (eval, ("open('ran', 'w')",), "it names builtins.eval"),
        (np.load, ("ran.npy",), "it names numpy.load"),
        (getattr, (np, "load"), "it names"),
        (np.ndarray, ((1 << 60,),), "its pickle is refused"),
        (np.ndarray, (), "its pickle is refused"),
        (np.dtype, ("nosuch",), "its pickle is refused"),
        (np.dtype, ("int8",), "is not an array of the shape it declares"),
    ],
)
def test_a_hostile_pickle_is_refused_and_nothing_runs(
    function: Callable[..., Any],
    arguments: Any,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if someone's hash vouched for it."""
    monkeypatch.chdir(tmp_path)
    arguments = tuple("numpy" if argument is np else argument for argument in arguments)
    file = pickled(tmp_path / "x.npz", pickle.dumps(Runs(function, *arguments)))
    with pytest.raises(InputError, match="pickled objects"):
        read_arrays(file)
    with pytest.raises(InputError, match=says):
        read_arrays(file, trusted=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("payload", [b"", b"junk", b"\x80\x04", pickle.dumps([1]), b"I1\n."])
def test_a_damaged_pickle(payload: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not an npz file of plain arrays"):
        read_arrays(pickled(tmp_path / "x.npz", payload), trusted=True)


def test_a_pickle_of_another_shape(tmp_path: Path) -> None:
    file = pickled(tmp_path / "x.npz", pickle.dumps(lists()), (2,))
    with pytest.raises(InputError, match="not an array of the shape it declares"):
        read_arrays(file, trusted=True)


def test_a_small_file_of_huge_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_BYTES", 1_000_000)
    file = archive(tmp_path / "x.npz", x=npy(np.zeros(600_000, np.uint8)), y=bytes(600_000))
    assert file.stat().st_size < 10_000
    with pytest.raises(InputError, match=r"declares 1,200,\d+ bytes of arrays, at most 1,000,000"):
        read_arrays(file)


def test_an_array_that_is_not_as_long_as_it_declares(tmp_path: Path) -> None:
    """Its header is read alone: what follows may be a bomb."""
    short = npy(np.zeros(10, np.uint8))
    file = archive(tmp_path / "x.npz", x=short + bytes(5_000_000))
    with pytest.raises(InputError, match="declares 10 bytes of numbers and holds 5,000,010"):
        read_arrays(file)


def test_a_file_of_many_arrays(tmp_path: Path) -> None:
    file = archive(tmp_path / "x.npz", **{f"x{place}": npy(np.zeros(1)) for place in range(101)})
    with pytest.raises(InputError, match="has 101 arrays, at most 100 are read"):
        read_arrays(file)


def header(text: str) -> bytes:
    data = text.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"junk",
        npy(np.arange(9))[:-1],
        npy(np.array(["text"]).view("u4")).replace(b"'<u4'", b"'<U1'")[:-4] + b"\xff" * 4,
        npy(np.array([b"text"])),
        npy(np.zeros(2, [("a", "i4")])),
        npy(np.array([1j])),
        header("{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999,)}"),
        header("{'descr': '<i4', 'fortran_order': False, 'shape': (-1,)}"),
        header("{'descr': '<i4', 'fortran_order': False, 'shape': 3}"),
        header("{'descr': 'nosuch', 'fortran_order': False, 'shape': (1,)}"),
        header("__import__('os').system('touch ran')"),
        header("(" * 5000),
        header("{'descr': [('', '|O')], 'fortran_order': False, 'shape': (1,)}"),
    ],
)
def test_members_that_are_no_numbers(
    member: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = archive(tmp_path / "x.npz", x=member)
    for trusted in (False, True):
        with pytest.raises(InputError, match="is not an npz file of plain arrays"):
            read_arrays(file, trusted=trusted)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_archive_anywhere(tmp_path: Path) -> None:
    """Whatever byte is wrong, it is an error of one kind or the arrays as they were."""
    np.savez_compressed(tmp_path / "good.npz", x=np.arange(500))
    good = (tmp_path / "good.npz").read_bytes()
    for place in range(0, len(good), 3):
        for data in (good[:place], good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]):
            (tmp_path / "bad.npz").write_bytes(data)
            try:
                arrays = read_arrays(tmp_path / "bad.npz")
            except InputError:
                continue
            assert [array.tolist() for array in arrays.values()] == [list(range(500))]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("x.npz", "train-images-idx3-ubyte", "nosuch/train-images-idx3-ubyte"):
        with pytest.raises(InputError):
            read_arrays(tmp_path / name)


IDX = {
    "train-images-idx3-ubyte": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "train-labels-idx1-ubyte": np.array([1, 0], np.uint8),
    "t10k-images-idx3-ubyte": np.arange(12, dtype=np.uint8).reshape(1, 3, 4),
    "t10k-labels-idx1-ubyte": np.array([1], np.uint8),
}


def idx(array: np.ndarray[Any, Any], code: int = 8) -> bytes:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return struct.pack(">HBB", 0, code, array.ndim) + sizes + array.tobytes()


@pytest.fixture(params=["plain", "gz"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The four files of MNIST, as they are published or unpacked."""
    for name, array in IDX.items():
        if request.param == "gz":
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (tmp_path / name.replace("-idx", ".idx")).write_bytes(idx(array))
    (tmp_path / "README").write_text("other files do not matter")
    return tmp_path


def test_a_folder_of_idx_files(folder: Path) -> None:
    """The folder, or any file of it, means all four."""
    one = next(folder.glob("t10k-labels*"))
    for path in (folder, one):
        arrays = read_arrays(path)
        assert set(arrays) == {"x_train", "y_train", "x_test", "y_test"}
        np.testing.assert_array_equal(arrays["x_train"], IDX["train-images-idx3-ubyte"])
        np.testing.assert_array_equal(arrays["y_test"], [1])


def test_a_missing_idx_file_is_named(folder: Path) -> None:
    next(folder.glob("t10k-labels*")).unlink()
    with pytest.raises(InputError, match="holds no IDX file for y_test"):
        read_arrays(folder)


def test_a_truncated_idx_file_is_named(folder: Path) -> None:
    file = next(folder.glob("train-images*"))
    data = file.read_bytes()
    for length in range(len(data)):
        file.write_bytes(data[:length])
        with pytest.raises(InputError, match=r"train-images.* is not an IDX file, or is damaged"):
            read_arrays(folder)


@pytest.mark.parametrize("code", [7, 0, 255])
def test_an_idx_file_of_no_known_type(folder: Path, code: int) -> None:
    for file in folder.glob("train-labels*"):
        data = idx(np.array([1, 0], np.uint8), code)
        file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    with pytest.raises(InputError, match="is not an IDX file, or is damaged"):
        read_arrays(folder)


def test_idx_numbers_are_big_endian_and_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = next(folder.glob("train-labels*"))
    pack: Callable[[bytes], bytes] = gzip.compress if file.suffix == ".gz" else bytes
    file.write_bytes(pack(idx(np.array([1, 256], ">i4"), 12)))
    assert read_arrays(folder)["y_train"].tolist() == [1, 256]
    file.write_bytes(pack(struct.pack(">HBBI", 0, 8, 1, 0xFFFFFFFF)))
    monkeypatch.setattr(containers, "MAX_BYTES", 1 << 20)
    with pytest.raises(InputError, match="is not an IDX file, or is damaged"):
        read_arrays(folder)
