"""Weights reach the right place with the right values, or nothing is read, with the reason."""

import sys

import h5py
import numpy as np
import pytest

from zoo_weights import (
    LayoutMismatch,
    Slot,
    UnsafeFile,
    WeightsError,
    detect_format,
    read_weights,
    write_weights,
)

RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.random((3, 3, 3, 8), "f4"), RNG.random(8, "f4")
TOP = RNG.random((8, 2), "f4")


def slot(layer, index, array, name="w", dtype=None, path=None):
    where = path or f"layers/{layer}/vars/{index}"
    return Slot(layer, index, name, array.shape, dtype or array.dtype.name, where)


SLOTS = [slot("conv", 0, KERNEL), slot("conv", 1, BIAS), slot("top", 0, TOP)]
ARRAYS = [KERNEL, BIAS, TOP]


def legacy(path, layers, root="", **attrs):
    """Write as Keras 1 and 2 did: byte strings, any dataset names."""
    with h5py.File(path, "w") as f:
        group = f.create_group(root) if root else f
        group.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            layer = group.create_group(name)
            names = [f"{name}_{'Wb'[i % 2]}_{i}:0".encode() for i in range(len(weights))]
            layer.attrs["weight_names"] = names
            for label, array in zip(names, weights, strict=True):
                layer[label] = array
    return path


def got(path, slots=SLOTS, **how):
    return [array for _, array in sorted(read_weights(path, slots, **how), key=lambda x: x[0])]


def same(left, right):
    return len(left) == len(right) and all(map(np.array_equal, left, right))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.name"


@pytest.fixture
def keras3(path):
    write_weights(path, zip(SLOTS, ARRAYS, strict=True))
    return path


@pytest.mark.parametrize("root", ["", "model_weights"])
def test_old_files_with_old_names_are_read_by_layer_and_order(path, root):
    legacy(path, {"input": [], "conv": [KERNEL, BIAS], "pool": [], "top": [TOP]}, root)
    assert detect_format(path) == "keras-legacy"
    assert same(got(path, format="keras-legacy"), ARRAYS)
    assert same(got(path, SLOTS[::-1]), ARRAYS[::-1])


def test_arrays_are_the_callers_own_and_aligned_for_jax(keras3):
    for array in got(keras3):
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.ctypes.data % 64 == 0


def test_layers_are_found_by_name_in_any_order(path):
    legacy(path, {"top": [TOP], "conv": [KERNEL, BIAS]})
    assert same(got(path), ARRAYS)


def test_made_up_numbers_do_not_matter_but_order_does(path):
    a, b = RNG.random((2, 2), "f4"), RNG.random((2, 2), "f4")
    legacy(path, {"dense_12": [a], "dense_13": [b], "out": [TOP]})
    slots = [slot("dense", 0, a), slot("dense_1", 0, b), slot("out", 0, TOP)]
    assert same(got(path, slots), [a, b, TOP])


def test_long_name_lists_are_put_together(path):
    names = [f"layer_with_a_long_name_{i}" for i in range(300)]
    legacy(path, {name: [BIAS + i] for i, name in enumerate(names)})
    with h5py.File(path, "a") as f:
        listed = f.attrs["layer_names"]
        del f.attrs["layer_names"]
        f.attrs["layer_names0"], f.attrs["layer_names1"] = listed[:200], listed[200:]
    assert same(got(path, [slot(n, 0, BIAS) for n in names]), [BIAS + i for i in range(300)])


def test_strings_of_either_kind_name_layers(path):
    legacy(path, {"conv": [KERNEL, BIAS], "top": [TOP]})
    with h5py.File(path, "a") as f:
        f.attrs["layer_names"] = ["conv", "top"]  # variable length, as newer Keras writes
        f.create_group("top_level_model_weights").attrs["weight_names"] = np.array([])
    assert same(got(path), ARRAYS)


def test_half_precision_files_fill_single_precision_models(path):
    legacy(path, {"conv": [KERNEL.astype("f2"), BIAS.astype(">f8")], "top": [TOP]})
    found = got(path)
    assert {a.dtype.name for a in found} == {"float32"}
    assert same(found, [KERNEL.astype("f2"), BIAS, TOP])


def test_a_mismatch_is_shown_side_by_side_and_nothing_is_read(path):
    legacy(path, {"conv": [KERNEL, BIAS[:7]], "top": [TOP.astype("i4")], "more": [BIAS]})
    with pytest.raises(LayoutMismatch) as caught:
        next(read_weights(path, SLOTS))
    assert str(caught.value).splitlines()[1:] == [
        "  expected                found",
        "  conv/1 w (8) float32    conv/1 (7) float32",
        "  top/0 w (8, 2) float32  top/0 (8, 2) int32",
        "  nothing                 more/0 (8) float32",
    ]


def test_a_long_difference_is_cut(path):
    legacy(path, {f"a{i}": [BIAS] for i in range(50)})
    with pytest.raises(LayoutMismatch, match=r"50 differences[\s\S]*\.\.\. and 30 more") as caught:
        next(read_weights(path, [slot(f"b{i}", 0, BIAS) for i in range(50)]))
    assert len(str(caught.value).splitlines()) == 23


def test_the_order_of_weights_within_a_layer_is_checked_by_shape(path):
    legacy(path, {"conv": [BIAS, KERNEL], "top": [TOP]})
    with pytest.raises(LayoutMismatch, match="2 differences"):
        got(path)


def test_integers_are_never_taken_for_floats(path):
    legacy(path, {"count": [np.arange(3)]})
    assert same(got(path, [slot("count", 0, np.arange(3))]), [np.arange(3)])
    with pytest.raises(LayoutMismatch, match="int64"):
        got(path, [slot("count", 0, np.arange(3), dtype="int32")])
    with pytest.raises(LayoutMismatch, match="float32"):
        got(path, [slot("count", 0, np.arange(3), dtype="float32")])


def test_a_layer_too_many_is_an_error_unless_declared(path):
    legacy(path, {"conv": [KERNEL, BIAS], "top": [TOP], "teacher": [BIAS]})
    with pytest.raises(LayoutMismatch, match="teacher"):
        got(path)
    assert same(got(path, ignore=["teacher"]), ARRAYS)


def test_nothing_unlisted_is_skipped(path):
    legacy(path, {"conv": [KERNEL, BIAS], "top": [TOP]}, "model_weights")
    with h5py.File(path, "a") as f:
        f["optimizer_weights/adam/m"] = TOP  # the one thing that is no part of the model
    assert same(got(path), ARRAYS)
    with h5py.File(path, "a") as f:
        f["model_weights/conv/hidden"] = TOP
    with pytest.raises(LayoutMismatch, match="conv/hidden"):
        got(path)
    with h5py.File(path, "a") as f:
        del f["model_weights/conv/hidden"]
        f["elsewhere"] = TOP
    with pytest.raises(LayoutMismatch, match="elsewhere"):
        got(path)


@pytest.mark.parametrize("name", ["../top/x", "/top/x", "a//b", "."])
def test_a_weight_name_cannot_leave_its_layer(path, name):
    legacy(path, {"conv": [KERNEL, BIAS], "top": [TOP]})
    with h5py.File(path, "a") as f:
        f["conv"].attrs["weight_names"] = [name.encode()]
    with pytest.raises(UnsafeFile, match="leads out of the layer"):
        got(path)


def test_lists_that_lie_are_refused(path):
    legacy(path, {"conv": [KERNEL, BIAS], "top": [TOP]})
    for names in ([b"conv_W_0:0", b"conv_W_0:0"], [b"none"], [b"\xff"]):
        with h5py.File(path, "a") as f:
            f["conv"].attrs["weight_names"] = names
        with pytest.raises(WeightsError, match=r"twice|not text"):
            got(path)
    with h5py.File(path, "a") as f:
        f.attrs["layer_names"] = [b"conv", b"conv"]
    with pytest.raises(WeightsError):
        got(path)


def test_keras3_files_are_matched_by_path(keras3):
    assert detect_format(keras3) == "keras"
    assert same(got(keras3, format="keras"), ARRAYS)
    with pytest.raises(LayoutMismatch, match=r"layers/x/vars/0 \(8\) float32 +nothing"):
        got(keras3, [*SLOTS, slot("x", 0, BIAS)])
    with pytest.raises(LayoutMismatch, match=r"nothing +layers/top/vars/0 \(8, 2\) float32"):
        got(keras3, SLOTS[:2])
    assert same(got(keras3, SLOTS[:2], ignore=["top"]), ARRAYS[:2])


def test_random_state_and_optimizer_are_no_weights(keras3):
    with h5py.File(keras3, "a") as f:
        f["layers/dropout/seed_generator/vars/0"] = np.zeros(2, "u4")
        f["optimizer/vars/0"] = np.int64(3)
        f.create_group("vars").attrs["name"] = "model"
    assert same(got(keras3), ARRAYS)


def test_the_older_name_of_the_group_of_layers_is_understood(keras3):
    with h5py.File(keras3, "a") as f:
        f.move("layers", "_layer_checkpoint_dependencies")
    assert same(got(keras3), ARRAYS)


def test_a_file_of_another_layout_than_declared_says_which(keras3, path):
    with pytest.raises(WeightsError, match="in format 'keras', not 'keras-legacy' as declared"):
        got(keras3, format="keras-legacy")
    with h5py.File(path, "w") as f:
        f["pixels"] = BIAS
    with pytest.raises(WeightsError, match="no weights in a layout"):
        got(path)


def test_scalars_empty_arrays_and_flags_come_back(path):
    arrays = [np.float32(3).reshape(()), np.zeros((0, 4), "f4"), np.array([True, False])]
    slots = [slot("x", i, a) for i, a in enumerate(arrays)]
    for compress in (False, True):
        write_weights(path, zip(slots, arrays, strict=True), compress=compress)
        found = got(path, slots)
        assert same(found, arrays)
        assert [a.dtype for a in found] == [a.dtype for a in arrays]


def test_bfloat16_is_read_without_asking_the_caller_to_know_it(path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.linspace(-3, 3, 24, dtype="f4").reshape(4, 6).astype(ml_dtypes.bfloat16)
    for compress in (False, True):
        write_weights(path, [(slot("x", 0, array), array)], compress=compress)
        for dtype in ("bfloat16", "float32", "float16"):
            (found,) = got(path, [slot("x", 0, array, dtype=dtype)])
            assert found.dtype.name == dtype
            assert np.array_equal(found.astype("f4"), array.astype("f4"))
        write_weights(path, [(slot("x", 0, array), array.astype("f4"))], compress=compress)
        (found,) = got(path, [slot("x", 0, array)])
        assert np.array_equal(found, array)


@pytest.mark.parametrize("shape", [(1000,), (7, 300), (3, 5, 11, 13), (1, 1), (700_000,)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_compressed_arrays_come_back_whatever_the_chunks(path, shape, shuffle):
    array = RNG.random(shape, "f4")
    with h5py.File(path, "w") as f:
        f.create_dataset(
            "layers/x/vars/0", data=array, chunks=True, compression="gzip", shuffle=shuffle
        )
    assert same(got(path, [slot("x", 0, array)]), [array])
    assert same(got(path, [slot("x", 0, array, dtype="float64")]), [array])


def test_a_chunk_that_inflates_beyond_its_size_is_stopped(path):
    import zlib

    bomb = zlib.compress(bytes(50 << 20))
    with h5py.File(path, "w") as f:
        data = f.create_dataset(
            "layers/x/vars/0", (100_000,), "f4", chunks=True, compression="gzip"
        )
        data[:] = 1
        for start in range(0, 100_000, data.chunks[0]):
            data.id.write_direct_chunk((start,), bomb)
    with pytest.raises(UnsafeFile, match="damaged"):
        got(path, [slot("x", 0, np.zeros(100_000, "f4"))])


MEMORY = """
import resource, sys; from pathlib import Path
import h5py, numpy
from zoo_weights import Slot, read_weights
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
slots = [Slot(f"d{i}", 0, "kernel", (1000, 10000), "float32", "") for i in range(5)]
before = peak()
held = [array for _, array in read_weights(Path(sys.argv[1]), slots)]
print(sum(a.nbytes for a in held), peak() - before)
"""


@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are measured in KiB on Linux")
def test_reading_a_large_file_needs_its_own_size_and_no_second_copy(path, python, dtype):
    with h5py.File(path, "w") as f:
        f.attrs["layer_names"] = [f"d{i}".encode() for i in range(5)]
        for i in range(5):
            f[f"d{i}/k"] = np.full((1000, 10000), i, dtype)
            f[f"d{i}"].attrs["weight_names"] = [b"k"]
    out, err = python(MEMORY, path).communicate()
    assert not err
    size, used = map(int, out.split())
    assert size == 200_000_000
    assert used < 1.2 * size
