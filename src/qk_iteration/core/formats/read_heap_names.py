"""What another process runs to read names of variable length out of an HDF5 file.

The heap in which HDF5 keeps such names can send its library into a loop that nothing
ends but the end of the process. It needs none of this project's modules.
"""

READ_HEAP_NAMES = """
import os, resource, sys
import h5py

path, key = sys.argv[1:]
limit = (4 << 30) + 20 * os.path.getsize(path)  # a heap is in the file; bytes
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
try:
    with h5py.File(path, "r", locking="best-effort") as file:
        names = file[key][:].tolist()
    names = [one.encode() if isinstance(one, str) else one for one in names]
    if any(b"\\0" in one for one in names):
        raise ValueError("a name holds a zero byte")
    sys.stdout.buffer.write(b"".join(one + b"\\0" for one in names))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
