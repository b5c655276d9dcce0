"""Choose the Keras backend and device of this process, before Keras is imported.

A process has one backend: that of the flag, else ``KERAS_BACKEND``, else the configuration, else
the first that is installed. If Keras is already imported, its backend stands.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

from zoo.backend import keras_private
from zoo.backend.quiet import drop_import_logs
from zoo.cache import private_folder
from zoo.config import home, plain, settings
from zoo.errors import BackendError

BACKENDS = ("jax", "tensorflow", "torch", "openvino")
"""Usable backends, the preferred ones first."""

TRAINING_BACKENDS = ("jax", "tensorflow", "torch")
"""Backends that train; openvino only computes."""

DTYPES = ("float32", "bfloat16")
"""Dtypes that networks can be computed in."""

DEFERRED_MODULES = ("matplotlib.pyplot", "keras.wrappers")
"""Modules that Keras imports and few use; the second imports scikit-learn, if it is installed."""

DEVICE_PATTERN = re.compile(r"^(cpu|gpu)(?::(\d+))?$")


@contextmanager
def lazy_imports(*names: str) -> Iterator[None]:
    """Defer loading modules that are imported within, until an attribute is read.

    A missing module still raises at once, and a loaded one stays as it is. Imports after the
    context get the real module.
    """
    placeholders = {}
    for name in names:
        package = importlib.util.find_spec(name.partition(".")[0])
        if package is not None and name not in sys.modules:
            placeholders[name] = sys.modules[name] = _LazyModule(name)
            placeholders[name].__spec__ = package
    try:
        yield
    finally:
        for module in placeholders.values():
            module._withdraw()


class _LazyModule(ModuleType):
    """A placeholder that imports its module when an attribute is read."""

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":  # `inspect` reads it from every module to locate code
            raise AttributeError(name)
        self._withdraw()
        return getattr(importlib.import_module(self.__name__), name)

    def _withdraw(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


class _Request:
    """What was requested before Keras is imported; `keras` applies it."""

    backend: str | None = None
    device: str | None = None
    dtype: str = "float32"
    preferred: str | None = None


def installed_backends() -> list[str]:
    """Return the backends whose packages are installed, without importing them."""
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def request(backend: str | None = None, device: str | None = None) -> None:
    """Request a backend and a device, before anything is built.

    Parameters
    ----------
    backend
        ``"jax"``, ``"tensorflow"``, ``"torch"`` or ``"openvino"``.
    device
        ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Raises
    ------
    BackendError
        If the name is wrong, or Keras is already imported with another backend.
    """
    if backend is not None:
        _check_name(backend, "--backend")
        current = _imported_backend()
        if current is not None and current != backend:
            msg = (
                f"backend {backend!r} was requested, but Keras is already imported with {current!r}"
            )
            raise BackendError(msg)
        _Request.backend = backend
    if device is not None:
        if not DEVICE_PATTERN.match(device) or device.startswith("cpu:"):
            msg = f"device must be cpu, gpu or gpu:N, received {device!r}"
            raise BackendError(msg)
        _Request.device = device


def prefer(backend: str) -> None:
    """Prefer a backend for the CPU, if it is installed.

    A flag, ``KERAS_BACKEND``, the configuration, ``ZOO_PLAIN`` or a requested GPU overrides this.
    """
    if _Request.device in (None, "cpu") and keras_private.fast_paths_allowed():
        _Request.preferred = backend


def request_dtype(dtype: str) -> None:
    """Request the dtype of networks: ``"float32"`` or, faster and less precise, ``"bfloat16"``.

    Raises
    ------
    BackendError
        If the backend of this process computes in float32 only.
    """
    if dtype != "float32" and (backend := chosen_backend()) != "openvino":
        msg = f"dtype {dtype} needs the openvino backend; this process uses {backend} with float32"
        raise BackendError(msg)
    _Request.dtype = dtype


def requested_dtype() -> str:
    """Return the dtype that networks are computed in."""
    return _Request.dtype


def require_training() -> None:
    """Raise `BackendError` if the backend of this process does not train."""
    backend = chosen_backend()
    if backend in TRAINING_BACKENDS:
        return
    others = [name for name in installed_backends() if name in TRAINING_BACKENDS]
    instead = f"use --backend {others[0]}" if others else "run: pip install 'keras-zoo[jax]'"
    msg = f"backend {backend!r} computes but does not train; {instead}"
    raise BackendError(msg)


def _check_name(name: str, source: str) -> None:
    if name not in BACKENDS:
        msg = f"{source} must be one of {', '.join(BACKENDS)}, received {name!r}"
        raise BackendError(msg)


def _imported_backend() -> str | None:
    """Return the backend of the imported Keras; None if Keras is not imported."""
    module = sys.modules.get("keras")
    if module is None:
        return None
    name: str = module.config.backend()
    return name


def chosen_backend() -> str:
    """Return the backend this process uses or will use, without importing it.

    Raises
    ------
    BackendError
        If none is installed, or the chosen one is not, or ``ZOO_PLAIN`` turns it off.
    """
    name, source = _choose()
    if name == "openvino" and plain():
        msg = f"openvino ({source}) is a fast path, and ZOO_PLAIN turns those off; drop one of them"
        raise BackendError(msg)
    return name


def _choose() -> tuple[str, str]:
    """Return the backend, and what chose it."""
    imported = _imported_backend()
    if imported is not None:
        return imported, "the imported Keras"
    installed = installed_backends()
    for name, source in (
        (_Request.backend, "--backend"),
        (os.environ.get("KERAS_BACKEND"), "KERAS_BACKEND"),
        (settings().backend, "backend in config.toml"),
    ):
        if name:
            _check_name(name, source)
            if name not in installed:
                msg = f"backend {name!r} is not installed; run: pip install 'keras-zoo[{name}]'"
                raise BackendError(msg)
            return name, source
    if not installed:
        msg = "no Keras backend is installed; run: pip install 'keras-zoo[jax]'"
        raise BackendError(msg)
    preferred = _Request.preferred
    return (preferred if preferred in installed else installed[0]), "the only one installed"


def settle() -> str:
    """Fix the backend for the first import of Keras, and return it.

    Call it before importing a plugin's code, which may import Keras at module level.
    """
    backend = chosen_backend()
    os.environ["KERAS_BACKEND"] = backend
    return backend


def keras() -> Any:
    """Import Keras with the chosen backend and device, and return the module."""
    imported = sys.modules.get("keras")
    if imported is not None and hasattr(imported, "config"):
        return imported
    backend = settle()
    quiet = backend == "tensorflow" and "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    _prepare(_Request.device)
    before = os.environ.get("KERAS_HOME")
    # The first import of Keras writes keras.json into its home: zoo's here, not the user's.
    private_folder("keras")  # made here: Keras would let the group write to it under some umasks
    os.environ["KERAS_HOME"] = str(home("cache") / "keras")
    try:
        keras_private.read_settings(home("cache") / "keras" / "keras.json")
        with lazy_imports(*DEFERRED_MODULES), drop_import_logs() if quiet else nullcontext():
            import keras
    except ImportError as error:
        msg = f"Keras cannot be imported with {backend}, {error}; run: "
        msg += f"pip install --force-reinstall 'keras-zoo[{backend}]'"
        raise BackendError(msg) from error
    finally:
        if before is None:
            del os.environ["KERAS_HOME"]
        else:
            os.environ["KERAS_HOME"] = before
    if backend == "jax":
        _cache_compiled_jax()
        if not plain():
            keras_private.unroll_threefry()
    _check_device(backend, _Request.device)
    return keras


def jax() -> Any:
    """Import JAX, the chosen backend, on the chosen device, without Keras, and return it."""
    if _imported_backend() is None:
        settle()
        _prepare(_Request.device)
    import jax

    _cache_compiled_jax()
    _check_device("jax", _Request.device)
    return jax


def _prepare(device: str | None) -> None:
    """Set the variables that a backend reads at import, unless the user has set them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # XLA's warnings are not actionable
    # JAX would reserve three quarters of a GPU's memory for the smallest network.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    _narrow_devices(device)


def _narrow_devices(device: str | None) -> None:
    """Show the backend only the requested device; all backends that train obey the variables."""
    if device is None:
        return
    kind, _, number = device.partition(":")
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["KERAS_TORCH_DEVICE"] = "cpu"
    elif number:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        numbers = visible.split(",") if visible else None
        if numbers is not None and int(number) >= len(numbers):
            msg = f"device {device!r} was requested, but CUDA_VISIBLE_DEVICES shows {len(numbers)}"
            raise BackendError(msg)
        os.environ["CUDA_VISIBLE_DEVICES"] = numbers[int(number)] if numbers else number


def _check_device(backend: str, device: str | None) -> None:
    if device is None or device == "cpu":
        return
    if not any(name != "cpu" for name in devices(backend)):
        if backend == "openvino":
            msg = f"device {device!r} was requested, but openvino computes on the CPU here"
            raise BackendError(msg)
        if number := device.partition(":")[2]:
            msg = (
                f"device {device!r} was requested, but {backend} sees no GPU {number}; "
                "`nvidia-smi -L` lists the GPUs, numbered from 0"
            )
            raise BackendError(msg)
        extra = {"jax": "'jax[cuda13]'", "tensorflow": "'tensorflow[and-cuda]'", "torch": "torch"}
        msg = (
            f"device {device!r} was requested, but {backend} sees no GPU; check `nvidia-smi` and "
            f"run: pip install {extra[backend]}"
        )
        raise BackendError(msg)


def _cache_compiled_jax() -> None:
    """Cache XLA's compiled programs between processes, unless the user has set a cache."""
    import jax

    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = private_folder("jax")
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def devices(backend: str | None = None) -> list[str]:
    """Return the devices that a backend sees: ``cpu``, ``gpu:0``, ...

    A GPU has its name in parentheses if the backend gives it.

    Parameters
    ----------
    backend
        The backend; that of the imported Keras if not given.
    """
    backend = backend or _imported_backend()
    if backend == "jax":
        import jax

        return [
            "cpu" if device.platform == "cpu" else f"gpu:{device.id} ({device.device_kind})"
            for device in jax.devices()
        ]
    if backend == "tensorflow":
        import tensorflow

        gpus = tensorflow.config.list_physical_devices("GPU")
        return [*(f"gpu:{number}" for number in range(len(gpus))), "cpu"]
    if backend == "torch":
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return [
            *(f"gpu:{n} ({torch.cuda.get_device_name(n)})" for n in range(count)),
            *(["mps"] if torch.backends.mps.is_available() else []),
            "cpu",
        ]
    return ["cpu"] if backend == "openvino" else []


def computing_settings(backend: str | None = None) -> list[Any]:
    """Return what the numbers that a backend computes depend on besides the computation.

    Parameters
    ----------
    backend
        The backend; that of the imported Keras if not given.
    """
    backend = backend or _imported_backend()
    if backend == "jax":
        module = jax()
        options = [item for item in sorted(module.config.values.items()) if "cache" not in item[0]]
        return [
            module.__version__,
            module.lib.__version__,
            module.default_backend(),
            module.devices()[0].device_kind,
            repr(options),
        ]
    if backend == "tensorflow":
        import tensorflow

        fast = tensorflow.config.experimental.tensor_float_32_execution_enabled()
        return [backend, tensorflow.__version__, devices(backend), fast]
    if backend == "torch":
        import torch

        precision = torch.get_float32_matmul_precision()
        return [backend, str(torch.__version__), devices(backend), precision]
    return [backend]
