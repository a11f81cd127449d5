"""ONNX Runtime for the page, which is not part of the repository: from npm, taken only if it is the one in vendor.json.

python -m icell_tf.serve.runtime onnxruntime-web-1.30.0.tgz     puts its files where the page looks for them
"""

import hashlib
import json
import sys
import tarfile
from pathlib import Path

from icell_tf.files import atomic_write

RECORD = Path(__file__).with_name("vendor.json")  # name, version, and of each file its path in the package and its hash
FOLDER = "vendor"  # beside the page's files
INSTALLED = Path(__file__).parent / "page" / FOLDER


def read_runtime(package=None):
    """Returns the files of onnxruntime-web, {name: bytes}.

    Args: package: of npm, a .tgz; None: what was installed with icell_tf.

    Raises:
      FileNotFoundError: nothing was installed, or there is no such package.
      ValueError: a file is not the one in vendor.json.
    """
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    source = Path(package) if package else INSTALLED
    how = f"`npm pack {record['name']}@{record['version']}` gets the package"
    if not source.exists():
        missing = f"there is no file {source}" if package else f"this icell_tf came without {record['name']}"
        raise FileNotFoundError(
            f"{missing}, by which the model runs in a browser: {how}; then give --onnxruntime="
            f"{record['name']}-{record['version']}.tgz; or, in a checkout, run make vendor once"
        )
    files = _from_package(source, record["files"]) if package else _from_folder(source, record["files"])
    for name, about in record["files"].items():
        found = hashlib.sha256(files[name]).hexdigest() if name in files else "missing"
        if found != about["sha256"]:
            raise ValueError(
                f"{source}: its {about['path'] if package else name} is not that of {record['name']} "
                f"{record['version']} (SHA-256 {found}, expected {about['sha256']}): {how}"
            )
    return files


def _from_package(path, files):
    try:
        with tarfile.open(path) as package:
            members = {member.name: member for member in package if member.isfile()}
            return {
                name: package.extractfile(members[about["path"]]).read()
                for name, about in files.items()
                if about["path"] in members
            }
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(f"{path} is no package of npm, or is damaged ({error}): get it again") from error


def _from_folder(folder, files):
    return {name: (folder / name).read_bytes() for name in files if (folder / name).is_file()}


def install(package):
    """Puts the files of a package where the page looks for them. Raises: as `read_runtime`."""
    files = read_runtime(package)
    INSTALLED.mkdir(exist_ok=True)
    for name, content in files.items():
        with atomic_write(INSTALLED / name) as partial:
            partial.write_bytes(content)


if __name__ == "__main__":
    install(sys.argv[1])
