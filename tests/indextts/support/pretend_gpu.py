"""A GPU that is not there: tensors that claim to be on `cuda`, held and computed on the CPU.

Code that runs under `pretend_gpu` takes all its ways for a GPU. What a real one refuses is refused: operations
over tensors of two devices, other than the copies between them and numbers without dimensions; reading a value back
while a graph is captured; on a stream, what another one has written and was not waited for (pretend_streams). A
captured graph runs nothing until it is replayed, and then the recorded operations alone. What this cannot show is
speed, rounding and memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar, Self
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from tests.indextts.support.pretend_streams import Event, Ordering, Stream, memory_of, with_index

Tape = list[tuple[Any, Any, Any, Any]]
"""Operation, arguments, keyword arguments, result."""
READS_BACK = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class OnGPU(Tensor):
    """A tensor of a device that is not there; `inner` is where it really is.

    To the C++ side it is on `meta`, which needs no driver; Python is told of a GPU.
    """

    inner: Tensor
    where: torch.device

    @staticmethod
    def __new__(cls, inner: Tensor, device: torch.device) -> Self:
        made = Tensor._make_wrapper_subclass(
            cls, inner.size(), inner.stride(), inner.storage_offset(), dtype=inner.dtype, device="meta"
        )
        made.inner, made.where = inner, device
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self.where

    def __getitem__(self, index: Any) -> Tensor:
        return super().__getitem__(_index(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_index(index), value)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnGPU({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} outside of pretend_gpu")


def _index(index: Any) -> Any:
    """Lists as tensors of the CPU: the C++ side would put them where it takes the operand to be."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return torch.tensor(index) if isinstance(index, list) else index


class Dispatch(TorchDispatchMode):
    """Runs every operation on the CPU and keeps the books of devices, and of the graph that is being captured."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: Tape | None = None
        self.capturing: torch.device | None = None
        self.latest: torch.device | None = None
        self.before: dict[int, tuple[Tensor, Tensor]] = {}
        self.ordering = Ordering()

    @contextmanager
    def capture(self, graph: Graph, pool: Any = None, stream: Stream | None = None, **_: Any) -> Iterator[None]:
        """As `torch.cuda.graph`: without a stream the capture is of the current device, the first one."""
        self.tape, self.capturing, graph.dispatch = graph.tape, (stream or Stream()).device, self
        try:
            yield
        finally:
            self.tape = None
            for tensor, content in self.before.values():
                tensor.copy_(content)
            self.before.clear()

    def _keep(self, func: Any, args: Any) -> None:
        """What an operation is about to write over: capturing changes nothing."""
        for argument, given in zip(func._schema.arguments, args, strict=False):  # the others are keywords, or left out
            if argument.alias_info is not None and argument.alias_info.is_write:
                whole = torch.as_strided(given, (given.untyped_storage().nbytes() // given.element_size(),), (1,), 0)
                self.before.setdefault(whole.data_ptr(), (whole, whole.clone()))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if kwargs.get("device") == torch.device("meta"):  # the C++ side's idea of "where the operand is"
            kwargs["device"] = given[0].device if given else self.latest
        assert not any(type(tensor) is Tensor and tensor.is_meta for tensor in given), f"{func}: an operand got lost"
        device = self._device(func, given, kwargs)
        if self.tape is not None and (func in READS_BACK or (func in COPIES and device.type == "cpu")):
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        if "device" in kwargs and kwargs["device"] is not None:
            kwargs["device"] = torch.device("cpu")
        if kwargs.pop("pin_memory", False):
            pass  # any memory of the host will do
        if func is torch.ops.aten._fused_sdp_choice.default:
            return 0  # the composite of plain operations
        plain_args, plain_kwargs = tree_map_only(OnGPU, lambda tensor: tensor.inner, (args, kwargs))
        if self.tape is not None:
            assert device == self.capturing, f"{func} on {device} while {self.capturing} is captured"
            self._keep(func, plain_args)
        result = func(*plain_args, **plain_kwargs)
        if self.tape is not None:
            self.tape.append((func, plain_args, plain_kwargs, result))
        else:
            self._order(func, given, device, plain_args, plain_kwargs, result)
        if device.type == "cpu":
            return result
        self.latest = device
        known = {id(tensor.inner): tensor for tensor in given if isinstance(tensor, OnGPU)}
        return tree_map_only(Tensor, lambda made: known[id(made)] if id(made) in known else OnGPU(made, device), result)

    def _order(self, func: Any, given: list[Tensor], device: torch.device, args: Any, kwargs: Any, result: Any) -> None:
        """Whether the stream may run this now; and whether the host may read it."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        on_gpu = [tensor.device for tensor in given if isinstance(tensor, OnGPU)]
        if not on_gpu and device.type == "cpu":
            self.ordering.read_by_host(func, memory_of(tensors))
            return
        stream = Stream.now(device if device.type == "cuda" else on_gpu[0])
        if device.type == "cuda":
            self.ordering.run(func, stream, memory_of(tensors), memory_of(made))
            return
        self.ordering.run(func, stream, memory_of(tensors), ())
        if kwargs.get("non_blocking") or args[2:] == (True,):
            self.ordering.copy_to_host(stream, memory_of(made))
        else:
            stream.synchronize()

    @staticmethod
    def _device(func: Any, given: list[Tensor], kwargs: dict[str, Any]) -> torch.device:
        """Where the result belongs. Raises for operands on two devices."""
        if kwargs.get("device") is not None:
            return with_index(kwargs["device"])
        if func in COPIES:
            return given[0].device
        devices = {tensor.device for tensor in given if tensor.dim() > 0}
        devices = devices or {tensor.device for tensor in given if tensor.device.type != "cpu"}
        if func is torch.ops.aten.index.Tensor or func is torch.ops.aten.index_put_.default:
            devices = {given[0].device}  # indices may be on the CPU
        if len(devices) > 1:
            raise RuntimeError(f"Expected all tensors to be on the same device, but got {devices} for {func}")
        return devices.pop() if devices else torch.device("cpu")


class Graph:
    """A captured graph: operations over tensors that stay where they are."""

    dispatch: Dispatch
    captures: ClassVar[int] = 0
    replays: ClassVar[int] = 0

    def __init__(self) -> None:
        self.tape: Tape = []
        Graph.captures += 1

    def replay(self) -> None:
        Graph.replays += 1
        leaves = [leaf for leaf in tree_leaves([entry[1:] for entry in self.tape]) if isinstance(leaf, Tensor)]
        self.dispatch.ordering.run("a graph", Stream.now(self.dispatch.capturing), memory_of(leaves), memory_of(leaves))
        for func, args, kwargs, result in self.tape:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@contextmanager
def pretend_gpu(count: int = 1) -> Iterator[type[Graph]]:
    """Inside, `torch.cuda` has `count` devices. The module's graphs come back, to count their replays."""
    dispatch = Dispatch()
    Graph.captures = Graph.replays = 0

    fakes = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: count,
        "is_bf16_supported": lambda *_, **__: True,
        "get_device_name": lambda *_: "no GPU",
        "synchronize": lambda *_: dispatch.ordering.synchronize(),
        "empty_cache": lambda: None,
        "reset_peak_memory_stats": lambda *_: None,
        "max_memory_allocated": lambda *_: 0,
        "memory_reserved": lambda *_: 0,
        "memory_allocated": lambda *_: 0,
        "mem_get_info": lambda *_: (1 << 30, 1 << 30),
        "graph_pool_handle": lambda: (0, 1),
        "CUDAGraph": Graph,
        "graph": dispatch.capture,
        "Stream": Stream,
        "Event": Event,
        "stream": lambda stream: stream.use(),
        "current_stream": Stream.now,
        "is_current_stream_capturing": lambda: dispatch.tape is not None,
        "device": lambda *_: nullcontext(),
    }
    only_lift_cpu = torch._C._only_lift_cpu_tensors()
    with ExitStack() as stack:
        for name, fake in fakes.items():
            stack.enter_context(patch.object(torch.cuda, name, fake))
        torch._C._set_only_lift_cpu_tensors(True)
        stack.callback(torch._C._set_only_lift_cpu_tensors, only_lift_cpu)
        # A parameter that moves is a new one: in place it would keep its type.
        overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrite)
        stack.enter_context(dispatch)
        yield Graph
