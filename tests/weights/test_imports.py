"""Every `zoo list` and every shell completion pays for what this package imports."""

import sys

import zoo_weights

ALLOWED = {"zoo_weights", "msgspec", "typing_extensions"}  # the last is brought by msgspec


def test_import_brings_only_msgspec_and_the_standard_library(python):
    code = (
        "import sys; before = set(sys.modules)\n"
        "import zoo_weights; zoo_weights.FileRecord; zoo_weights.WeightsRecord; zoo_weights.Store\n"
        "zoo_weights.Slot; zoo_weights.read_weights; zoo_weights.download\n"
        "zoo_weights.write_bundle; zoo_weights.WeightsError\n"
        "zoo_weights.open_checked; zoo_weights.printable\n"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    out, err = python(code).communicate()
    assert not err
    assert set(out.split()) - set(sys.stdlib_module_names) <= ALLOWED


def test_every_public_name_is_there_and_listed():
    for name in zoo_weights.__all__:
        assert getattr(zoo_weights, name) is not None
    assert sorted(zoo_weights._HOME_OF) == sorted(zoo_weights.__all__) == dir(zoo_weights)
