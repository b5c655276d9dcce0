"""Malicious files: each is refused completely, before an array is read."""

import contextlib
import os
import random

import h5py
import numpy as np
import pytest
from tiers import long, slow

from zoo_weights import Slot, UnsafeFile, WeightsError, open_checked, read_weights


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


def refused(path, says, **limits):
    with pytest.raises(UnsafeFile, match=says) as caught, open_checked(path, **limits):
        pytest.fail("it was opened")
    assert str(caught.value).isprintable()


def soft(f):
    f["layers/a"] = h5py.SoftLink("/etc")


def external(f):
    f["layers/a"] = h5py.ExternalLink("/etc/secret.h5", "/x")


def dangling(f):
    f["a"] = h5py.SoftLink("/nowhere\x1b[2J")


def external_storage(f):
    f.create_dataset("a", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(f):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "x", (4,))
    f.create_virtual_dataset("a", layout)


def cycle(f):
    f.create_group("a")
    f["a/b"] = f["a"]


def to_root(f):
    f["a"] = f["/"]


def twice(f):
    f["a"] = np.zeros(3)
    f["b"] = f["a"]


def reference(f):
    f.create_dataset("a", (1,), h5py.ref_dtype)


def strings(f):
    f["a"] = ["x" * 100]


def ragged(f):
    f.create_dataset("a", (1,), h5py.vlen_dtype("f4"))


def compound(f):
    f["a"] = np.zeros(2, [("x", "f4"), ("y", "i4")])


def complexes(f):
    f["a"] = np.zeros(2, "c8")


def opaque(f):
    f["a"] = np.zeros(2, "V2")


def named_type(f):
    f["a"] = np.dtype("f4")


def null(f):
    f["a"] = h5py.Empty("f4")


def unwritten(f):
    f.create_dataset("a", (1 << 40,), "f4")


def unwritten_chunks(f):
    f.create_dataset("a", (1 << 20,), "f4", chunks=(1024,))[:2048] = 1


def enormous_chunks(f):
    f.create_dataset("a", (1,), "f4", chunks=(1 << 20,), maxshape=(None,))[:] = 1


def lzf(f):
    f.create_dataset("a", data=np.zeros(9), compression="lzf")


def gzip_twice(f):
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((1 << 20,))
    settings.set_deflate(9)
    settings.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
    space = h5py.h5s.create_simple((1 << 20,))
    h5py.h5d.create(f.id, b"a", h5py.h5t.NATIVE_FLOAT, space, settings)


def deep(f):
    f.create_group("/".join("a" * 100))


def reference_attribute(f):
    f.attrs["a"] = f.ref


def compound_attribute(f):
    f.attrs["a"] = np.zeros(2, [("x", "f4")])


def many_strings(f):
    f.attrs["b"] = "x" * 200_000
    f.attrs.create("a", np.array(["x"] * 30_000, object), dtype=h5py.string_dtype())


ATTACKS = {
    soft: "soft link",
    external: "external link",
    dangling: "soft link",
    external_storage: "external storage",
    virtual: "virtual",
    cycle: "second link",
    to_root: "second link",
    twice: "second link",
    reference: "not plain numbers",
    strings: "not plain numbers",
    ragged: "not plain numbers",
    compound: "not plain numbers",
    complexes: "not plain numbers",
    opaque: "not plain numbers",
    named_type: "neither a group nor an array",
    null: "no shape",
    unwritten: "declares 4398046511104 bytes",
    unwritten_chunks: "never written",
    enormous_chunks: "chunks larger",
    lzf: "filters",
    gzip_twice: "filters",
    deep: "deeper than",
    reference_attribute: "neither text nor a number",
    compound_attribute: "neither text nor a number",
    many_strings: "bytes of text",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_refused(path, attack):
    with h5py.File(path, "w", libver="latest") as f:  # allows large attributes
        attack(f)
    refused(path, ATTACKS[attack], max_bytes=1 << 50)


def test_a_decompression_bomb_is_refused_by_its_declared_size(path):
    with h5py.File(path, "w") as f:
        f.create_dataset("a", data=np.zeros(1 << 20, "u1"), compression="gzip")
    refused(path, "more than the 1000 bytes", max_bytes=1000)


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"\n<!DOCTYPE html>", "web page"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x80\x04\x95", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"\x1f\x8b", "is gzip-compressed"),
        (b"", "empty file"),
        (b"nonsense", "something else"),
    ],
)
def test_what_is_no_hdf5_file_is_called_by_its_name(path, start, says):
    path.write_bytes(start)
    refused(path, says)


def test_a_truncated_download_is_called_truncated(path):
    with h5py.File(path, "w") as f:
        f["a"] = np.zeros(10_000)
    os.truncate(path, 5_000)
    refused(path, "truncated")
    path.unlink()
    refused(path, "No such file")


@pytest.mark.parametrize("layout", ["keras", "keras-legacy"])
@pytest.mark.parametrize("times", [60, slow(300), long(20_000)])
def test_random_damage_is_refused_or_read_but_never_another_exception(path, layout, times):
    slots = [
        Slot("a", 0, "k", (50, 2), "float32", "layers/a/vars/0"),
        Slot("a", 1, "b", (10,), "float32", "layers/a/vars/1"),
    ]
    with h5py.File(path, "w") as f:
        if layout == "keras-legacy":
            f.attrs["layer_names"], names = ["a"], ["k", "b"]
            f.create_group("a").attrs["weight_names"] = names
        else:
            names = ["layers/a/vars/0", "layers/a/vars/1"]
        group = f["a"] if layout == "keras-legacy" else f
        group.create_dataset(names[0], data=np.ones((50, 2), "f4"), compression="gzip")
        group[names[1]] = np.arange(10, dtype="f4")
    whole, chance = path.read_bytes(), random.Random(3)
    for _ in range(times):
        data = bytearray(whole)
        for _ in range(4):
            data[chance.randrange(9, len(data))] = chance.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(WeightsError):
            list(read_weights(path, slots))


@pytest.mark.parametrize("size", [0, 1 << 63, (1 << 64) - 16])
def test_a_heap_of_strings_without_an_end_is_refused(path, size):
    """The C library would walk it for ever, and no signal handler of Python would run."""
    with h5py.File(path, "w") as f:
        f.attrs["layer_names"] = ["a", "b"]
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL") + 16
    data[heap : heap + 2], data[heap + 8 : heap + 16] = b"\0\0", size.to_bytes(8, "little")
    path.write_bytes(data)
    refused(path, "never ends")


def test_ordinary_files_are_opened(path):
    with h5py.File(path, "w") as f:
        f["scalar"], f["none"], f["flags"] = 1.0, np.zeros((0, 3)), np.array([True])
        f.create_dataset("packed", data=np.zeros(9), compression="gzip", shuffle=True)
        f.attrs["layer_names"] = [b"a", b"b"]
        f.attrs["backend"] = "jax"
    with open_checked(path) as opened:
        assert set(opened) == {"scalar", "none", "flags", "packed"}
        with pytest.raises(ValueError, match="intent"):
            opened.create_group("x")
