#!/usr/bin/env python3
"""Signatures, deltas and patches from Python, with the engine in a sandbox.

    syncline.py MODULE.wasm signature BASIS SIGNATURE [--librsync]
    syncline.py MODULE.wasm delta SIGNATURE NEW DELTA [--librsync]
    syncline.py MODULE.wasm patch BASIS DELTA NEW

Needs the package wasmtime from PyPI. The functions of the module are described in host-embed/ABI.md.
"""

import os
import sys

import wasmtime

PIECE_BYTES = 1 << 20
MEMORY_BYTES = 256 << 20
FORMATS = {False: 0, True: 1}
MORE, WRITE, COPY, DONE = range(4)


class Refused(Exception):
    """A call that returned an error."""


class Engine:
    """A module with its memory, and one buffer in it to hand bytes over."""

    def __init__(self, path):
        self.store = wasmtime.Store()
        module = wasmtime.Module.from_file(self.store.engine, path)
        instance = wasmtime.Instance(self.store, module, [])
        self.exports = instance.exports(self.store)
        self.memory = self.exports["memory"]
        if self.call("abi_version") != 1:
            raise Refused("the module's interface is of another version")
        self.call("set_memory_limit", MEMORY_BYTES)
        self.buffer = self.call("alloc", PIECE_BYTES)
        if self.buffer == 0:
            raise Refused("the memory limit forbids a buffer")

    def call(self, name, *words):
        return self.exports["syncline_" + name](self.store, *words)

    def bytes(self, at, length):
        at &= 0xFFFFFFFF
        return self.memory.read(self.store, at, at + length)

    def checked(self, name, *words):
        """A call that returns a status or a count."""
        status = self.call(name, *words)
        if status < 0:
            text = self.bytes(self.call("error_ptr"), self.call("error_len"))
            raise Refused(f"{text.decode()} ({status})")
        return status

    def push(self, handle, piece, name="push"):
        self.memory.write(self.store, piece, self.buffer)
        self.checked(name, handle, self.buffer, len(piece))

    def output(self, handle):
        length = self.checked("output_len", handle)
        return self.bytes(self.call("output_ptr", handle), length)

    def stream(self, handle, source, sink):
        """Pushes a whole file, and writes what comes of it."""
        while piece := source.read(PIECE_BYTES):
            self.push(handle, piece)
            self.drain(handle, sink)
        self.checked("finish", handle)
        self.drain(handle, sink)
        self.checked("close", handle)

    def drain(self, handle, sink):
        if sink is not None:
            sink.write(out := self.output(handle))
            self.checked("consume", handle, len(out))


def signature(engine, basis, target, librsync=False):
    """Writes a signature of the file `basis`; the engine chooses algorithm and block length."""
    with open(basis, "rb") as source, open(target, "wb") as sink:
        length = os.fstat(source.fileno()).st_size
        handle = engine.checked("signature_new", FORMATS[librsync], 0, 0, 0, 0, 0, length)
        engine.stream(handle, source, sink)


def delta(engine, signature, new, target, librsync=False):
    """Writes what is new in the file `new`, beside what a signature knows."""
    basis = engine.checked("basis_new")
    with open(signature, "rb") as source:
        while piece := source.read(PIECE_BYTES):
            engine.push(basis, piece)
        engine.checked("finish", basis)
    handle = engine.checked("delta_new", basis, FORMATS[librsync])
    with open(new, "rb") as source, open(target, "wb") as sink:
        engine.stream(handle, source, sink)
    engine.checked("close", basis)


def patch(engine, basis, delta, target):
    """Makes the new file; it appears only when it is complete."""
    temporary = target + ".part"
    try:
        with open(basis, "rb") as old, open(delta, "rb") as source, open(temporary, "wb") as sink:
            length = os.fstat(old.fileno()).st_size
            handle = engine.checked("patch_new", length, 1 << 40)
            # The piece at hand stays in its buffer until it is used up, so copies need one of their own.
            spare = engine.call("alloc", PIECE_BYTES)
            while piece := source.read(PIECE_BYTES):
                engine.push(handle, piece)
                while (step := engine.checked("patch_step", handle)) not in (MORE, DONE):
                    if step == WRITE:
                        sink.write(engine.output(handle))
                    else:
                        copy(engine, handle, spare, old, sink)
            engine.checked("finish", handle)
            engine.checked("close", handle)
            engine.checked("free", spare)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def copy(engine, handle, spare, old, sink):
    old.seek(engine.call("patch_copy_from", handle))
    left = engine.call("patch_copy_len", handle)
    while left > 0:
        piece = old.read(min(left, PIECE_BYTES))
        if not piece:
            raise Refused("the basis was truncated meanwhile")
        sink.write(piece)
        engine.memory.write(engine.store, piece, spare)
        engine.checked("patch_copied", handle, spare, len(piece))
        left -= len(piece)


def main(words):
    librsync = "--librsync" in words
    words = [word for word in words if word != "--librsync"]
    try:
        module, command, *files = words
        kinds = {"signature": (signature, 2), "delta": (delta, 3), "patch": (patch, 3)}
        function, count = kinds[command]
        if len(files) != count:
            raise ValueError
    except (ValueError, KeyError):
        sys.exit(__doc__)
    try:
        extra = {} if function is patch else {"librsync": librsync}
        function(Engine(module), *files, **extra)
    except (Refused, OSError) as error:
        sys.exit(f"syncline.py {command}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
